#!/usr/bin/python3
"""Breaks the CUDA backend on purpose, one place at a time, and shows that the tests notice.

    tools/mutations.py [--list] [--only NUMBER ...] [--sample N] [--out docs/mutations.md]

tests/mutations/*.toml name each break: a file, the text that is replaced, and the tests that run on
it. The breaks happen in a copy of the sources (build/mutations); the tree is not touched. A break
that does not compile, or whose text is not found exactly once, is an error of the table; one that
no test notices is a hole in the tests: exit code 1 either way.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutations"
SOURCE = WORK / "source"
BUILD = SOURCE / "build" / "release"  # as deep as the tree's own: the compiler cache knows it
TARGETS = {"core": "test_core", "autograd": "test_autograd", "layers": "test_layers",
           "models": "test_models", "defense": "test_defense", "fl": "test_fl"}


def fail(text):
    sys.exit(f"mutations: {text}")


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)


def load_table():
    table = []
    for path in sorted((ROOT / "tests" / "mutations").glob("*.toml")):
        with open(path, "rb") as file:
            table += tomllib.load(file)["mutation"]
    for number, entry in enumerate(table, 1):
        entry["number"] = number
    return table


def copy_sources():
    """The tracked files, into a folder of their own; unchanged ones keep their times."""
    listed = run(["git", "ls-files"], cwd=ROOT).stdout.split("\n")
    wanted = {name for name in listed if name and (ROOT / name).is_file()}
    SOURCE.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.rglob("*"):
        name = str(path.relative_to(SOURCE))
        if path.is_file() and name not in wanted and not name.startswith("build/"):
            path.unlink()
    for name in wanted:
        to = SOURCE / name
        if not to.exists() or to.read_bytes() != (ROOT / name).read_bytes():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to)


def build(folders):
    targets = [TARGETS[folder] for folder in sorted(folders)]
    return run(["cmake", "--build", str(BUILD), "--target", "fake_gpu", *targets],
               env={**os.environ, "CCACHE_BASEDIR": str(SOURCE), "CCACHE_NOHASHDIR": "1"})


def configure():
    result = run(["cmake", "-S", str(SOURCE), "-B", str(BUILD), "-G", "Ninja",
                  "-DCMAKE_BUILD_TYPE=Release", "-DFEDCAMAE_CUDA=ON", "-DFEDCAMAE_BENCH=OFF",
                  "-DFEDCAMAE_TEST_GPU=fake"])
    if result.returncode != 0:
        fail("the copy does not configure\n" + result.stdout)


def folders_of(entry):
    return {test.split(".")[0] for test in entry["tests"]}


def test(names):
    """The first test that fails, and what it says; None where all pass."""
    pattern = "^cuda\\.(" + "|".join(re.escape(name) for name in names) + ")$"
    result = run(["ctest", "--test-dir", str(BUILD), "-R", pattern, "--stop-on-failure",
                  "--timeout", "120", "--output-on-failure"])
    if "No tests were found" in result.stdout:
        fail(f"no test matches {pattern}")
    if result.returncode == 0:
        return None
    failed = re.search(r"cuda\.(\S+) \.*\s*\**(Failed|Timeout|Exception|Subprocess aborted|SEGFAULT)",
                       result.stdout)
    return (failed.group(1) if failed else "?"), symptom(result.stdout)


def symptom(text):
    """What the test or the fake GPU said, in one line."""
    error = re.search(r"([a-z_]+\.cpp):\d+: (?:FATAL )?ERROR: (.+)\n(?:  values: (.+))?", text)
    said = re.search(r"fake_gpu: (.+)", text)
    if error and "is NOT correct" in error[2]:
        line = f"{error[1]}: {error[3] or error[2]}"
    elif said:  # a fault reaches the test as the failure of a later call
        line = re.sub(r"(fedcamae::|cuda::|\(anonymous namespace\)::)", "", said[1])
        line = re.sub(r"^(\w+)<.*?> at ", r"\1 at ", line)
    else:
        line = error[2] if error else "failed"
    return (line if len(line) < 110 else line[:107] + "...").replace("|", "\\|")


def apply(entry):
    path = SOURCE / entry["file"]
    text = path.read_text()
    if text.count(entry["old"]) != 1:
        fail(f"number {entry['number']}: {entry['file']} holds its text {text.count(entry['old'])} "
             "times, once is wanted")
    path.write_text(text.replace(entry["old"], entry["new"]))
    return path, text


def try_mutation(entry):
    path, before = apply(entry)
    try:
        built = build(folders_of(entry))
        if built.returncode != 0:
            fail(f"number {entry['number']} does not compile\n" + built.stdout[-3000:])
        return test(entry["tests"])
    finally:
        path.write_text(before)


def write_table(out, rows):
    lines = ["# Mutations", "",
             "What was broken in the CUDA backend, and what noticed. Every break is compiled and run on the",
             "fake GPU; the tests that run are the ones that must pass anyway.", "",
             "    ./dev mutations --out docs/mutations.md", "",
             f"{sum(1 for r in rows if r[1])} of {len(rows)} caught.", "",
             "| # | kind | file | what is broken | caught by | as |", "|---|---|---|---|---|---|"]
    for entry, caught in rows:
        where, how = caught or ("**nothing**", "")
        lines.append(f"| {entry['number']} | {entry['kind']} | `{entry['file'].split('/')[-1]}` | "
                     f"{entry['what']} | {where} | {how} |")
    out.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the table of breaks and end")
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, spread over the table")
    parser.add_argument("--out", type=pathlib.Path, help="write the results there as Markdown")
    args = parser.parse_args()
    table = load_table()
    if args.list:
        for entry in table:
            print(f"{entry['number']:3} {entry['kind']:10} {entry['file']}: {entry['what']}")
        return
    chosen = [e for e in table if not args.only or e["number"] in args.only]
    if args.sample:
        chosen = [chosen[i * len(chosen) // args.sample] for i in range(args.sample)]
    copy_sources()
    configure()
    names = sorted({name for entry in chosen for name in entry["tests"]})
    built = build({folder for entry in chosen for folder in folders_of(entry)})
    if built.returncode != 0:
        fail("the unbroken copy does not compile\n" + built.stdout[-3000:])
    before = test(names)
    if before:
        fail(f"the unbroken copy fails already: cuda.{before[0]}: {before[1]}")
    rows = []
    for entry in chosen:
        begin = time.monotonic()
        caught = try_mutation(entry)
        rows.append((entry, caught))
        verdict = f"caught by {caught[0]}: {caught[1]}" if caught else "NOT CAUGHT"
        print(f"{entry['number']:3} {entry['kind']:10} {entry['what']}: {verdict} "
              f"({time.monotonic() - begin:.0f} s)", flush=True)
        if args.out:
            write_table(args.out, rows)
    missed = [entry["number"] for entry, caught in rows if not caught]
    print(f"{len(rows) - len(missed)} of {len(rows)} caught")
    if missed:
        fail(f"no test noticed number {', '.join(map(str, missed))}")


if __name__ == "__main__":
    main()
