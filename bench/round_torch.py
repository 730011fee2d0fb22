#!/usr/bin/python3
"""The rival of bench_round: one federated round with FedCAMAE's defence in PyTorch, client by client.

Every client trains the global model on its images; each update's LayerCAM maps of the probe images
train the autoencoder; the mean of all updates is the next state, evaluated on the test images.
"""
import json

import torch

import layer_cam_torch
import torch_rival

F = torch.nn.functional


class Round:
    def __init__(self, args, machine):
        self.args, self.machine = args, machine
        self.model = machine.model(args.model, args.classes)
        self.layer = self.model.get_submodule(layer_cam_torch.LAYERS[args.model])
        self.state = self.copy_state()
        self.images = torch.randint(256, (args.clients, args.images, 3, args.size, args.size),
                                    dtype=torch.uint8)  # on the host, as a data set lies there
        self.labels = torch.arange(args.images) % args.classes
        self.test = torch.randint(256, (args.test_images, 3, args.size, args.size),
                                  dtype=torch.uint8)
        self.probes = machine.images(args.probes, args.probe_size)
        self.classes = torch.arange(args.probes, device=machine.device) % args.classes

    def copy_state(self):
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    def batch(self, pixels):
        pixels = pixels.to(self.machine.device).to(memory_format=self.machine.layout)
        return (pixels.float() / 255 - 0.5) / 0.29

    def train_client(self, client):
        self.model.load_state_dict(self.state)
        self.model.train().requires_grad_(True)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        for some in torch.randperm(self.args.images).split(self.args.batch):
            images = self.batch(self.images[client][some])
            labels = self.labels[some].to(self.machine.device)
            optimizer.zero_grad(set_to_none=True)
            with self.machine.cast():
                F.cross_entropy(self.model(images), labels).backward()
            optimizer.step()
        return self.copy_state()

    def defend(self, updates):
        self.model.eval().requires_grad_(False)
        maps = []
        for update in updates:
            self.model.load_state_dict(update)
            with self.machine.cast():
                maps.append(layer_cam_torch.layer_cam(self.model, self.layer, self.probes,
                                                      self.classes).flatten(1))
        rows = torch.cat(maps).float()
        inside, hidden = rows.shape[1], self.args.hidden
        coder = torch.nn.Sequential(torch.nn.Linear(inside, hidden), torch.nn.ReLU(),
                                    torch.nn.Linear(hidden, inside), torch.nn.Sigmoid())
        coder.to(self.machine.device)
        optimizer = torch.optim.Adam(coder.parameters(), lr=1e-3, weight_decay=1e-5)
        for _ in range(self.args.epochs):
            optimizer.zero_grad(set_to_none=True)
            F.mse_loss(coder(rows), rows).backward()
            optimizer.step()
        with torch.no_grad():
            errors = (coder(rows) - rows).square().mean(1)
        mean = {name: (sum(update[name].double() for update in updates) / len(updates)).to(
            value.dtype) for name, value in updates[0].items()}
        return mean, errors.cpu()

    def evaluate(self):
        self.model.load_state_dict(self.state)
        self.model.eval()
        with torch.no_grad(), self.machine.cast():
            return [self.model(self.batch(some)).argmax(1).cpu()
                    for some in self.test.split(self.args.batch)]

    def run(self):
        clients = range(self.args.clients)
        train, updates = self.machine.timed(lambda: [self.train_client(i) for i in clients])
        defense, (self.state, _) = self.machine.timed(lambda: self.defend(updates))
        evaluate, _ = self.machine.timed(self.evaluate)
        return {"seconds": train + defense + evaluate, "train": train, "defense": defense,
                "evaluate": evaluate, **self.machine.memory()}


def main():
    flags = torch_rival.parser(__doc__)
    flags.set_defaults(model="regnet_y_800mf", classes=10)
    for name, value in (("clients", 16), ("images", 320), ("test-images", 256), ("batch", 64),
                        ("probes", 8), ("probe-size", 224), ("hidden", 128), ("epochs", 20),
                        ("rounds", 2)):
        flags.add_argument(f"--{name}", type=int, default=value)
    flags.add_argument("--workers", type=int, help="of bench_round; here clients take turns")
    flags.add_argument("--defense", choices=["fedcamae"], help="bench_round has others")
    flags.add_argument("--json", action="store_true")
    args = flags.parse_args()
    machine = torch_rival.Machine(args)
    bench = Round(args, machine)
    for _ in range(args.rounds):  # the last one is reported
        line = bench.run()
    if args.json:
        print(json.dumps(line))
        return
    print(f"round of {args.clients} clients x {args.images} images {args.size}x{args.size}, "
          f"{args.model}, {machine.describe()}: {line['seconds']:.2f} s (train {line['train']:.2f}, "
          f"defense {line['defense']:.2f}, evaluate {line['evaluate']:.2f}), "
          f"peak {line['peak_rss_mib']:.0f} MiB")


if __name__ == "__main__":
    main()
