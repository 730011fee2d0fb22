#!/usr/bin/python3
"""One table out of several studies: folders of `fedcamae study` that differ in their seeds alone.

For each attack the change of plain averaging's accuracy, in points (the mean over seeds and rounds), and for
each other defense TPR / FPR of the summed counts, (mean AUC), and the change of its own accuracy where it
was tested. Markdown, on standard output.
"""

import argparse
import csv
import pathlib
import statistics


def read(folders):
    rows = []
    for folder in folders:
        with open(pathlib.Path(folder) / "study.csv", newline="", encoding="utf-8") as file:
            rows += [dict(row, folder=folder) for row in csv.DictReader(file) if row["loop"] == "open"]
    return rows


def place(row):
    return row["folder"], row["seed"], row["round"]


def rates(rows):
    tp, fp, tn, fn = (sum(int(row[key]) for row in rows) for key in ("tp", "fp", "tn", "fn"))
    aucs = [float(row["auc"]) for row in rows if row["auc"]]
    lost = sum(int(row["nonfinite"]) for row in rows)
    tpr = f"{tp / (tp + fn):.2f}" if tp + fn else "not finite" if lost else "-"
    return f"{tpr} / {fp / max(fp + tn, 1):.3f} ({f'{statistics.mean(aucs):.2f}' if aucs else '-'})"


def change(rows, benign):
    points = [100 * (float(row["accuracy"]) - benign[place(row)]) for row in rows if row["accuracy"]]
    return f"{statistics.mean(points):+.1f}" if points else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", help="run folders of fedcamae study")
    rows = read(parser.parse_args().folders)
    benign = {place(row): float(row["accuracy"]) for row in rows
              if row["attack"] == "none" and row["defense"] == "mean"}
    attacks, defenses = (list(dict.fromkeys(row[key] for row in rows)) for key in ("attack", "defense"))
    others = [name for name in defenses if name != "mean"]
    print("| attack | mean |", " | ".join(others), "|")
    print("|---|---|" + "---|" * len(others))
    for attack in attacks:
        of = {name: [row for row in rows if row["attack"] == attack and row["defense"] == name]
              for name in defenses}
        cells = [change(of["mean"], benign)]
        cells += [f"{rates(of[name])} {change(of[name], benign)}".strip() for name in others]
        print("|", attack, "|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
