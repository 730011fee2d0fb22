#!/usr/bin/env python3
"""pytorch-grad-cam's heat maps and PyTorch's autoencoder, for tests/defense.

  make_layer_cam_golden.py DIR    -> DIR/layer_cam_*.safetensors

Where the package pytorch-grad-cam 1.4.8 (`grad-cam` on PyPI, with ttach and OpenCV) can be
imported, the maps are its own; elsewhere the same arithmetic is spelled out below. `source` in
each file's metadata says which; both are compared where both are there. Networks, weights and
images are those of reference_nets.py. Maps come from float64 runs; `*.distance` is how far float32
is from them.
"""

import argparse
import os

import numpy as np
import torch

import reference_nets as nets
import safetensors_file

try:
    from pytorch_grad_cam import LayerCAM
    from pytorch_grad_cam.utils.image import scale_cam_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    SOURCE = "pytorch-grad-cam 1.4.8"
except ImportError:
    LayerCAM = None
    SOURCE = "pytorch-grad-cam 1.4.8's arithmetic, spelled out"

# arch, side, batch, classes, layers. The last layer is the default one.
SMALL = [
    ("small_cnn", 20, 2, 5, ["conv1", "conv2", "conv3"]),
    ("tiny_resnet", 48, 2, 5, ["layer1.0", "layer2", "layer3", "layer4"]),
    (
        "tiny_regnet",
        48,
        2,
        5,
        [
            "trunk_output.block1",
            "trunk_output.block2.block2-0",
            "trunk_output.block3",
            "trunk_output",
        ],
    ),
]
# No layer below layer3 of ResNet-50: a unit of layer3.3 is 2e-7 of its layer's size above zero
# here, and which way a float32 run rounds it moves the gradients below by parts in a thousand.
FULL = [
    ("resnet50", 224, 1, 10, ["layer3", "layer4.0", "layer4"]),
    ("regnet_y_800mf", 224, 1, 10, ["trunk_output.block2", "trunk_output.block3", "trunk_output"]),
]
# small_cnn's layers are what follows their batch norm and ReLU.
TAPPED = ["conv1", "conv2", "conv3"]


class HookedCnn(torch.nn.Module):
    """small_cnn with its three activations as modules that can be hooked."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        for name in TAPPED:
            setattr(self, name, torch.nn.ReLU())

    def forward(self, x):
        pool = lambda y: torch.nn.functional.max_pool2d(y, 2)
        n = self.net
        x = pool(self.conv1(n.bn1(n.conv1(x))))
        x = pool(self.conv2(n.bn2(n.conv2(x))))
        x = self.conv3(n.bn3(n.conv3(x)))
        return n.fc(x.mean(dim=(2, 3)))


# --- the arithmetic, spelled out ------------------------------------------------------------------
def raw_by_hand(net, layer, images, classes):
    kept = []
    hook = net.get_submodule(layer).register_forward_hook(lambda m, x, y: kept.append(y))
    logits = net(images)
    hook.remove()
    if classes is None:
        classes = logits.argmax(dim=1)
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(images)), classes].sum(), kept)
    cam = (np.maximum(gradient.numpy(), 0) * kept[0].detach().numpy()).sum(axis=1)
    return np.maximum(cam, 0), classes.numpy()


def scale_by_hand(maps, side=None):
    result = []
    for image in maps:
        image = image - np.min(image)
        image = image / (1e-7 + np.max(image))
        if side is not None:
            resized = torch.nn.functional.interpolate(
                torch.from_numpy(image)[None, None], (side, side), mode="bilinear"
            )
            image = resized[0, 0].numpy()
        result.append(image)
    return np.float32(result)


# --- the package's own ----------------------------------------------------------------------------
def raw_by_package(net, layer, images, classes):
    """LayerCAM's map where it goes into the scaling, at the layer's resolution; and the map."""

    class Kept(LayerCAM):
        def get_cam_image(self, *args):
            cam = super().get_cam_image(*args)
            self.raw = np.maximum(cam, 0)
            return cam

    targets = None if classes is None else [ClassifierOutputTarget(int(c)) for c in classes]
    cam = Kept(net, [net.get_submodule(layer)])
    scaled = cam(input_tensor=images, targets=targets)
    return cam.raw, scaled


def heat_maps(net, layer, images, classes):
    """raw [N, h, w], scaled [N, side, side], classes [N]."""
    raw, chosen = raw_by_hand(net, layer, images, classes)
    side = images.shape[-1]
    scaled = scale_by_hand(np.maximum(scale_by_hand(raw, side), 0))
    if LayerCAM is not None:
        theirs, theirs_scaled = raw_by_package(net, layer, images, classes)
        assert np.abs(raw - theirs).max() <= 1e-6 * np.abs(theirs).max()
        assert np.abs(scaled - theirs_scaled).max() <= 2e-6
        raw, scaled = theirs, theirs_scaled
    return raw, scaled, chosen


def filled(arch, classes, dtype):
    net = nets.filled(arch, classes, dtype).eval()
    return HookedCnn(net).eval() if arch == "small_cnn" else net


def network_case(case, with_pictures):
    """Maps of the labels' classes at every layer, and of the arg-max at the default layer."""
    arch, side, batch, classes, layers = case
    maps = {}
    for dtype in (torch.float64, torch.float32):
        net = filled(arch, classes, dtype)
        images, labels = nets.batch_of(batch, side, side, classes, dtype)
        maps[dtype] = {layer: heat_maps(net, layer, images, labels) for layer in layers}
        maps[dtype]["argmax"] = heat_maps(net, layers[-1], images, None)
    tensors = {}
    for name, (raw, scaled, chosen) in maps[torch.float64].items():
        single = maps[torch.float32][name][0]
        tensors[f"{name}.raw"] = raw.astype(np.float32)
        tensors[f"{name}.distance"] = np.array(np.abs(raw - single).max(), np.float32)
        # Of one image alone: a picture is large.
        if with_pictures and name in (layers[1], layers[-1]):
            tensors[f"{name}.scaled"] = scaled[-1:].astype(np.float32)
    tensors["argmax.classes"] = maps[torch.float64]["argmax"][2].astype(np.int64)
    metadata = {
        "source": SOURCE,
        "side": str(side),
        "batch": str(batch),
        "classes": str(classes),
        "layers": " ".join(layers),
    }
    return tensors, metadata


def scale_case():
    """Maps: ordinary, constant, so small that the 1e-7 counts, with inf, with NaN, zero."""
    wide = (nets.numbers(1, 6 * 5 * 9).reshape(6, 5, 9) + 1).astype(np.float32)
    wide[1] = 0.625
    wide[2] *= 1e-7
    wide[3, 2, 2] = np.inf
    wide[4, 1, 3] = np.nan
    wide[5] = 0
    large = (nets.numbers(2, 2 * 12 * 12).reshape(2, 12, 12) + 1).astype(np.float32)
    tensors = {}
    with np.errstate(invalid="ignore"):
        for name, maps, side in (("up", wide, 20), ("down", large, 7), ("same", large, 12)):
            scaled = scale_by_hand(np.maximum(scale_by_hand(maps, side), 0))
            if LayerCAM is not None:
                theirs = scale_cam_image(np.maximum(scale_cam_image(maps, (side, side)), 0))
                assert np.nanmax(np.abs(scaled - theirs)) <= 2e-6
                assert (np.isnan(scaled) == np.isnan(theirs)).all()
                scaled = theirs
            tensors[f"{name}.raw"] = maps
            tensors[f"{name}.scaled"] = scaled
    return tensors, {"source": SOURCE}


def autoencoder_case(inputs, hidden, rows, epochs, lr, weight_decay):
    """Given weights and rows, PyTorch's Adam in float64 and how far its float32 is from that."""
    sizes = [inputs, *hidden, *hidden[-2::-1], inputs]
    data = ((nets.numbers(10, rows * inputs) + 1) / 2).astype(np.float32).reshape(rows, inputs)
    runs = {}
    for dtype in (torch.float64, torch.float32):
        modules = []
        for i in range(1, len(sizes)):
            linear = torch.nn.Linear(sizes[i - 1], sizes[i])
            for s, p in enumerate((linear.weight, linear.bias)):
                u = nets.numbers(20 + 2 * i + s, p.numel()) / np.sqrt(sizes[i - 1])
                p.data = torch.from_numpy(u.astype(np.float32)).reshape(p.shape)
            modules += [linear, torch.nn.ReLU()]
        net = torch.nn.Sequential(*modules[:-1], torch.nn.Sigmoid()).to(dtype)
        flat = lambda: torch.cat([p.detach().reshape(-1) for p in net.parameters()])
        before = flat().numpy()
        x = torch.from_numpy(data).to(dtype)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=weight_decay)
        losses = []
        for _ in range(epochs):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(net(x), x)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
        after, copy = (t.detach().double().numpy() for t in (flat(), net(x)))
        runs[dtype] = (np.array(losses), after, copy)
    exact, single = runs[torch.float64], runs[torch.float32]
    tensors = {"rows": data, "before": before.astype(np.float32)}
    for name, a, b in zip(("losses", "after", "reconstructed"), exact, single):
        tensors[name] = a.astype(np.float32)
        tensors[f"{name}.distance"] = np.array(np.abs(a - b).max(), np.float32)
    metadata = {
        "hidden": " ".join(map(str, hidden)),
        "epochs": str(epochs),
        "lr": str(lr),
        "weight_decay": str(weight_decay),
        "source": f"PyTorch {torch.__version__}",
    }
    return tensors, metadata


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    folder = parser.parse_args().out
    cases = {case[0]: network_case(case, True) for case in SMALL}
    cases.update({case[0]: network_case(case, False) for case in FULL})
    cases["scale"] = scale_case()
    cases["autoencoder"] = autoencoder_case(36, [8], 7, 10, 1e-3, 1e-5)
    cases["deep_autoencoder"] = autoencoder_case(25, [12, 5], 6, 20, 1e-2, 1e-2)
    for name, (tensors, metadata) in cases.items():
        safetensors_file.write(
            os.path.join(folder, f"layer_cam_{name}.safetensors"), tensors, metadata
        )
    print("maps by", SOURCE)


if __name__ == "__main__":
    main()
