#!/usr/bin/python3
"""Writes the expected outputs of the golden cases: `make golden`, or make_golden.py FOLDER [CASE...].

PyTorch in float64 computes them from generator.py's weights and pictures. CASE.tensors lists names and shapes of the weights;
CASE.golden has the seed, the classes explained, and a line for each result: name, largest magnitude, L2 norm, number of
values, then values: all of them up to 97, otherwise 97 evenly spread ones.
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision.transforms as T
from PIL import Image

import generator
from golden_networks import GOLDEN
from methods import METHODS, Pass
from trace import Trace

MARGIN, POINTS = 5e-6, 97


def pictures(golden, seed):
    """The input batch: drawn pictures, preprocessed in 8 bits as torchvision does."""
    batch, height, width = golden.size
    if golden.small:
        fit, drawn = [T.Resize((height, width))], (width * 5 // 4, height * 5 // 4)
    else:
        fit, drawn = [T.Resize(256), T.CenterCrop(height)], (320, 280)
    fit = T.Compose([*fit, T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    return torch.stack([fit(Image.fromarray(generator.picture(seed + n, *drawn))) for n in range(batch)])


def margin(trace):
    """How far the closest decision is from a tie, as a share of its layer's largest activation. Windows of zeros are exact ties."""
    closest = 1.0
    for name, x in trace.inputs.items():
        x, out = x.detach(), trace.outputs[name].detach()
        if x.shape == out.shape:
            gap = x.abs()
        else:
            pool = trace.net.get_submodule(name)
            padded = F.pad(x, (0, pool.kernel_size, 0, pool.kernel_size), value=float("-inf"))
            windows = padded.unfold(2, pool.kernel_size, pool.stride).unfold(3, pool.kernel_size, pool.stride)
            windows = windows[:, :, :out.shape[2], :out.shape[3]].flatten(4)
            best = windows.topk(2).values
            gap = (best[..., 0] - best[..., 1])[best[..., 0] != 0]
        closest = min(closest, float(gap.min() / x.abs().max()))
    return closest


def trace_of(golden, seed):
    net = golden.make().double().eval()
    net.load_state_dict(generator.fill(seed, net.state_dict()))
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    x = pictures(golden, seed).double().requires_grad_()
    return net, x, Trace(net, x)


def line(name, value):
    flat = value.detach().flatten().numpy()
    at = [i * (flat.size - 1) // (POINTS - 1) for i in range(POINTS)] if flat.size > POINTS else range(flat.size)
    numbers = " ".join(f"{flat[i]:.7g}" for i in at)
    return f"{name} {np.abs(flat).max():.7g} {np.linalg.norm(flat):.7g} {flat.size} {numbers}\n"


def results(golden, x, trace):
    """Lines for the logits and, image by image, the display-sized and raw results of every method."""
    output = trace.output.detach()
    classes = output.argmax(1).tolist()
    run = Pass(trace, x, classes)
    yield "classes " + " ".join(map(str, classes)) + "\n"
    yield line("logits", output)
    for name, method in METHODS.items():
        if method.needs_gap and not golden.gap:
            continue
        raw = method.raw(run, golden.layer)
        shown = method.display(run, raw)
        for n in range(len(raw)):
            yield line(f"{n}.{name}.raw", raw[n])
            peak = shown[n].abs().max()
            yield line(f"{n}.{name}.map", shown[n] / peak if peak else shown[n])


def write(folder, name, golden):
    seed = 1
    net, x, trace = trace_of(golden, seed)
    while golden.small and margin(trace) < MARGIN:
        seed += 1
        net, x, trace = trace_of(golden, seed)
    with open(os.path.join(folder, name + ".tensors"), "w") as f:
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                f.write(" ".join([key, *map(str, value.shape)]) + "\n")
    with open(os.path.join(folder, name + ".golden"), "w") as f:
        f.write(f"seed {seed}\n")
        f.writelines(results(golden, x, trace))
    print(f"{name}: seed {seed}, closest decision {margin(trace):.1e}, logits {trace.output.detach()[0, :4].tolist()}")


def main():
    folder, *chosen = sys.argv[1:]
    torch.set_num_threads(1)
    for name in chosen or GOLDEN:
        write(folder, name, GOLDEN[name])


if __name__ == "__main__":
    main()
