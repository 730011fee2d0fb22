#!/usr/bin/env python3
"""The tables of docs/gpu_estimate.md: a roofline ESTIMATE of our training step on an H100.

    bench/roofline.py build/release/bench/bench_trace [--layers]

bench_trace names every primitive of a step with its shapes. Here each gets the time that its
multiply-adds, its bytes and its launches would take at the data sheet's rates. Nothing is measured.
"""
import argparse
import collections
import json
import re
import subprocess

# NVIDIA H100 SXM5 80 GB: data sheet and "NVIDIA H100 Tensor Core GPU Architecture", dense rates.
PEAK = {"f32": 67e12, "tf32": 495e12, "bf16": 989e12}  # FLOP/s
BANDWIDTH = 3.35e12  # bytes/s, HBM3
SMS = 132
# Assumptions.
# A block computes a side x side piece of a product on one SM, at this part of the SM's peak; the
# library is taken to choose the best side for a shape.
TILES = {128: 1.0, 64: 0.8, 32: 0.5}
SPLIT = 256              # backward-weight may split its sum over blocks, at least so long each
KERNEL_SECONDS = 2e-6    # the shortest that a kernel takes, one after another in a stream
LAUNCH_SECONDS = (2e-6, 4e-6)  # of the host, per launch

# Kernels and library calls of core/cuda a primitive, where they are not one. A cuDNN or cuBLAS call
# counts as one; cuDNN may add kernels that lay out operands.
LAUNCHES = {"batch_norm_train": 3, "batch_norm_train_backward": 3, "batch_norm_eval": 2,
            "batch_norm_eval_backward": 2, "sum_rows": 2, "sum": 3}
CASES = [("resnet50", 64, 32), ("resnet50", 32, 224), ("regnet_y_800mf", 64, 32),
         ("regnet_y_800mf", 32, 224)]
KINDS = [("convolution", r"conv2d"), ("batch norm", r"batch_norm"), ("Adam", r"adam"),
         ("matrix product", r"gemm"), ("the rest", r"")]


def ceil_div(a, b):
    return -(-a // b)


def blocks(call, side):
    tiles = ceil_div(call["m"], side) * ceil_div(call["n"], side) * call["groups"]
    if call["op"] == "conv2d_backward_weight":
        tiles *= max(1, min(SMS // tiles, call["k"] // SPLIT))
    return tiles


def fill_of(call, side):
    whole = ceil_div(call["m"], side) * ceil_div(call["n"], side) * side * side
    used = call["m"] * call["n"] / whole
    count = blocks(call, side)
    return TILES[side] * used * count / (ceil_div(count, SMS) * SMS)


def best_side(call):
    return max(TILES, key=lambda side: fill_of(call, side))


def fill(call):
    """The part of the GPU's multiply-adds that does needed work: lost are tiles that hang over the
    edge, a last wave that leaves SMs idle, and the lower rate of small tiles."""
    return fill_of(call, best_side(call))


class Cost:
    """One primitive at one precision."""

    def __init__(self, call, precision):
        self.call = call
        self.launches = LAUNCHES.get(call["op"], 1)
        ideal = call["flops"] / PEAK[precision]
        self.memory = call["bytes"] / BANDWIDTH
        self.roof = max(ideal, self.memory)
        compute = ideal / fill(call) if call["flops"] else 0
        parts = {"compute": compute, "memory": self.memory,
                 "launch": self.launches * KERNEL_SECONDS}
        self.bound = max(parts, key=parts.get)
        self.seconds = parts[self.bound]


def trace(program, model, batch, size, precision):
    stored = "bf16" if precision == "bf16" else "f32"  # TF32 is float32 in memory
    command = [program, "--model", model, "--batch", str(batch), "--size", str(size),
               "--precision", stored]
    lines = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    return [json.loads(line) for line in lines.splitlines()]


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def total(costs, get):
    return sum(get(cost) for cost in costs)


def summary_row(name, precision, costs):
    flops = total(costs, lambda c: c.call["flops"])
    traffic = total(costs, lambda c: c.call["bytes"])
    gpu = total(costs, lambda c: c.seconds)
    launches = total(costs, lambda c: c.launches)
    host = [launches * seconds for seconds in LAUNCH_SECONDS]
    shares = collections.Counter()
    for cost in costs:
        shares[cost.bound] += cost.seconds / gpu
    split = " / ".join(f"{100 * shares[bound]:.0f}" for bound in ("compute", "memory", "launch"))
    verdict = "launch" if sum(host) / 2 > gpu else max(shares, key=shares.get)
    return [name, precision, f"{flops / 1e9:.1f}", f"{traffic / 1e9:.2f}",
            f"{flops / traffic:.0f}", f"{total(costs, lambda c: c.roof) * 1e3:.2f}",
            f"{gpu * 1e3:.2f}", split, str(launches), f"{host[0] * 1e3:.1f} .. {host[1] * 1e3:.1f}",
            verdict]


def kind_rows(name, costs):
    gpu = total(costs, lambda c: c.seconds)
    left = list(costs)
    for kind, pattern in KINDS:
        of_kind = [c for c in left if re.match(pattern, c.call["op"])]
        left = [c for c in left if not re.match(pattern, c.call["op"])]
        seconds = total(of_kind, lambda c: c.seconds)
        yield [name, kind, str(len(of_kind)), str(total(of_kind, lambda c: c.launches)),
               f"{total(of_kind, lambda c: c.call['flops']) / 1e9:.1f}",
               f"{total(of_kind, lambda c: c.call['bytes']) / 1e9:.2f}", f"{seconds * 1e3:.2f}",
               f"{100 * seconds / gpu:.0f}%"]


def layer_of(call):
    """"3x3 64 -> 128 /2 g8" of a convolution, from "x [...] w [K, R, S, C] stride s groups g"."""
    found = re.search(r"w \[(\d+), (\d+), (\d+), (\d+)\] stride (\d+) groups (\d+)", call["shape"])
    k, r, s, c, stride, groups = (int(text) for text in found.groups())
    return (f"{r}x{s} {c * groups} -> {k}" + (f" /{stride}" if stride > 1 else "") +
            (f" g{groups}" if groups > 1 else ""))


def layer_rows(traced, precision):
    """Every distinct convolution; forward, backward-data and backward-weight together."""
    layers = collections.OrderedDict()
    for call in traced[precision]:
        if call["op"].startswith("conv2d"):
            layers.setdefault(layer_of(call), []).append(Cost(call, precision))
    for layer, costs in layers.items():
        forward = [c for c in costs if c.call["op"] == "conv2d"]
        flops = total(costs, lambda c: c.call["flops"])
        traffic = total(costs, lambda c: c.call["bytes"])
        bounds = " ".join(f"{c.bound[0]}" for c in [forward[0]] + [
            next((c for c in costs if c.call["op"] == op), None)
            for op in ("conv2d_backward_data", "conv2d_backward_weight")] if c)
        tf32 = sum(Cost(c.call, "tf32").seconds for c in costs)
        yield [layer, str(len(forward)), f"{flops / 1e9:.2f}", f"{traffic / 1e6:.0f}",
               f"{flops / traffic:.0f}",
               str(blocks(forward[0].call, best_side(forward[0].call))),
               f"{100 * fill(forward[0].call):.0f}%",
               f"{total(costs, lambda c: c.roof) * 1e6:.0f}",
               f"{total(costs, lambda c: c.seconds) * 1e6:.0f}", f"{tf32 * 1e6:.0f}", bounds]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench_trace")
    parser.add_argument("--layers", action="store_true", help="a table per layer, too")
    args = parser.parse_args()
    traces = {case: {p: trace(args.bench_trace, *case, p) for p in PEAK} for case in CASES}

    def name(case):
        return f"{case[0]} b{case[1]} {case[2]}²"

    def costs(case, precision):
        return [Cost(call, precision) for call in traces[case][precision]]

    print("An ESTIMATE, not a measurement.\n")
    table(["step", "precision", "GFLOP", "GB", "FLOP/B", "roofline ms", "with fill and floors ms",
           "compute / memory / launch %", "launches", "host ms", "bound"],
          [summary_row(name(case), p, costs(case, p)) for case in CASES for p in PEAK])
    table(["step, f32", "kind", "calls", "launches", "GFLOP", "GB", "ms", "share"],
          [row for case in CASES for row in kind_rows(name(case), costs(case, "f32"))])
    if args.layers:
        for case in CASES:
            table([f"convolutions of {name(case)}", "count", "GFLOP", "MB", "FLOP/B", "blocks",
                   "fill", "roofline µs", "f32 µs", "tf32 µs", "bound fwd, data, weight"],
                  list(layer_rows(traces[case], "f32")))


if __name__ == "__main__":
    main()
