"""How far PyTorch's autocast to bfloat16 is from its float32: the yardstick of
tests/models/test_bf16.cpp, for the same networks, weights and images. In units of 2^-8; relative to
the Euclidean norm of what is compared.

    python3 tools/bf16_distance.py
"""

import numpy as np
import reference_nets as nets
import torch

CASES = [("small_cnn", 32, 8), ("tiny_resnet", 64, 8), ("tiny_regnet", 64, 8)]  # side, batch
CLASSES = 10
EPS = 2.0**-8


def step(arch, side, batch, narrow):
    """Logits in evaluation mode; the gradients of one training step."""
    net = nets.filled(arch, CLASSES, torch.float32)
    images, labels = nets.batch_of(batch, side, side, CLASSES, torch.float32)
    autocast = lambda: torch.autocast("cpu", dtype=torch.bfloat16, enabled=narrow)
    with torch.no_grad(), autocast():
        logits = net.eval()(images).float()
    with autocast():  # its own: what autocast has cast without gradient is kept to its end
        loss = torch.nn.functional.cross_entropy(net.train()(images).float(), labels)
    loss.backward()
    return logits.numpy(), [p.grad.numpy().ravel() for p in net.parameters()]


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b) / EPS


for case in CASES:
    exact, narrow = step(*case, False), step(*case, True)
    whole = distance(np.concatenate(narrow[1]), np.concatenate(exact[1]))
    worst = max(distance(a, b) for a, b in zip(narrow[1], exact[1]))
    print(f"{case[0]}: logits {distance(narrow[0], exact[0]):.2f}, gradients {whole:.1f}, "
          f"worst tensor {worst:.1f}")
