"""What the PyTorch rivals of the benchmarks share: flags, device, precision, the protocol.

    torch_rival.py     one line of JSON: is there a PyTorch, and does it see a GPU?
"""
import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import resource
import statistics
import sys
import time

if importlib.util.find_spec("torch"):
    import torch

EXIT_NO_DEVICE = 4


def parser(doc):
    flags = argparse.ArgumentParser(description=doc.splitlines()[0])
    flags.add_argument("--model", default="resnet50")
    flags.add_argument("--classes", type=int, default=100)
    flags.add_argument("--size", type=int, default=32)
    flags.add_argument("--threads", type=int, default=2)
    flags.add_argument("--device", default="cpu", help="cpu | cuda | cuda:N")
    flags.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16"])
    flags.add_argument("--layout", default="channels_last", choices=["channels_last", "nchw"])
    return flags


def loop_flags(flags, batch):
    flags.add_argument("--batch", type=int, default=batch)
    flags.add_argument("--steps", type=int, default=20)
    flags.add_argument("--warmup", type=int, default=3)
    flags.add_argument("--json-lines", action="store_true")
    flags.add_argument("--serve", action="store_true")
    return flags


class Machine:
    """The device and precision of the flags. cudnn.benchmark is on, which is PyTorch at its best: it
    times the algorithms of each convolution and keeps the fastest, deterministic or not."""

    def __init__(self, args):
        if args.device.startswith("cuda") and not torch.cuda.is_available():
            print(f"torch {torch.__version__}: no CUDA device; use --device cpu", file=sys.stderr)
            sys.exit(EXIT_NO_DEVICE)
        torch.manual_seed(1)
        torch.set_num_threads(args.threads)
        tf32 = args.precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        self.device = torch.device(args.device)
        self.precision = args.precision
        self.layout = (torch.channels_last if args.layout == "channels_last"
                       else torch.contiguous_format)

    def cuda(self):
        return self.device.type == "cuda"

    def model(self, name, classes):
        import torchvision
        build = getattr(torchvision.models, name)
        return build(num_classes=classes).to(self.device).to(memory_format=self.layout)

    def images(self, count, size):
        images = torch.randn(count, 3, size, size, device=self.device)
        return images.to(memory_format=self.layout)

    def optimizer(self, kind, parameters, **kwargs):
        """fused: one pass over the parameters, where this PyTorch can on this device."""
        parameters = list(parameters)
        try:
            return kind(parameters, fused=True, **kwargs)
        except (RuntimeError, TypeError):
            return kind(parameters, **kwargs)

    def cast(self):
        if self.precision == "bf16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def synchronize(self):
        if self.cuda():
            torch.cuda.synchronize(self.device)

    def timed(self, work):
        self.synchronize()
        begin = time.perf_counter()
        result = work()
        self.synchronize()
        return time.perf_counter() - begin, result

    def memory(self):
        memory = {"peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        if self.cuda():
            memory["peak_pool_mib"] = torch.cuda.max_memory_allocated(self.device) / 2**20
        return memory

    def describe(self):
        where = torch.cuda.get_device_name(self.device) if self.cuda() else (
            f"{torch.get_num_threads()} threads")
        return f"{where}, torch {torch.__version__}, {self.precision}"


def repeat(args, step, what, images):
    """step() returns a dict with "seconds": as bench/repeat.h, one line each."""
    if args.serve:
        for _ in sys.stdin:
            print(json.dumps(step()), flush=True)
        return
    lines = []
    for _ in range(args.warmup + args.steps):
        lines.append(step())
        if args.json_lines:
            print(json.dumps(lines[-1]), flush=True)
    if args.json_lines:
        return
    seconds = [line["seconds"] for line in lines[args.warmup:]]
    median = statistics.median(seconds)
    last = lines[-1]
    tensors = f", tensors {last['peak_pool_mib']:.0f} MiB" if "peak_pool_mib" in last else ""
    print(f"{what}: median {median * 1e3:.1f} ms (best {min(seconds) * 1e3:.1f}), "
          f"{images / median:.0f} images/s, peak {last['peak_rss_mib']:.0f} MiB{tensors}")


def main():
    found = all(importlib.util.find_spec(name) for name in ("torch", "torchvision"))
    flower = importlib.util.find_spec("flwr") is not None
    print(json.dumps({"torch": torch.__version__ if found else None,
                      "cuda": found and torch.cuda.is_available(),
                      "flwr": importlib.metadata.version("flwr") if flower else None}))


if __name__ == "__main__":
    main()
