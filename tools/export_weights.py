#!/usr/bin/env python3
"""Writes PyTorch weights as a safetensors file that `fedcamae` takes (--weights).

  export_weights.py WEIGHTS.pth OUT.safetensors --arch resnet50
  export_weights.py --random OUT.safetensors --arch regnet_y_800mf --classes 10 --seed 1

WEIGHTS.pth holds a state dictionary of torchvision's resnet50 or regnet_y_800mf, or of timm's
resnet50 (the same names), by itself or under "state_dict", "model" or "model_state_dict", with or
without the prefix "module." of DataParallel. --random writes torchvision's initial weights.
"""

import argparse
import os
import sys

import numpy as np
import torch
import torchvision

import safetensors_file

ARCHITECTURES = ("resnet50", "regnet_y_800mf")
NESTED = ("state_dict", "model", "model_state_dict")
# What torchvision's and timm's published weights were trained with.
IMAGENET_MEAN, IMAGENET_STD = "0.485,0.456,0.406", "0.229,0.224,0.225"


def refuse(text):
    sys.exit(f"export_weights.py: {text}")


def read_state(path):
    try:
        # A .pth is a pickle and may run code: only files of people you trust.
        content = torch.load(path, map_location="cpu")
    except Exception as error:
        refuse(f"{path}: not a PyTorch file ({type(error).__name__}); check the path")
    for key in NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        refuse(f"{path}: no state dictionary; save model.state_dict()")
    if not all(isinstance(v, torch.Tensor) for v in content.values()):
        refuse(f"{path}: an entry is not a tensor; save model.state_dict()")
    return {name.removeprefix("module."): value for name, value in content.items()}


def check(path, state, arch, classes):
    """Names and shapes are torchvision's; counters may be missing."""
    expected = getattr(torchvision.models, arch)(num_classes=classes).state_dict()
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, torch.tensor(0))
        if name not in state:
            refuse(f"{path}: tensor '{name}' is missing; is it a {arch}?")
        if state[name].shape != tensor.shape:
            refuse(f"{path}: tensor '{name}' is {list(state[name].shape)}, not {list(tensor.shape)}")
    for name in state:
        if name not in expected:
            refuse(f"{path}: tensor '{name}' is not one of a {arch}")
    return {name: state[name] for name in expected}  # in torchvision's order


def as_array(tensor):
    if tensor.is_floating_point():
        return tensor.detach().float().contiguous().numpy()
    return tensor.detach().numpy().astype(np.int64)


def triple(text):
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) != 3:
        raise argparse.ArgumentTypeError("three numbers a,b,c")
    return ",".join(str(number) for number in numbers)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", nargs="?", help="a .pth file; left out with --random")
    parser.add_argument("out")
    parser.add_argument("--arch", required=True, choices=ARCHITECTURES)
    parser.add_argument("--random", action="store_true", help="torchvision's initial weights")
    parser.add_argument("--classes", type=int, default=1000, help="with --random")
    parser.add_argument("--seed", type=int, default=0, help="with --random")
    parser.add_argument("--size", type=int, default=224, help="side of the training images")
    parser.add_argument("--mean", type=triple, default=IMAGENET_MEAN)
    parser.add_argument("--std", type=triple, default=IMAGENET_STD)
    args = parser.parse_args()
    if args.random == (args.weights is not None):
        parser.error("give either a .pth file or --random")
    return args


def main():
    args = parse_arguments()
    if args.random:
        torch.manual_seed(args.seed)
        state = getattr(torchvision.models, args.arch)(num_classes=args.classes).state_dict()
    else:
        state = read_state(args.weights)
        if "fc.bias" not in state:
            refuse(f"{args.weights}: tensor 'fc.bias' is missing; is it a {args.arch}?")
        state = check(args.weights, state, args.arch, state["fc.bias"].numel())
    metadata = {
        "format": "pt",
        "model": args.arch,
        "classes": str(state["fc.bias"].numel()),
        "size": str(args.size),
        "mean": args.mean,
        "std": args.std,
    }
    temporary = f"{args.out}.{os.getpid()}.tmp"
    safetensors_file.write(temporary, {k: as_array(v) for k, v in state.items()}, metadata)
    os.replace(temporary, args.out)
    print(f"{args.out}: {args.arch}, {metadata['classes']} classes")


if __name__ == "__main__":
    main()
