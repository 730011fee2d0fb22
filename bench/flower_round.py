#!/usr/bin/env python3
"""bench_round's round in Flower's simulation: round_torch.py's training and defence, Flower's round.

    flower_round.py --serve    a round for each line on stdin, answered with a line of JSON

Clients are trained by Ray's actors, --workers of them with --threads threads; FedAvg's mean is
Flower's own. Needs flwr[simulation] (./dev bench --rivals).
"""
import json
import logging
import os
import sys
import time

QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0",
         "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
FLAGS = "FEDCAMAE_FLOWER_FLAGS"  # how the actors, processes of Ray's, learn of the flags
HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.update(QUIET)

import ray  # noqa: E402
import torch  # noqa: E402  (reads the environment)
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.serverapp import ServerApp  # noqa: E402
from flwr.serverapp.strategy import FedAvg  # noqa: E402
from flwr.simulation import run_simulation  # noqa: E402

import round_torch  # noqa: E402
import torch_rival  # noqa: E402

kept = {}  # of an actor: its model and images, made for its first client


def actor():
    if not kept:
        sys.argv[1:] = json.loads(os.environ[FLAGS])
        args = round_torch.parse_flags(__doc__)
        kept["clients"] = round_torch.Clients(args, torch_rival.Machine(args))
    return kept["clients"]


client_app = ClientApp()


@client_app.train()
def train(message, context):
    clients = actor()
    vector = clients.vector
    state, result = torch.empty(vector.size), torch.empty(vector.size)
    received = message.content["arrays"].to_torch_state_dict()
    for name, part in vector.split(state).items():
        part.copy_(received[name])
    clients.train(int(context.node_config["partition-id"]), state, result)
    content = {"arrays": ArrayRecord(vector.split(result)),
               "metrics": MetricRecord({"num-examples": clients.args.images})}
    return Message(content=RecordDict(content), reply_to=message)


class Defended(FedAvg):
    """A round begins with a line on stdin; FedCAMAE scores the updates before FedAvg's mean."""

    def __init__(self, args, machine, out):
        super().__init__(fraction_train=1.0, fraction_evaluate=0.0, min_available_nodes=args.clients,
                         min_train_nodes=args.clients)
        self.server = round_torch.Server(args, machine, round_torch.Clients(args, machine, count=1))
        self.machine, self.out, self.waits = machine, out, args.serve

    def configure_train(self, *args, **kwargs):
        if self.waits and not sys.stdin.readline():
            ray.shutdown()
            os._exit(0)
        self.begin = time.perf_counter()
        return super().configure_train(*args, **kwargs)

    def aggregate_train(self, server_round, replies):
        replies = list(replies)
        if len(replies) != self.server.args.clients or any(r.has_error() for r in replies):
            sys.stderr.write("flower_round: a client failed\n")
            ray.shutdown()
            os._exit(1)
        self.trained = time.perf_counter()
        vector = self.server.vector
        updates = torch.empty(len(replies), vector.size)
        for update, reply in zip(updates, replies):
            received = reply.content["arrays"].to_torch_state_dict()
            for name, part in vector.split(update).items():
                part.copy_(received[name])
        self.server.defend(updates)
        del updates
        result = super().aggregate_train(server_round, replies)
        self.defended = time.perf_counter()
        return result

    def evaluate(self, server_round, arrays):
        if server_round == 0:
            return None
        state = torch.empty(self.server.vector.size)
        received = arrays.to_torch_state_dict()
        for name, part in self.server.vector.split(state).items():
            part.copy_(received[name])
        self.server.evaluate(state)
        end = time.perf_counter()
        line = {"seconds": end - self.begin, "train": self.trained - self.begin,
                "defense": self.defended - self.trained, "evaluate": end - self.defended,
                **self.machine.memory()}
        print(json.dumps(line), file=self.out, flush=True)
        return MetricRecord({"seconds": line["seconds"]})


def main():
    out = os.fdopen(os.dup(1), "w")  # Ray and Flower write to stdout too
    os.dup2(2, 1)
    os.environ[FLAGS] = json.dumps(sys.argv[1:])
    os.environ["PYTHONPATH"] = HERE + ":" + os.environ.get("PYTHONPATH", "")
    args = round_torch.parse_flags(__doc__)
    logging.getLogger("flwr").setLevel(logging.WARNING)
    machine = torch_rival.Machine(args)
    torch.set_num_threads(args.workers * args.threads)
    server_app = ServerApp()

    @server_app.main()
    def serve(grid, context):
        strategy = Defended(args, machine, out)
        state = torch.empty(strategy.server.vector.size)
        strategy.server.vector.store(strategy.server.model, state)
        rounds = args.rounds if not args.serve else 1 << 20
        strategy.start(grid=grid, initial_arrays=ArrayRecord(strategy.server.vector.split(state)),
                       num_rounds=rounds, evaluate_fn=strategy.evaluate, timeout=1e6)

    run_simulation(server_app, client_app, num_supernodes=args.clients,
                   backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0},
                                   "init_args": {"num_cpus": args.workers,
                                                 "include_dashboard": False}})


if __name__ == "__main__":
    import flower_round  # by its name: the actors find `train` and what it keeps in this module

    flower_round.main()
