#!/usr/bin/env python3
"""PyTorch's numbers for tests/models: logits, gradients, statistics, weights after a few steps.

  make_golden.py names DIR             the state dictionaries' names and shapes -> DIR/*_state.txt
  make_golden.py small DIR             the committed dumps -> DIR/*.safetensors
  make_golden.py optimizers DIR        optimisers and schedules -> DIR/optimizers.txt
  make_golden.py full OUT --arch A --size S --batch B --stream I --runs R
                                       everything, of images I, for the slow tests

Every number is computed in float64 and stored with it how far PyTorch's own float32 is from it:
float32 training at small sizes is chaotic, and that distance is the only honest tolerance. It is a
matter of luck too: one ReLU that falls to the other side moves every gradient. `full` takes R
float32 runs over the same images in other orders, and stores how near a ReLU's input comes to zero.
"""

import argparse
import os

import numpy as np
import torch

import reference_nets as nets
import safetensors_file

STEPS = 5
OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-4),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=1e-4),
}
SAMPLES = 16  # numbers of each tensor that a small dump keeps
# A layer in the middle of each network: the gradient of its activation is what LayerCAM needs.
TAPS = {
    "tiny_resnet": "layer2",
    "resnet50": "layer3.4",
    "tiny_regnet": "trunk_output.block2.block2-0",
    "regnet_y_800mf": "trunk_output.block2",
}

# arch, height, width, batch, classes. The tiny nets see images that are not square.
SMALL = [
    ("small_cnn", 20, 28, 6, 7),
    ("tiny_resnet", 72, 40, 6, 7),
    ("tiny_regnet", 72, 40, 6, 7),
    ("resnet50", 64, 64, 8, 10),
    ("regnet_y_800mf", 32, 32, 8, 10),
]


def array(tensor):
    """A copy: gradients and statistics change in place with the next step."""
    return tensor.detach().double().numpy().copy()


class Run:
    """All numbers of one network in one precision."""

    def __init__(self, case, dtype, optimizers, rotation=0, stream=nets.IMAGE_STREAM):
        arch, height, width, batch, classes = case
        images, labels = nets.batch_of(batch, height, width, classes, dtype, stream)
        images, labels = images.roll(rotation, 0), labels.roll(rotation, 0)
        with torch.no_grad():
            self.logits = array(nets.filled(arch, classes, dtype).eval()(images))
        self.tapped = {}
        if arch in TAPS:
            self.tap(nets.filled(arch, classes, dtype).eval(), images, labels, TAPS[arch])
        self.after = {}
        for name in optimizers or ["adam"]:
            self.train(nets.filled(arch, classes, dtype).train(), images, labels, name, optimizers)

    def tap(self, net, images, labels, layer):
        """Activation [N, h, w, c] in evaluation mode, and its gradient of the labels' scores."""
        kept = []
        net.get_submodule(layer).register_forward_hook(lambda m, x, y: kept.append(y))
        score = net(images)[torch.arange(len(labels)), labels].sum()
        (gradient,) = torch.autograd.grad(score, kept)
        nhwc = lambda t: array(t.permute(0, 2, 3, 1).contiguous())
        self.tapped = {"activation": nhwc(kept[0]), "gradient": nhwc(gradient)}

    def train(self, net, images, labels, name, optimizers):
        optimizer = OPTIMIZERS[name](net.parameters())
        for step in range(STEPS if optimizers else 1):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(images), labels)
            loss.backward()
            if step == 0:
                self.loss = array(loss)
                self.gradients = {k: array(p.grad) for k, p in net.named_parameters()}
                self.statistics = {k: array(b) for k, b in net.named_buffers() if b.dim() == 1}
            optimizer.step()
        self.after[name] = {k: array(p) for k, p in net.named_parameters()}


def both(case, optimizers):
    return Run(case, torch.float64, optimizers), Run(case, torch.float32, optimizers)


def sample_positions(stream, size):
    """Where a small dump looks into a tensor; repeated in tests/models/golden.cpp."""
    return [(stream * 7919 + j * 104729) % size for j in range(SAMPLES)]


def sampled(prefix, exact, single):
    """norm: of the tensor; distance: the largest of float32's differences, [tensors] each."""
    values = [
        [v.reshape(-1)[i] for i in sample_positions(s, v.size)]
        for s, v in enumerate(exact.values())
    ]
    return {
        f"{prefix}.samples": np.array(values, np.float32),
        f"{prefix}.norm": np.array([np.linalg.norm(v) for v in exact.values()], np.float32),
        f"{prefix}.distance": np.array(
            [np.abs(exact[k] - single[k]).max() for k in exact], np.float32
        ),
    }


def groups(run):
    """Name -> tensors that do not depend on the order of the images."""
    return {"gradients": run.gradients, "statistics": run.statistics, **run.after}


def about(case):
    arch, height, width, batch, classes = case
    keys = {"height": height, "width": width, "batch": batch, "classes": classes}
    metadata = {key: str(value) for key, value in keys.items()}
    metadata["tap"] = TAPS.get(arch, "")
    return metadata


def common(exact, single):
    return {
        "logits": exact.logits.astype(np.float32),
        "logits_single": single.logits.astype(np.float32),
        "loss": exact.loss.astype(np.float32),
        "loss_distance": np.array(abs(exact.loss - single.loss), np.float32),
    }


def small(folder):
    for case in SMALL:
        exact, single = both(case, [])
        tensors = common(exact, single)
        tensors.update(sampled("gradients", exact.gradients, single.gradients))
        tensors.update(sampled("statistics", exact.statistics, single.statistics))
        if exact.tapped:
            tensors.update(sampled("tapped", exact.tapped, single.tapped))
        safetensors_file.write(
            os.path.join(folder, f"{case[0]}.safetensors"), tensors, about(case)
        )


def nearest_to_zero(case, stream):
    """The smallest |x| that goes into a ReLU of the first training step, in float64."""
    arch, height, width, batch, classes = case
    net, least = nets.filled(arch, classes, torch.float64).train(), []
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_pre_hook(lambda m, x: least.append(float(x[0].abs().min())))
    with torch.no_grad():
        net(nets.batch_of(batch, height, width, classes, torch.float64, stream)[0])
    return min(least)


def full(path, arch, size, batch, stream, runs):
    """Every number, and float32's Euclidean distance per tensor and run, [runs, tensors]."""
    case = (arch, size, size, batch, 10)
    exact = Run(case, torch.float64, list(OPTIMIZERS), 0, stream)
    tensors = {}
    distances = {name: [] for name in groups(exact)}
    for run in range(runs):
        single = Run(case, torch.float32, list(OPTIMIZERS), run * batch // runs, stream)
        if run == 0:
            tensors = common(exact, single)
        for name, values in groups(single).items():
            reference = groups(exact)[name]
            distances[name].append([np.linalg.norm(reference[k] - values[k]) for k in reference])
    tensors["nearest_to_zero"] = np.array(nearest_to_zero(case, stream), np.float32)
    for name, values in groups(exact).items():
        tensors.update({f"{name}.{k}": v.astype(np.float32) for k, v in values.items()})
        tensors[f"{name}_distance"] = np.array(distances[name], np.float32)
    safetensors_file.write(path, tensors, about(case))


# Name -> optimiser of a few numbers; repeated in tests/layers/test_optimizer.cpp.
SMALL_OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.02),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(
        p, lr=0.1, momentum=0.8, weight_decay=0.01, nesterov=True
    ),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
}
SCHEDULES = {
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=3, gamma=0.5),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=12),
}


def optimizers(folder):
    """Lines of a name and numbers: the gradients, the parameters after each step, the rates."""
    lines = []
    line = lambda name, values: lines.append(" ".join([name, *(repr(float(v)) for v in values)]))
    gradients = [torch.from_numpy(nets.numbers(1 + step, 6)) for step in range(STEPS)]
    start = nets.numbers(0, 6)
    line("start", start)
    for gradient in gradients:
        line("gradient", gradient)
    for name, make in SMALL_OPTIMIZERS.items():
        parameter = torch.nn.Parameter(torch.tensor(start))
        optimizer = make([parameter])
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
            line(name, parameter.detach())
    for name, make in SCHEDULES.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
        schedule, rates = make(optimizer), []
        for _ in range(13):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        line(f"schedule_{name}", rates)
    with open(os.path.join(folder, "optimizers.txt"), "w") as out:
        out.write("\n".join(lines) + "\n")


def names(folder):
    for arch in ("resnet50", "regnet_y_800mf"):
        with open(os.path.join(folder, f"{arch}_state.txt"), "w") as out:
            for name, tensor in nets.build(arch, 1000).state_dict().items():
                out.write(" ".join([name, *map(str, tensor.shape)]) + "\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["names", "small", "optimizers", "full"])
    parser.add_argument("out")
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--stream", type=int, default=nets.IMAGE_STREAM)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    if args.what == "names":
        names(args.out)
    elif args.what == "small":
        small(args.out)
    elif args.what == "optimizers":
        optimizers(args.out)
    else:
        full(args.out, args.arch, args.size, args.batch, args.stream, args.runs)


if __name__ == "__main__":
    main()
