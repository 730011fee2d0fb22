#!/usr/bin/env python3
"""pytorch-grad-cam's Grad-CAM maps, for tests/defense.

  make_grad_cam_golden.py DIR    -> DIR/grad_cam_*.safetensors

As make_layer_cam_golden.py, whose networks, images and layers these are: by the package where it
can be imported, else by the same arithmetic spelled out; compared where both are there. float64;
`*.distance` is how far float32 is from that.
"""

import argparse
import os

import numpy as np
import torch

import make_layer_cam_golden as layer_cam
import reference_nets as nets
import safetensors_file

try:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
except ImportError:
    GradCAM = None


def raw_by_hand(net, layer, images, classes):
    """relu(sum_k w_k A_k), w_k the mean of the gradient over the pixels: [N, h, w]."""
    kept = []
    hook = net.get_submodule(layer).register_forward_hook(lambda m, x, y: kept.append(y))
    logits = net(images)
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(images)), classes].sum(), kept)
    weights = gradient.numpy().mean(axis=(2, 3))
    cam = (weights[:, :, None, None] * kept[0].detach().numpy()).sum(axis=1)
    return np.maximum(cam, 0)


def raw_by_package(net, layer, images, classes):
    class Kept(GradCAM):
        def get_cam_image(self, *args):
            cam = super().get_cam_image(*args)
            self.raw = np.maximum(cam, 0)
            return cam

    cam = Kept(net, [net.get_submodule(layer)])
    cam(input_tensor=images, targets=[ClassifierOutputTarget(int(c)) for c in classes])
    return cam.raw


def raw_map(net, layer, images, classes):
    raw = raw_by_hand(net, layer, images, classes)
    if GradCAM is not None:
        theirs = raw_by_package(net, layer, images, classes)
        assert np.abs(raw - theirs).max() <= 1e-6 * np.abs(theirs).max()
        raw = theirs
    return raw


def network_case(case):
    arch, side, batch, classes, layers = case
    maps = {}
    for dtype in (torch.float64, torch.float32):
        net = layer_cam.filled(arch, classes, dtype)
        images, labels = nets.batch_of(batch, side, side, classes, dtype)
        maps[dtype] = {layer: raw_map(net, layer, images, labels) for layer in layers}
    tensors = {}
    for name, raw in maps[torch.float64].items():
        tensors[f"{name}.raw"] = raw.astype(np.float32)
        single = maps[torch.float32][name]
        tensors[f"{name}.distance"] = np.array(np.abs(raw - single).max(), np.float32)
    return tensors, {
        "source": layer_cam.SOURCE,
        "side": str(side),
        "batch": str(batch),
        "classes": str(classes),
        "layers": " ".join(layers),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    folder = parser.parse_args().out
    for case in layer_cam.SMALL:
        tensors, metadata = network_case(case)
        path = os.path.join(folder, f"grad_cam_{case[0]}.safetensors")
        safetensors_file.write(path, tensors, metadata)
    print("maps by", layer_cam.SOURCE)


if __name__ == "__main__":
    main()
