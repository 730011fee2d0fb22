#!/usr/bin/python3
"""The rival of bench_autoencoder: the same training in PyTorch, the same protocol."""
import torch

import torch_rival


def train(machine, coder, rows, epochs):
    """FedCAMAE's autoencoder on rows [n, inputs]: every epoch is one step on all of them."""
    optimizer = machine.optimizer(torch.optim.Adam, coder.parameters(), lr=1e-3, weight_decay=1e-5)
    for _ in range(epochs):
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(coder(rows), rows)
        loss.backward()
        optimizer.step()
    return loss


def make(machine, inputs, hidden):
    coder = torch.nn.Sequential(torch.nn.Linear(inputs, hidden), torch.nn.ReLU(),
                                torch.nn.Linear(hidden, inputs), torch.nn.Sigmoid())
    return coder.to(machine.device)


def main():
    flags = torch_rival.loop_flags(torch_rival.parser(__doc__), batch=24)
    for name, value in (("inputs", 224 * 224), ("hidden", 128), ("epochs", 200)):
        flags.add_argument(f"--{name}", type=int, default=value)
    args = flags.parse_args()
    machine = torch_rival.Machine(args)
    rows = torch.rand(args.batch, args.inputs, device=machine.device)

    def step():
        coder = make(machine, args.inputs, args.hidden)
        seconds, loss = machine.timed(lambda: train(machine, coder, rows, args.epochs).item())
        return {"seconds": seconds, "loss": loss, **machine.memory()}

    what = (f"autoencoder {args.inputs}-{args.hidden}-{args.inputs}, {args.batch} maps, "
            f"{args.epochs} epochs, {machine.describe()}")
    torch_rival.repeat(args, step, what, args.batch)


if __name__ == "__main__":
    main()
