#!/usr/bin/python3
"""Training steps of bench_step and of PyTorch, interleaved: one step of the one, one of the other.

    compare_step.py build/bench/bench_step [--model resnet50] [--batch 64] [--steps 15] [--tuned]

Both run as child processes that do a step for each line they are sent, so neither computes while
the other is timed and a slow minute of the machine hits both. Prints medians, their ratio and the
peak memory. --tuned gives PyTorch what it lacks by default on Debian: OpenBLAS built for OpenMP
(package libopenblas0-openmp) and a malloc that keeps its pages.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

OPENMP_BLAS = "/usr/lib/x86_64-linux-gnu/openblas-openmp"
KEEP_PAGES = ("glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=4294967295:"
              "glibc.malloc.hugetlb=1")


class Child:
    def __init__(self, name, command, env):
        self.name = name
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.seconds = []
        self.last = {}

    def step(self, record):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended: exit code {self.process.wait()}")
        self.last = json.loads(line)
        if record:
            self.seconds.append(self.last["seconds"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def summary(self, batch):
        ordered = sorted(self.seconds)
        median = statistics.median(ordered)
        quarter = len(ordered) // 4
        print(f"{self.name:14} median {median * 1e3:7.1f} ms   quartiles "
              f"{ordered[quarter] * 1e3:.1f} .. {ordered[-1 - quarter] * 1e3:.1f}   "
              f"{batch / median:6.0f} images/s   peak {self.last['peak_rss_mib']:.0f} MiB")
        return median


def torch_environment(tuned):
    env = dict(os.environ)
    if tuned:
        env["GLIBC_TUNABLES"] = KEEP_PAGES
        if os.path.isdir(OPENMP_BLAS):
            env["LD_LIBRARY_PATH"] = OPENMP_BLAS + ":" + env.get("LD_LIBRARY_PATH", "")
        else:
            print("no OpenBLAS for OpenMP here: only malloc is tuned", file=sys.stderr)
    return env


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench_step")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--optimizer", default="adam", choices=["sgd", "adam", "adamw"])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "nchw"])
    parser.add_argument("--tuned", action="store_true")
    args = parser.parse_args()
    shared = ["--serve", "--model", args.model, "--optimizer", args.optimizer,
              "--batch", str(args.batch), "--size", str(args.size),
              "--threads", str(args.threads)]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "step_torch.py")
    children = [
        Child("fedcamae", [args.bench_step] + shared, dict(os.environ)),
        Child("torch tuned" if args.tuned else "torch",
              ["/usr/bin/python3", script, "--layout", args.layout] + shared,
              torch_environment(args.tuned))]
    for i in range(args.warmup + args.steps):
        for child in children:
            child.step(record=i >= args.warmup)
            time.sleep(0.05)  # idle OpenMP threads spin for a moment before they sleep
    for child in children:
        child.close()
    print(f"{args.model} b{args.batch} {args.size}x{args.size} {args.threads} threads "
          f"{args.optimizer} {args.layout}, {args.steps} steps each")
    ours, theirs = (child.summary(args.batch) for child in children)
    print(f"torch / fedcamae = {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
