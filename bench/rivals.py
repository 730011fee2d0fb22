#!/usr/bin/env python3
"""The PyTorchs that the benchmarks run against, each as quick as its user can make it.

    rivals.py install    what ./dev bench --rivals does: build/rivals gets the newest PyTorch and
                         Flower of PyPI in a virtual environment and, from Debian's packages but
                         not installed on the system, tcmalloc and OpenBLAS built for OpenMP
    rivals.py            which there are, one line each

TORCH_PYTHON names a Python that is the only rival instead.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.join(os.path.dirname(HERE), "build", "rivals")
VENV_PYTHON = os.path.join(HOME, "bin", "python")
DEBIAN_PYTHON = "/usr/bin/python3"
PIP_PACKAGES = ["torch", "torchvision", "flwr[simulation]"]
DEBIAN_PACKAGES = ["libopenblas0-openmp", "libtcmalloc-minimal4"]
KEEP_PAGES = ("glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=4294967295:"
              "glibc.malloc.hugetlb=1")


def library(path):
    """A library or folder of Debian's, of the system or unpacked by install(); "" where neither is."""
    path = os.path.join("usr/lib/x86_64-linux-gnu", path)
    for root in (os.path.join(HOME, "debian"), "/"):
        if os.path.exists(os.path.join(root, path)):
            return os.path.join(root, path)
    return ""


def plain_environment():
    env = dict(os.environ)
    env.pop("LD_PRELOAD", None)  # ours may run on the fake GPU, PyTorch cannot
    return env


def tuned_environment(python):
    """Debian's torch lacks a BLAS that shares its OpenMP; both lose time to a malloc that gives
    pages back to the system after every step."""
    env = plain_environment()
    env["GLIBC_TUNABLES"] = KEEP_PAGES
    blas = library("openblas-openmp")
    if python == DEBIAN_PYTHON:
        if blas:
            env["LD_LIBRARY_PATH"] = blas + ":" + env.get("LD_LIBRARY_PATH", "")
        else:
            print("no OpenBLAS for OpenMP here (./dev bench --rivals): only malloc is tuned",
                  file=sys.stderr)
    return env


def probe(python):
    """{"torch": version or None, "cuda": bool, "flwr": version or None}"""
    if not os.path.exists(python) and "/" in python:
        return {"torch": None}
    done = subprocess.run([python, os.path.join(HERE, "torch_rival.py")], text=True,
                          stdout=subprocess.PIPE, env=plain_environment(), check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {"torch": None}


def pythons():
    """[(python, what it has)] of all rivals that are there."""
    named = os.environ.get("TORCH_PYTHON")
    candidates = [named] if named else [DEBIAN_PYTHON, VENV_PYTHON]
    found = [(python, probe(python)) for python in candidates]
    return [(python, has) for python, has in found if has["torch"]]


def run(command, **kwargs):
    print("rivals:", " ".join(command), file=sys.stderr, flush=True)
    if subprocess.run(command, check=False, **kwargs).returncode != 0:
        sys.exit(f"rivals: {command[0]} failed; the benchmarks do without what is missing")


def install():
    if not os.path.exists(VENV_PYTHON):
        run([DEBIAN_PYTHON, "-m", "venv", HOME])
    # PyTorch of PyPI needs NVIDIA's libraries to be imported, on a machine without a GPU too.
    run([VENV_PYTHON, "-m", "pip", "install", "--quiet", "--upgrade"] + PIP_PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        run(["apt-get", "download", "-qq"] + DEBIAN_PACKAGES, cwd=folder)
        for package in glob.glob(os.path.join(folder, "*.deb")):
            run(["dpkg", "-x", package, os.path.join(HOME, "debian")])


def main():
    if sys.argv[1:] == ["install"]:
        install()
    elif sys.argv[1:]:
        sys.exit(__doc__)
    for python, has in pythons():
        print(f"{python}: torch {has['torch']}, flwr {has['flwr'] or '-'}")


if __name__ == "__main__":
    main()
