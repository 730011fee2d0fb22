#!/usr/bin/python3
"""Steps of a benchmark of ours and of PyTorch, interleaved: one of the one, one of the other.

    compare_step.py build/bench/bench_step [--model resnet50] [--batch 64] [--steps 15] [--tuned]
                    [--eval] [--device cpu|cuda|cuda:N] [--precision f32|tf32|bf16]
    compare_step.py build/bench/bench_layer_cam [--batch 8] [--size 224] ...

table.py compares more, with every PyTorch there is; this is for one of them, and for a GPU.

Both run as child processes that do a step for each line they are sent, so neither computes while
the other is timed and a slow minute of the machine hits both. Prints medians, their ratio and the
peak memory. --tuned gives PyTorch on the CPU what rivals.py says it lacks. Where there is no PyTorch
for the device, ours runs alone and a line says so. TORCH_PYTHON: the Python that has PyTorch.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import rivals

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.environ.get("TORCH_PYTHON", rivals.DEBIAN_PYTHON)
RIVALS = {"bench_step": "step_torch.py", "bench_layer_cam": "layer_cam_torch.py"}
DEFAULTS = {"bench_step": (64, 32), "bench_layer_cam": (8, 224)}  # batch, size


class Child:
    def __init__(self, name, command, env):
        self.name = name
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.seconds = []
        self.last = {}

    def step(self, record):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{self.name} ended: exit code {self.process.wait()}")
        self.last = json.loads(line)
        if record:
            self.seconds.append(self.last["seconds"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def kill(self):
        """Ends a child that is still there because another one failed."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def figures(self):
        ordered = sorted(self.seconds)
        quarter = len(ordered) // 4
        return {"median": statistics.median(ordered), "best": ordered[0],
                "low": ordered[quarter], "high": ordered[-1 - quarter],
                "peak_rss_mib": self.last["peak_rss_mib"],
                "peak_pool_mib": self.last.get("peak_pool_mib")}


def print_figures(name, f, batch):
    pool = "" if f["peak_pool_mib"] is None else f"   tensors {f['peak_pool_mib']:.0f} MiB"
    rate = f"   {batch / f['median']:6.0f} images/s" if batch else ""
    print(f"{name:20} median {f['median'] * 1e3:7.1f} ms   quartiles {f['low'] * 1e3:.1f} .. "
          f"{f['high'] * 1e3:.1f}   best {f['best'] * 1e3:.1f}{rate}   "
          f"peak {f['peak_rss_mib']:.0f} MiB{pool}")


def missing_rival(device):
    """Why PyTorch cannot run on the device, or "" where it can."""
    found = rivals.probe(PYTHON)
    if not found["torch"]:
        return f"{PYTHON} has no torch and torchvision"
    if device.startswith("cuda") and not found["cuda"]:
        return f"torch {found['torch']} of {PYTHON} sees no CUDA device"
    return ""


def parse_flags():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="bench_step or bench_layer_cam")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--optimizer", default="adam", choices=["sgd", "adam", "adamw"])
    parser.add_argument("--eval", dest="evaluate", action="store_true",
                        help="bench_step without training")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16"])
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "nchw"])
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--json", action="store_true", help="the figures as one line of JSON")
    args = parser.parse_args()
    args.name = os.path.basename(args.program)
    if args.name not in RIVALS:
        parser.error(f"{args.name} has no rival here; known: {', '.join(RIVALS)}")
    batch, size = DEFAULTS[args.name]
    args.batch, args.size = args.batch or batch, args.size or size
    return args


def start_children(args):
    shared = ["--serve", "--model", args.model, "--batch", str(args.batch), "--size",
              str(args.size), "--threads", str(args.threads), "--device", args.device,
              "--precision", args.precision]
    if args.name == "bench_step":
        shared += ["--optimizer", args.optimizer] + ["--eval"] * args.evaluate
    children = [Child("fedcamae", [args.program] + shared, dict(os.environ))]
    missing = missing_rival(args.device)
    if missing:
        print(f"no PyTorch beside it: {missing}", file=sys.stderr)
    else:
        script = os.path.join(HERE, RIVALS[args.name])
        children.append(Child("torch tuned" if args.tuned else "torch",
                              [PYTHON, script, "--layout", args.layout] + shared,
                              rivals.tuned_environment(PYTHON) if args.tuned
                              else rivals.plain_environment()))
    return children


def interleave(children, steps, warmup):
    """steps of each child in turn, after `warmup` that do not count; the figures by name."""
    for i in range(warmup + steps):
        for child in children:
            child.step(record=i >= warmup)
            time.sleep(0.05)  # idle OpenMP threads spin for a moment before they sleep
    for child in children:
        child.close()
    return {child.name: child.figures() for child in children}


def main():
    args = parse_flags()
    children = start_children(args)
    try:
        figures = interleave(children, args.steps, args.warmup)
    except RuntimeError as error:
        sys.exit(f"compare_step: {error}")
    if args.json:
        print(json.dumps(figures))
        return
    where = f"{args.threads} threads" if args.device == "cpu" else args.device
    kind = "LayerCAM" if args.name == "bench_layer_cam" else args.optimizer
    if args.evaluate:
        kind = "evaluation"
    print(f"{args.model} b{args.batch} {args.size}x{args.size} {where} {args.precision} {kind} "
          f"{args.layout}, {args.steps} steps each")
    for name, f in figures.items():
        print_figures(name, f, args.batch)
    if len(children) > 1:
        ours, theirs = (f["median"] for f in figures.values())
        print(f"torch / fedcamae = {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
