#!/usr/bin/env python3
"""FedCAMAE's autoencoders in PyTorch, on given rows, for tests/defense.

  make_fedcamae_golden.py DIR    -> DIR/fedcamae_reference.safetensors, DIR/row_coder.safetensors

The released detector: what the released code does with the maps of a round (find_outliers_autoencoder): an autoencoder of
128 hidden units with ReLU and a sigmoid at the end, 200 full-batch epochs of Adam at 1e-3 with
weight decay 1e-5, errors in evaluation mode, flagged above mean + 1 unbiased standard deviation.
Its zeroing of the attackers' maps by index is left out. First weights: torch.nn.Linear's
distribution, drawn from Philox4x32-10 as core/random.h says, so that both sides start from the same
numbers. Errors come from a float64 run; `*.distance` is how far float32 is from them.

The row coder of variant "fedcamae": a code of 3, linear output, from given weights, in float64.
"""

import argparse
import os

import numpy as np
import torch

import reference_nets as nets
import safetensors_file

SIDE, ROWS, HIDDEN, EPOCHS = 10, 9, 128, 200
SEED, ROUND, AUTOENCODER = 5, 1, 10  # of core/random.h: RandomKey and Purpose::kAutoencoder


def philox(count):
    """`count` 32-bit words: blocks of Philox4x32-10 (Salmon et al., SC 2011) in their order."""
    blocks = -(-count // 4)
    c = [np.arange(blocks, dtype=np.uint64)]
    c += [np.full(blocks, v, np.uint64) for v in (ROUND, 0, AUTOENCODER)]
    k = [SEED & 0xFFFFFFFF, SEED >> 32]
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        high = lambda p: p >> np.uint64(32)
        c = [
            high(b) ^ c[1] ^ np.uint64(k[0]),
            b & mask,
            high(a) ^ c[3] ^ np.uint64(k[1]),
            a & mask,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, 1).reshape(-1)[:count]


def first_weights(pixels):
    """Encoder weight [pixels, hidden] and bias, decoder weight [pixels, hidden] and bias."""
    sizes = [(pixels * HIDDEN, pixels), (HIDDEN, pixels), (pixels * HIDDEN, HIDDEN)]
    sizes.append((pixels, HIDDEN))
    words = philox(2 * sum(n for n, _ in sizes)).reshape(-1, 2)
    uniform = ((words[:, 0] << np.uint64(32) | words[:, 1]) >> np.uint64(11)) * 2.0**-53
    parts, begin = [], 0
    for n, fan_in in sizes:
        bound = 1 / np.sqrt(fan_in)
        parts.append((-bound + 2 * bound * uniform[begin : begin + n]).astype(np.float32))
        begin += n
    return parts


def heat_maps():
    """Blobs with some noise, scaled to [0, 1] as LayerCAM's; one is all zero: what a model whose
    activations overflow becomes in the released code; one is noise alone."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    maps = []
    for row in range(ROWS):
        u = nets.numbers(50 + row, 3 + SIDE * SIDE)
        blob = np.exp(-((x - 0.5 - 0.1 * u[0]) ** 2 + (y - 0.4 - 0.1 * u[1]) ** 2) / 0.08)
        image = (0 if row == 6 else blob) + 0.1 * u[3:].reshape(SIDE, SIDE)
        image = image - image.min()
        maps.append((0 if row == 3 else 1) * image / (1e-7 + image.max()))
    return np.stack(maps).astype(np.float32).reshape(ROWS, -1)


def detect(maps, dtype):
    """Errors, threshold, flags, loss before every epoch."""
    pixels = maps.shape[1]
    net = torch.nn.Sequential(
        torch.nn.Linear(pixels, HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, pixels),
        torch.nn.Sigmoid(),
    )
    w_in, b_in, w_out, b_out = map(torch.from_numpy, first_weights(pixels))
    net[0].weight.data, net[0].bias.data = w_in.reshape(pixels, HIDDEN).T.contiguous(), b_in
    net[2].weight.data, net[2].bias.data = w_out.reshape(pixels, HIDDEN), b_out
    net.to(dtype)
    rows = torch.from_numpy(maps).to(dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-5)
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(rows), rows).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        errors = ((net(rows) - rows) ** 2).mean(dim=1)
    threshold = errors.mean() + 1.0 * errors.std()
    return errors.double().numpy(), threshold.item(), (errors > threshold).numpy()


def row_coder(inputs, code, count, epochs):
    """Losses before every epoch, weights and reconstructions after them."""
    flat = nets.numbers(70, 2 * inputs * code + code + inputs).astype(np.float32) * 0.3
    rows = nets.numbers(71, count * inputs).astype(np.float32).reshape(count, inputs)
    net = torch.nn.Sequential(
        torch.nn.Linear(inputs, code), torch.nn.ReLU(), torch.nn.Linear(code, inputs)
    ).double()
    begin = 0
    for p in net.parameters():
        p.data = torch.from_numpy(flat[begin : begin + p.numel()]).double().reshape(p.shape)
        begin += p.numel()
    x = torch.from_numpy(rows).double()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, weight_decay=1e-5)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), x)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    after = torch.cat([p.detach().reshape(-1) for p in net.parameters()])
    tensors = {"rows": rows, "before": flat, "losses": np.array(losses)}
    tensors.update(after=after.numpy(), reconstructed=net(x).detach().numpy())
    return {name: t.astype(np.float32) for name, t in tensors.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out")
    maps = heat_maps()
    errors, threshold, flags = detect(maps, torch.float64)
    single, single_threshold, _ = detect(maps, torch.float32)
    tensors = {
        "maps": maps,
        "errors": errors.astype(np.float32),
        "errors.distance": np.array(np.abs(errors - single).max(), np.float32),
        "threshold": np.array(threshold, np.float32),
        "threshold.distance": np.array(abs(threshold - single_threshold), np.float32),
        "flags": flags.astype(np.float32),
    }
    folder = parser.parse_args().out
    cases = {"fedcamae_reference": tensors, "row_coder": row_coder(12, 3, 6, 100)}
    for name, case in cases.items():
        path = os.path.join(folder, name + ".safetensors")
        safetensors_file.write(path, case, {"source": f"PyTorch {torch.__version__}"})
    print("errors", errors, "threshold", threshold, "flags", flags.astype(int))


if __name__ == "__main__":
    main()
