#!/usr/bin/python3
"""The rival of bench_round: one federated round with FedCAMAE's defence in PyTorch.

Every client trains the global model on its images; each update's LayerCAM maps of the probe images
train the autoencoder; the mean of all updates is the next state, evaluated on the test images.
A state is one flat vector. --workers W forks W processes that take clients from a queue.
--sequential does it as research code does (FLPoison, for one): a client at a time, vectors in numpy,
all of them stacked for the mean.
"""
import json
import mmap
import multiprocessing

import numpy
import torch

import autoencoder_torch
import layer_cam_torch
import torch_rival

F = torch.nn.functional


class StateVector:
    """A state dictionary as one float32 vector, batch counters included."""

    def __init__(self, model):
        self.entries = [(name, value.shape, value.numel())
                        for name, value in model.state_dict().items()]
        self.size = sum(count for _, _, count in self.entries)

    def split(self, vector):
        parts = vector.split([count for _, _, count in self.entries])
        return {name: part.view(shape) for part, (name, shape, _) in zip(parts, self.entries)}

    def load(self, vector, model):
        model.load_state_dict(self.split(vector))

    def store(self, model, vector):
        with torch.no_grad():
            for name, part in self.split(vector).items():
                part.copy_(model.state_dict(keep_vars=True)[name])


class Clients:
    """The clients' images and the training of one of them."""

    def __init__(self, args, machine, count=None):
        self.args, self.machine = args, machine
        self.model = machine.model(args.model, args.classes)
        self.vector = StateVector(self.model)
        self.images = torch.randint(256, (count or args.clients, args.images, 3, args.size,
                                          args.size), dtype=torch.uint8)  # on the host, as a data
        self.labels = torch.arange(args.images) % args.classes  # set lies there

    def batch(self, pixels):
        pixels = pixels.to(self.machine.device).to(memory_format=self.machine.layout)
        return (pixels.float() / 255 - 0.5) / 0.29

    def train(self, client, state, result):
        self.vector.load(state, self.model)
        self.model.train().requires_grad_(True)
        optimizer = self.machine.optimizer(torch.optim.Adam, self.model.parameters(), lr=1e-4)
        for some in torch.randperm(self.args.images).split(self.args.batch):
            images = self.batch(self.images[client][some])
            labels = self.labels[some].to(self.machine.device)
            optimizer.zero_grad(set_to_none=True)
            with self.machine.cast():
                F.cross_entropy(self.model(images), labels).backward()
            optimizer.step()
        self.vector.store(self.model, result)


class Server:
    def __init__(self, args, machine, clients):
        self.args, self.machine, self.clients = args, machine, clients
        self.model, self.vector = clients.model, clients.vector
        self.layer = self.model.get_submodule(layer_cam_torch.LAYERS[args.model])
        self.test = torch.randint(256, (args.test_images, 3, args.size, args.size),
                                  dtype=torch.uint8)
        self.probes = machine.images(args.probes, args.probe_size)
        self.classes = torch.arange(args.probes, device=machine.device) % args.classes

    def defend(self, updates):
        """The scores of the updates, each a vector."""
        self.model.eval().requires_grad_(False)
        maps = []
        for update in updates:
            self.vector.load(update, self.model)
            with self.machine.cast():
                maps.append(layer_cam_torch.layer_cam(self.model, self.layer, self.probes,
                                                      self.classes).flatten(1))
        rows = torch.cat(maps).float()
        coder = autoencoder_torch.make(self.machine, rows.shape[1], self.args.hidden)
        autoencoder_torch.train(self.machine, coder, rows, self.args.epochs)
        with torch.no_grad():
            return (coder(rows) - rows).square().mean(1).cpu()

    def evaluate(self, state):
        self.vector.load(state, self.model)
        self.model.eval()
        with torch.inference_mode(), self.machine.cast():
            return [self.model(self.batch(some)).argmax(1).cpu()
                    for some in self.test.split(self.args.batch)]

    def batch(self, pixels):
        return self.clients.batch(pixels)


class Round:
    def __init__(self, args, machine):
        self.args, self.machine = args, machine
        self.clients = Clients(args, machine)
        size = self.clients.vector.size
        if args.workers > 1:  # vectors that forked processes share, and none copies
            self.vectors = torch.frombuffer(mmap.mmap(-1, 4 * size * (args.clients + 1)),
                                            dtype=torch.float32).view(-1, size)
            self.start_workers()
        else:
            self.vectors = torch.empty(args.clients + 1, size, device=machine.device)
        self.state, self.updates = self.vectors[0], self.vectors[1:]
        self.clients.vector.store(self.clients.model, self.state)
        self.server = Server(args, machine, self.clients)

    def start_workers(self):
        """Before any OpenMP thread, which a fork would lose: the caller runs on one thread."""
        fork = multiprocessing.get_context("fork")
        self.jobs, self.done = fork.SimpleQueue(), fork.SimpleQueue()
        for _ in range(self.args.workers):
            fork.Process(target=self.work, daemon=True).start()
        torch.set_num_threads(self.args.workers * self.args.threads)

    def work(self):
        torch.set_num_threads(self.args.threads)
        while True:
            client = self.jobs.get()
            self.clients.train(client, self.vectors[0], self.vectors[1 + client])
            self.done.put(client)

    def train(self):
        clients = range(self.args.clients)
        if self.args.workers > 1:
            for client in clients:
                self.jobs.put(client)
            return [self.done.get() for _ in clients]
        if self.args.sequential:
            weights = self.state.numpy().copy()
            self.updates = []
            for client in clients:
                result = torch.empty(len(weights))
                self.clients.train(client, torch.from_numpy(weights), result)
                self.updates.append(result.numpy().copy())
            return self.updates
        return [self.clients.train(client, self.state, self.updates[client]) for client in clients]

    def defend(self):
        if self.args.sequential:
            self.server.defend([torch.from_numpy(update) for update in self.updates])
            self.state = torch.from_numpy(numpy.mean(numpy.stack(self.updates), axis=0))
        else:
            self.server.defend(self.updates)
            torch.mean(self.updates, 0, out=self.state)

    def run(self):
        train, _ = self.machine.timed(self.train)
        defense, _ = self.machine.timed(self.defend)
        evaluate, _ = self.machine.timed(lambda: self.server.evaluate(self.state))
        return {"seconds": train + defense + evaluate, "train": train, "defense": defense,
                "evaluate": evaluate, **self.machine.memory()}


def parse_flags(doc):
    flags = torch_rival.parser(doc)
    flags.set_defaults(model="regnet_y_800mf", classes=10)
    for name, value in (("clients", 16), ("images", 320), ("test-images", 256), ("batch", 64),
                        ("probes", 8), ("probe-size", 224), ("hidden", 128), ("epochs", 20),
                        ("rounds", 2), ("workers", 1)):
        flags.add_argument(f"--{name}", type=int, default=value)
    flags.add_argument("--defense", choices=["fedcamae"], help="bench_round has others")
    flags.add_argument("--sequential", action="store_true")
    flags.add_argument("--json", action="store_true")
    flags.add_argument("--serve", action="store_true", help="a round for each line on stdin")
    return flags.parse_args()


def main():
    args = parse_flags(__doc__)
    machine = torch_rival.Machine(args)
    if args.workers > 1:
        torch.set_num_threads(1)
    bench = Round(args, machine)
    if args.serve:
        torch_rival.repeat(args, bench.run, "round", 0)
        return
    for _ in range(args.rounds):  # the last one is reported
        line = bench.run()
    if args.json:
        print(json.dumps(line))
        return
    print(f"round of {args.clients} clients x {args.images} images {args.size}x{args.size}, "
          f"{args.model}, {args.workers} workers, {machine.describe()}: {line['seconds']:.2f} s "
          f"(train {line['train']:.2f}, defense {line['defense']:.2f}, "
          f"evaluate {line['evaluate']:.2f}), peak {line['peak_rss_mib']:.0f} MiB")


if __name__ == "__main__":
    main()
