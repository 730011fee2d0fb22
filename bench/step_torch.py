#!/usr/bin/python3
"""The rival of bench_step: the same training step in PyTorch, the same protocol.

    step_torch.py [--model resnet50] [--batch 64] [--steps 20] [--threads 2] [--layout channels_last]
    step_torch.py --serve      one step for each line on stdin, answered with a line of JSON
"""
import argparse
import json
import resource
import statistics
import sys
import time

import torch
import torchvision


def peak_rss_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Trainer:
    def __init__(self, args):
        torch.manual_seed(1)
        torch.set_num_threads(args.threads)
        layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
        build = getattr(torchvision.models, args.model)
        self.model = build(num_classes=args.classes).to(memory_format=layout).train()
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        self.optimizer = kinds[args.optimizer](self.model.parameters(), lr=1e-4)
        self.images = torch.randn(args.batch, 3, args.size, args.size).to(memory_format=layout)
        self.labels = torch.randint(args.classes, (args.batch,))

    def step(self):
        begin = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        value = loss.item()
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "loss": value, "peak_rss_mib": peak_rss_mib()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--optimizer", default="adam", choices=["sgd", "adam", "adamw"])
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "nchw"])
    parser.add_argument("--json-lines", action="store_true")
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    trainer = Trainer(args)
    if args.serve:
        for _ in sys.stdin:
            print(json.dumps(trainer.step()), flush=True)
        return
    lines = []
    for _ in range(args.warmup + args.steps):
        lines.append(trainer.step())
        if args.json_lines:
            print(json.dumps(lines[-1]), flush=True)
    seconds = [line["seconds"] for line in lines[args.warmup:]]
    if not args.json_lines:
        median = statistics.median(seconds)
        print(f"{args.model} b{args.batch} {args.size}x{args.size} {args.threads} threads, "
              f"torch {torch.__version__} {args.layout}: median {median * 1e3:.1f} ms "
              f"(best {min(seconds) * 1e3:.1f}), {args.batch / median:.0f} images/s, "
              f"peak {lines[-1]['peak_rss_mib']:.0f} MiB")


if __name__ == "__main__":
    main()
