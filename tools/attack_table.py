#!/usr/bin/python3
"""Runs every attack against every defense from one configuration and prints the table.

    tools/attack_table.py configs/quick.toml --out runs/table [--set key=value ...]

One run folder per cell below --out; a cell that has its summary.json is not run again, so the script
goes on where it was stopped. The table is Markdown: final test accuracy, and detection summed over all
rounds (TPR / FPR / AUC; "-" where undefined).
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys


def run_cell(program, config, overrides, attack, defense, folder):
    if (folder / "summary.json").exists():
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
    return f"{accuracy:.3f} ({rates})" if accuracy is not None else f"- ({rates})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--program", default="build/release/fedcamae")
    parser.add_argument("--attacks", nargs="+",
                        default=["none", "noise", "sign_flip", "label_flip", "gae"])
    parser.add_argument("--defenses", nargs="+", default=["mean", "multi_krum", "fedcamae"])
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
    print("| attack | " + " | ".join(arguments.defenses) + " |")
    print("|---" * (len(arguments.defenses) + 1) + "|")
    for attack, cells in rows:
        print(f"| {attack} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
