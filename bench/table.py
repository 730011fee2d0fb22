#!/usr/bin/env python3
"""The table of docs/performance.md: every row ours and its rivals, interleaved, beside what the
project asks of itself.

    table.py PART... [--build build/release] [--threads 2] [--steps N] [--rows TEXT] [--list]

PARTs: step, eval, layer_cam, autoencoder, round, memory, scaling. --rows: only those whose name has
TEXT in it. --steps: of every row, instead of its own number; a round is one step. The rival of a row
is the quickest of the PyTorchs that rivals.py finds, eager and tuned; every one is timed, in turns
with ours, and the medians are compared. "best" compares the quickest step of each, which a busy
machine disturbs less.
"""
import argparse
import dataclasses
import os
import sys

import rivals
from compare_step import HERE, Child, interleave, print_figures


@dataclasses.dataclass
class Row:
    part: str
    name: str
    program: str  # of ours
    flags: str  # of ours and, where `also` says nothing else, of the rival
    rivals: list  # of (script or "own", flags that come after `flags`)
    must: float = None  # ratio, rival / ours; MiB of ours where the part is memory
    goal: float = None
    steps: int = 11
    threads: int = None  # of ours, where not the table's
    images: int = 0  # of a step


def step(name, flags, must, goal, **kwargs):
    images = int(flags.split("--batch ")[1].split()[0])
    return Row("step", name, "bench_step", flags, [("step_torch.py", "")], must, goal,
               images=images, **kwargs)


RESNET, REGNET = "--model resnet50", "--model regnet_y_800mf"
# As a defence does: the updates of a round in a row, each with its own numbers.
CAM = "--batch 1 --size 224 --updates 6"
# At one image PyTorch's own layout may be the quicker one.
CAM_RIVALS = [("layer_cam_torch.py", ""), ("layer_cam_torch.py", "--layout nchw")]
ROUND = f"{RESNET} --classes 10 --clients 21 --images 500 --batch 64"
EPOCHS = " --probes 1 --epochs 200"  # of the published defence
SMALL_ROUND = f"{RESNET} --classes 10 --clients 4 --images 256 --probes 1 --epochs 20"

ROWS = [
    step("ResNet-50 b64 f32", f"{RESNET} --batch 64", 1.4, 2.0),
    step("ResNet-50 b64 bf16", f"{RESNET} --batch 64 --precision bf16", 1.5, 2.5),
    Row("step", "ResNet-50 b64 bf16 against our f32", "bench_step",
        f"{RESNET} --batch 64 --precision bf16", [("own", "--precision f32")], 1.3, 1.6,
        images=64),
    step("ResNet-50 b32 f32", f"{RESNET} --batch 32", 1.8, 2.5),
    step("ResNet-50 b8 f32", f"{RESNET} --batch 8", 3, 4),
    step("RegNetY-800MF b64 f32", f"{REGNET} --batch 64", 1.7, 2.5),
    step("RegNetY-800MF b32 f32", f"{REGNET} --batch 32", 2.0, 2.8),
    Row("eval", "ResNet-50 evaluation b128 f32", "bench_step", f"{RESNET} --batch 128 --eval",
        [("step_torch.py", "")], 1.25, 1.5, images=128),
    Row("layer_cam", "LayerCAM ResNet-50 224", "bench_layer_cam", f"{RESNET} {CAM}", CAM_RIVALS,
        1.6, 2, images=1),
    Row("layer_cam", "LayerCAM RegNetY-800MF 224", "bench_layer_cam", f"{REGNET} {CAM}",
        CAM_RIVALS, 2, 3, images=1),
    Row("autoencoder", "autoencoder 24 maps, 200 epochs", "bench_autoencoder", "",
        [("autoencoder_torch.py", "")], 3, 8, steps=3),
    Row("round", "round, two workers", "bench_round", f"{ROUND}{EPOCHS} --workers 2",
        [("round_torch.py", "")], 1.4, 2.0, steps=2, threads=1),
    Row("round", "round, against Flower", "bench_round", f"{ROUND}{EPOCHS} --workers 2",
        [("flower_round.py", "")], 2, 4, steps=2, threads=1),
    Row("round", "round, against sequential PyTorch", "bench_round",
        f"{ROUND}{EPOCHS} --workers 2",
        [("round_torch.py", "--sequential --layout nchw --workers 1 --threads 2")], 2, 4, steps=2,
        threads=1),
    Row("memory", "ResNet-50 b64 f32", "bench_step", f"{RESNET} --batch 64",
        [("step_torch.py", "")], 670, 520, steps=2),
    Row("memory", "ResNet-50 b64 bf16", "bench_step", f"{RESNET} --batch 64 --precision bf16",
        [("step_torch.py", "")], 600, 440, steps=2),
] + [
    Row("scaling", f"{name} b64: 2 threads over 1", "bench_step", f"{flags} --batch 64",
        [("own", "--threads 1")], threads=2, images=64)
    for name, flags in (("ResNet-50", RESNET), ("RegNetY-800MF", REGNET))
] + [
    Row("scaling", f"round: 2 workers over {name}", "bench_round", f"{SMALL_ROUND} --workers 2",
        [("own", flags)], steps=3, threads=1)
    for name, flags in (("1", "--workers 1"), ("1 of 2 threads", "--workers 1 --threads 2"))
]
PARTS = list(dict.fromkeys(row.part for row in ROWS))


class Table:
    def __init__(self, args):
        self.args = args
        self.pythons = rivals.pythons()
        self.lines = []
        for python, has in self.pythons:
            print(f"rival: torch {has['torch']} of {python}")
        if not self.pythons:
            print("no PyTorch here: ours alone; ./dev bench --rivals installs one")

    def program(self, row):
        return os.path.join(self.args.build, "bench", row.program)

    def children(self, row):
        shared = ["--serve", "--threads", str(row.threads or self.args.threads)] + row.flags.split()
        yield Child("fedcamae", [self.program(row)] + shared, dict(os.environ))
        for script, flags in row.rivals:
            # CLI11 takes a flag once; argparse the last one.
            if script == "own":
                own = merged(shared, flags.split())
                yield Child(f"own {flags}", [self.program(row)] + own, dict(os.environ))
                continue
            for python, has in self.pythons:
                if script == "flower_round.py" and not has["flwr"]:
                    continue
                name = f"torch {has['torch'].split('+')[0]}"
                name += " flower" if script == "flower_round.py" else ""
                name += " nchw" if "nchw" in flags else ""
                yield Child(name, [python, os.path.join(HERE, script)] + shared + flags.split(),
                            rivals.tuned_environment(python))

    def run(self, row):
        print(f"\n{row.part}: {row.name}")
        children = []
        try:
            children.extend(self.children(row))
            warmup = 1 if row.steps <= 3 else 3
            figures = interleave(children, self.args.steps or row.steps, warmup)
        except RuntimeError as error:
            print(f"failed: {error}", file=sys.stderr)
            self.lines.append([f"{row.part}: {row.name}", "failed"] + ["-"] * 6)
            return
        finally:
            for child in children:
                child.kill()
        for name, f in figures.items():
            print_figures(name, f, row.images)
        self.lines.append(self.line(row, figures))

    def line(self, row, figures):
        ours = figures.pop("fedcamae")
        metric = "peak_rss_mib" if row.part == "memory" else "median"
        rival = min(figures, key=lambda name: figures[name][metric], default=None)
        theirs = figures.get(rival)
        line = [f"{row.part}: {row.name}", amount(ours[metric], metric),
                amount(theirs[metric], metric) if theirs else "-", rival or "-"]
        ratio = theirs[metric] / ours[metric] if theirs else None
        best = theirs["best"] / ours["best"] if theirs and metric == "median" else None
        line += [f"{each:.2f}" if each else "-" for each in (ratio, best)]
        if row.must is None:
            return line + ["-", ""]
        if metric == "median":
            asked, met = f"{row.must:g} / {row.goal:g}", [ratio and ratio >= bar
                                                          for bar in (row.must, row.goal)]
        else:
            asked, met = f"{row.must:g} / {row.goal:g} MiB", [ours[metric] <= bar
                                                              for bar in (row.must, row.goal)]
        return line + [asked, "goal" if met[1] else "must" if met[0] else "**missed**"]

    def print(self):
        print("\n| row | fedcamae | rival | which | ratio | best | must / goal | reached |")
        print("|---|---|---|---|---|---|---|---|")
        for line in self.lines:
            print("| " + " | ".join(line) + " |")


def amount(value, metric):
    if metric == "peak_rss_mib":
        return f"{value:.0f} MiB"
    return f"{value:.2f} s" if value >= 2 else f"{value * 1e3:.1f} ms"


def merged(flags, over):
    """flags with the values of `over`, both as [--name, value, ...] except for bare --serve, --eval."""
    result = list(flags)
    for name, value in zip(over[::2], over[1::2]):
        if name in result:
            result[result.index(name) + 1] = value
        else:
            result += [name, value]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--build", default=os.environ.get("FEDCAMAE_BUILD", "build/release"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rows", default="")
    parser.add_argument("--list", action="store_true", help="the rows, without running them")
    args = parser.parse_args()
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    rows = [row for row in ROWS if row.part in (args.parts or PARTS) and args.rows in row.name]
    if args.list:
        print("\n".join(f"{row.part}: {row.name}" for row in rows))
        return
    table = Table(args)
    for row in rows:
        table.run(row)
    table.print()


if __name__ == "__main__":
    main()
