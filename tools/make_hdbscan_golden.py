#!/usr/bin/env python3
"""Labels of the package hdbscan for points in the plane, for tests/defense.

  make_hdbscan_golden.py FILE    -> FILE, usually tests/golden/hdbscan.txt

A line a case: min_cluster_size min_samples allow_single_cluster n, then x y label of each point.
Where distances are equal, which they often are behind core distances, labels can depend on the order
of the points: such cases are left out.
"""

import argparse
import importlib.metadata

import hdbscan
import numpy as np


def labels_of(points, min_cluster_size, min_samples, single):
    difference = points[:, None, :] - points[None, :, :]
    distances = np.sqrt((difference**2).sum(axis=2))
    model = hdbscan.HDBSCAN(
        metric="precomputed",
        min_cluster_size=min_cluster_size,
        min_samples=min_samples,
        allow_single_cluster=single,
    )
    return model.fit(distances).labels_


def by_first_member(labels):
    numbers = {}
    for label in labels:
        if label >= 0:
            numbers.setdefault(label, len(numbers))
    return [numbers.get(label, -1) for label in labels]


def points_of(random, n):
    """Some groups of several densities, and some points anywhere; whole numbers."""
    groups = random.integers(1, 5)
    centres = random.uniform(0, 10000, (groups, 2))
    widths = random.choice([30, 200, 800], groups)
    of = random.integers(0, groups + 1, n)
    near = centres[of % groups] + random.normal(0, 1, (n, 2)) * widths[of % groups][:, None]
    anywhere = random.uniform(0, 10000, (n, 2))
    return np.rint(np.where((of == groups)[:, None], anywhere, near))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    out = parser.parse_args().out
    random = np.random.default_rng(7)
    lines = [f"# by hdbscan {importlib.metadata.version('hdbscan')} of PyPI"]
    for n in (2, 3, 5, 8, 13, 21, 24, 34):
        for min_samples in (1, 2, 4):
            for single in (False, True):
                for size in sorted({2, 3, 5, n // 2 + 1}):
                    if min_samples >= n or size > n:
                        continue
                    points = points_of(random, n)
                    labels = by_first_member(labels_of(points, size, min_samples, single))
                    same = True
                    for _ in range(8):
                        order = random.permutation(n)
                        other = labels_of(points[order], size, min_samples, single)
                        back = np.empty(n, int)
                        back[order] = other
                        same = same and by_first_member(back) == labels
                    if not same:
                        continue
                    numbers = " ".join(
                        f"{int(x)} {int(y)} {label}" for (x, y), label in zip(points, labels)
                    )
                    lines.append(f"{size} {min_samples} {int(single)} {n} {numbers}")
    with open(out, "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{len(lines) - 1} cases")


if __name__ == "__main__":
    main()
