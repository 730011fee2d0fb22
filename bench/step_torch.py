#!/usr/bin/python3
"""The rival of bench_step: the same training step in PyTorch, the same protocol.

    step_torch.py [--model resnet50] [--batch 64] [--steps 20] [--threads 2] [--layout channels_last]
                  [--device cpu|cuda] [--precision f32|tf32|bf16 (autocast)]
    step_torch.py --serve      one step for each line on stdin, answered with a line of JSON
"""
import torch

import torch_rival


class Trainer:
    def __init__(self, args, machine):
        self.machine = machine
        self.eval = args.eval
        self.model = machine.model(args.model, args.classes).train(not args.eval)
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        self.optimizer = machine.optimizer(kinds[args.optimizer], self.model.parameters(), lr=1e-4)
        self.images = machine.images(args.batch, args.size)
        self.labels = torch.randint(args.classes, (args.batch,), device=machine.device)

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        with self.machine.cast():
            loss = torch.nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def evaluate(self):
        with torch.inference_mode(), self.machine.cast():
            return torch.nn.functional.cross_entropy(self.model(self.images), self.labels).item()

    def step(self):
        seconds, loss = self.machine.timed(self.evaluate if self.eval else self.train)
        return {"seconds": seconds, "loss": loss, **self.machine.memory()}


def main():
    flags = torch_rival.loop_flags(torch_rival.parser(__doc__), batch=64)
    flags.add_argument("--optimizer", default="adam", choices=["sgd", "adam", "adamw"])
    flags.add_argument("--eval", action="store_true", help="an evaluation, not a training step")
    args = flags.parse_args()
    machine = torch_rival.Machine(args)
    what = (f"{args.model} b{args.batch} {args.size}x{args.size} {args.layout}, "
            f"{machine.describe()}")
    torch_rival.repeat(args, Trainer(args, machine).step, what, args.batch)


if __name__ == "__main__":
    main()
