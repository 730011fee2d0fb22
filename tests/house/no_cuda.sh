#!/usr/bin/env bash
# no_cuda.sh PROGRAM: a CPU-only build neither loads CUDA's libraries nor has symbols of them.
set -euo pipefail
program=$1
pattern='cuda|cublas|cudnn|nvrtc'
loads=$(ldd "$program")
symbols=$(nm -C "$program"; nm -CD "$program")
[ -n "$symbols" ] || { echo "$program: nm found no symbols to look at" >&2; exit 1; }
if grep -iE "$pattern" <<<"$loads"; then
  echo "$program: FEDCAMAE_CUDA=OFF, but it loads the libraries above" >&2
  exit 1
fi
if grep -iE "$pattern" <<<"$symbols"; then
  echo "$program: FEDCAMAE_CUDA=OFF, but it has the symbols above" >&2
  exit 1
fi
