#!/usr/bin/python3
"""Runs every attack against every defense from one configuration and prints the table.

    tools/attack_table.py --out runs/table [--config configs/table.toml] [--set key=value ...]

One run folder per cell below --out; a cell that is done is not run again, so the script goes on where
it was stopped. Prints the command, the scale and a Markdown table: final test accuracy, and detection
summed over all rounds (TPR / FPR / AUC; "-" where undefined).
"""
import argparse
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import tomllib


def finished(folder):
    summary = folder / "summary.json"
    return summary.exists() and json.loads(summary.read_text())["state"] != "interrupted"


def run_cell(program, config, overrides, attack, defense, folder):
    if finished(folder):
        return
    if folder.exists():
        shutil.rmtree(folder)  # a cell that was cut short
    command = [program, "run", config, "--out", str(folder)]
    for item in overrides + [f"attack.type={attack}", f"defense.type={defense}"]:
        command += ["--set", item]
    print(" ".join(command), file=sys.stderr, flush=True)
    with open(f"{folder}.log", "w") as log:
        code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if code not in (0, 5):  # 5: diverged, which is a result
        sys.exit(f"attack_table: {attack} x {defense} left with {code}, see {folder}.log")


def number(value):
    return "-" if value is None else f"{value:.2f}"


def cell_text(folder):
    summary = json.loads((folder / "summary.json").read_text())
    found = summary["detection"]
    rates = " / ".join(number(found.get(key)) for key in ("tpr", "fpr", "auc"))
    accuracy = summary["final"]["accuracy"]
    state = "" if summary["state"] == "done" else f" {summary['state']}"
    return f"{'-' if accuracy is None else f'{accuracy:.3f}'}{state} ({rates})"


def images(count):
    return "all" if count == 0 else count


def scale_text(folder):
    """What the cells have in common, from the resolved configuration of one of them."""
    config = tomllib.loads((folder / "config.toml").read_text())
    run, data, federation = config["run"], config["data"], config["federation"]
    return (f"{config['model']['arch']} on {data['dataset']} ({data['partition']['type']}), "
            f"{run['rounds']} rounds, {federation['clients']} clients, "
            f"{federation['attackers']} malicious, {images(data['train_images'])} train and "
            f"{images(config['eval']['images'])} test images, seed {run['seed']}. "
            "Test accuracy (TPR / FPR / AUC).")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/table.toml")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--program", default="build/release/fedcamae")
    parser.add_argument("--attacks", nargs="+",
                        default=["none", "noise", "sign_flip", "label_flip", "gae", "alie", "ipm",
                                 "min_max", "min_sum", "fang_krum", "gaussian", "same_value",
                                 "free_rider", "adaptive"])
    parser.add_argument("--defenses", nargs="+", default=[
        "mean", "trimmed_mean", "krum", "multi_krum", "geometric_median", "norm_clipping",
        "centred_clipping", "fltrust", "foolsgold", "sign_guard", "dnc", "flame", "faa_dl",
        "grad_cam_ae", "fedcamae"])
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()

    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for attack in arguments.attacks:
        cells = []
        for defense in arguments.defenses:
            folder = arguments.out / f"{attack}-{defense}"
            run_cell(arguments.program, arguments.config, arguments.overrides, attack, defense,
                     folder)
            cells.append(cell_text(folder))
        rows.append((attack, cells))
    last = arguments.out / f"{arguments.attacks[-1]}-{arguments.defenses[-1]}"
    print(f"`{shlex.join(sys.argv)}`\n\n{scale_text(last)}\n")
    print("| attack | " + " | ".join(arguments.defenses) + " |")
    print("|---" * (len(arguments.defenses) + 1) + "|")
    for attack, cells in rows:
        print(f"| {attack} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
