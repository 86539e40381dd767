#!/usr/bin/python3
"""The loss of the first training steps beside PyTorch's: the whole backward pass, batch norm included (`make parity-train`).

The same small network, initial weights and batches go to both; each takes twenty steps of SGD with Nesterov momentum, weight decay on
what has two and more dimensions, and label smoothing. With --golden FILE the losses of PyTorch in float64 are written there, which
`make test` compares with.
"""
import argparse
import os
import subprocess
import sys

import torch
import torch.nn.functional as F
from torch import nn

import generator

STEPS, BATCH, CLASSES, SEED, LIMIT = 20, 8, 5, 1, 1e-4


class Net(nn.Module):
    """tests/golden/train.net."""

    def __init__(self):
        super().__init__()
        def part(**layers):
            return nn.ModuleDict(layers)
        self.stem = part(conv=nn.Conv2d(3, 16, 3, padding=1, bias=False), bn=nn.BatchNorm2d(16))
        self.block = part(conv1=nn.Conv2d(16, 16, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(16),
                          conv2=nn.Conv2d(16, 16, 3, padding=1, groups=2), bn2=nn.BatchNorm2d(16))
        self.down = part(conv=nn.Conv2d(16, 24, 3, 2, 1, bias=False), bn=nn.BatchNorm2d(24))
        self.mix = part(conv=nn.Conv2d(24, 24, 1))
        self.fc = nn.Linear(24, CLASSES)

    def forward(self, x):
        x = F.relu(self.stem["bn"](self.stem["conv"](x)))
        y = F.relu(self.block["bn1"](self.block["conv1"](x)))
        x = F.relu(self.block["bn2"](self.block["conv2"](y)) + x)
        x = F.leaky_relu(self.down["bn"](self.down["conv"](x)), 0.1)
        x = F.max_pool2d(self.mix["conv"](x), 2)
        return self.fc(x.mean((2, 3)))


def batch(step):
    """Inputs are sixteen times what the generator gives, so that they are about one."""
    x = 16 * torch.from_numpy(generator.tensor(SEED, f"batch{step}", (BATCH, 3, 16, 16)))
    return x, torch.tensor([(step * 7 + i * 3) % CLASSES for i in range(BATCH)])


def losses(dtype):
    net = Net()
    net.load_state_dict(generator.fill(SEED, net.state_dict()))
    net = net.to(dtype).train()
    groups = [{"params": [p for p in net.parameters() if p.dim() >= 2], "weight_decay": 1e-3},
              {"params": [p for p in net.parameters() if p.dim() < 2]}]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)
    for step in range(STEPS):
        x, k = batch(step)
        loss = F.cross_entropy(net(x.to(dtype)), k, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def ours(program, work):
    os.makedirs(work, exist_ok=True)
    weights, batches = os.path.join(work, "weights.pth"), os.path.join(work, "batches.pth")
    state = generator.fill(SEED, Net().state_dict())
    torch.save({name: value for name, value in state.items() if value.is_floating_point()}, weights)
    tensors = {}
    for step in range(STEPS):
        tensors[f"input{step}"], tensors[f"classes{step}"] = batch(step)
    torch.save(tensors, batches)
    run = subprocess.run([program, "tests/golden/train.net", weights, batches], check=True, capture_output=True, text=True)
    return [float(line) for line in run.stdout.split()]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program")
    options.add_argument("--work", default="build/parity/train")
    options.add_argument("--golden")
    options = options.parse_args()
    torch.set_num_threads(1)
    double = list(losses(torch.float64))
    if options.golden:
        with open(options.golden, "w") as f:
            f.writelines(f"{loss:.9g}\n" for loss in double)
        return
    single, mine = list(losses(torch.float32)), ours(options.program, options.work)
    if len(mine) != STEPS:
        sys.exit(f"{len(mine)} steps were run, expected {STEPS}")
    print("step   libgradcam   PyTorch float64   difference   PyTorch float32")
    for step, (m, d, s) in enumerate(zip(mine, double, single)):
        print(f"{step:4}   {m:10.6f}   {d:15.6f}   {m - d:10.1e}   {s - d:15.1e}")
    worst = max(abs(m - d) for m, d in zip(mine, double))
    print(f"largest difference {worst:.1e}, limit {LIMIT:.0e}")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
