"""make conformance-exports: torchvision's classification CNNs through torch.onnx.export, and their logits beside PyTorch's.

Each network is exported over operator sets and in two ways. `folded`: constants folded, batch norm fused into the convolutions, a batch of
1 written down. `plain`: nothing folded, batch norm kept, the batch symbolic. Both are run with a batch of 2. Weights are the
constructor's random ones; batch-norm statistics are those of random pictures, then scattered, as are scale and shift."""
import argparse
import os
import subprocess
import sys
import time
import warnings

import numpy
import torch
import torchvision
from torch import nn

OPSETS = (9, 11, 13, 17)
WAYS = [(opset, folded) for opset in OPSETS for folded in (True, False)]
EXTREMES = [(9, False), (17, True)]
# One member of each family over all operator sets, and the others in two ways.
FAMILIES = ("alexnet", "vgg11", "vgg11_bn", "squeezenet1_0", "squeezenet1_1", "googlenet", "inception_v3", "resnet18", "resnet50",
            "resnext50_32x4d", "wide_resnet50_2", "densenet121", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
            "shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf",
            "convnext_tiny")
NOT_CNN = ("vit", "swin", "maxvit")
TOO_LARGE = ("regnet_y_128gf",)  # 2.5 GB of weights: an ONNX file holds at most 2
# Scales of batch norm. With larger ones the gates of EfficientNets multiply rounding errors beyond what float32 can carry.
SCALES = {"efficientnet": (0.65, 1.15), "": (0.7, 1.3)}
SIZES = {"alexnet": 224, "vgg": 224, "inception": 107}
LIMIT = 1e-4  # of the largest logit


def names(only):
    every = torchvision.models.list_models(module=torchvision.models)
    chosen = [n for n in every if not n.startswith(NOT_CNN) and n not in TOO_LARGE]
    return sorted((n for n in chosen if not only or n in only), key=lambda n: (n not in FAMILIES, n.startswith(("alexnet", "vgg"))))


def size_of(name):
    return next((size for start, size in SIZES.items() if name.startswith(start)), 64)


def scatter(module, generator, scales):
    """Batch norm and layer scale that are no identity."""
    def uniform(t, low, high):
        return torch.rand(t.shape, generator=generator) * (high - low) + low
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_var.clamp_(min=0.5 * m.running_var.mean().item())  # small maps: some channels hardly vary
            m.running_mean += 0.1 * torch.randn(m.running_mean.shape, generator=generator) * m.running_var.sqrt()
            m.running_var *= uniform(m.running_var, 0.7, 1.4)
            m.weight.data = uniform(m.weight, *scales)
            m.bias.data = uniform(m.bias, -0.2, 0.2)
        if hasattr(m, "layer_scale"):
            m.layer_scale.data = uniform(m.layer_scale, 0.05, 0.5)


def make(name, size):
    """The network in evaluation mode, its statistics those of four random pictures."""
    torch.manual_seed(1)
    options = {"init_weights": True, "transform_input": True} if name in ("googlenet", "inception_v3") else {}
    net = torchvision.models.get_model(name, weights=None, **options)
    momenta = {m: m.momentum for m in net.modules() if isinstance(m, nn.BatchNorm2d)}
    for m in momenta:
        m.momentum = 1.0
    net.eval()
    for m in momenta:  # the rest stays as it is: heads for training want larger pictures
        m.train()
    with torch.no_grad():
        if momenta:
            net(torch.randn(4, 3, size, size))
        scales = next(scale for start, scale in SCALES.items() if name.startswith(start))
        scatter(net, torch.Generator().manual_seed(2), scales)
    for m, momentum in momenta.items():
        m.momentum = momentum
    return net.eval()


def export(net, x, path, opset, folded):
    """1 where it was written; PyTorch's own refusal is passed on as text."""
    mode = torch.onnx.TrainingMode
    axes = None if folded else {"input": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(net, x, path, opset_version=opset, do_constant_folding=folded, dynamic_axes=axes,
                      training=mode.EVAL if folded else mode.PRESERVE, input_names=["input"], output_names=["logits"])


def module_names(net):
    """Convolutions and fully connected layers that run in evaluation mode, by their paths."""
    return {n: type(m) for n, m in net.named_modules()
            if isinstance(m, (nn.Conv2d, nn.Linear)) and not n.startswith(("aux", "AuxLogits"))}


def run(program, path, folder):
    """Logits, and the layers' operations by name."""
    done = subprocess.run([program, path, os.path.join(folder, "input.npy"), os.path.join(folder, "logits.npy")],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"ended by signal {-done.returncode}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return numpy.load(os.path.join(folder, "logits.npy")), {line[0]: line[1] for line in lines}


class Row:
    """What became of one network."""

    def __init__(self, name, size):
        self.name, self.size, self.done, self.error, self.names, self.layers = name, size, 0, 0.0, True, 0
        self.wanted, self.faults, self.notes = 0, [], []

    def text(self):
        verdict = "".join(f" **{fault}**" for fault in self.faults) + "".join(f" ({note})" for note in self.notes)
        return (f"| {self.name} | {self.size} | {self.done} of {self.wanted} | {self.layers} | {self.error:.1e} |"
                f" {'all' if self.names else 'some missing'}{verdict} |")


def check(name, ways, program, folder):
    row = Row(name, size_of(name))
    net = make(name, row.size)
    torch.manual_seed(3)
    x = torch.randn(2, 3, row.size, row.size)
    with torch.no_grad():
        wanted = net.double()(x.double()).numpy()
    net.float()
    row.faults += ["the logits hardly depend on the picture"] * (abs(wanted[0] - wanted[1]).max() < 1e-3 * abs(wanted).max())
    numpy.save(os.path.join(folder, "input.npy"), x.numpy())
    path = os.path.join(folder, "model.onnx")
    for opset, folded in ways:
        label = f"opset {opset} {'folded' if folded else 'plain'}"
        try:
            export(net, x[:1], path, opset, folded)
        except Exception as error:  # of any kind: PyTorch has many ways to refuse
            row.notes.append(f"{label}: PyTorch cannot write it ({str(error).split('.')[0][:120]})")
            continue
        row.wanted += 1
        try:
            found, layers = run(program, path, folder)
        except RuntimeError as error:
            row.faults.append(f"{label}: {str(error)[:160]}")
            continue
        error = float(numpy.abs(found - wanted).max() / numpy.abs(wanted).max())
        row.error = max(row.error, error)
        row.layers = max(row.layers, len(layers))
        ops = {nn.Conv2d: "conv2d", nn.Linear: "linear"}
        missing = [n for n, kind in module_names(net).items() if layers.get(n) != ops[kind]]
        row.names = row.names and not missing
        if missing:
            print(f"  {label}: no layer {missing[:3]}", file=sys.stderr)
        if error > LIMIT:
            row.faults.append(f"{label}: {error:.1e}")
        else:
            row.done += 1
    if os.path.exists(path):
        os.remove(path)
    return row


def write(rows, path):
    """The table so far."""
    good, tried = sum(r.done for r in rows), sum(r.wanted for r in rows)
    with open(path, "w", encoding="utf-8") as out:
        print(f"PyTorch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}: {good} of {tried} exports of"
              f" {len(rows)} networks agree; the largest error is {max(r.error for r in rows):.1e} of the largest logit.\n", file=out)
        print("| network | input | exports that agree | layers | largest error | module paths of convolutions and linear layers |",
              "| --- | ---: | ---: | ---: | ---: | --- |", *[r.text() for r in rows], sep="\n", file=out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--quick", action="store_true", help="one small member of each family, operator sets 9 and 17")
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # no waiting for one another on a busy machine
    os.makedirs(options.work, exist_ok=True)
    rows = []
    for name in names(FAMILIES if options.quick else options.only):
        began = time.time()
        rows.append(check(name, WAYS if name in FAMILIES and not options.quick else EXTREMES, options.program, options.work))
        write(rows, options.out)
        print(rows[-1].text(), f"{time.time() - began:.0f} s", file=sys.stderr, flush=True)
    good, tried = sum(r.done for r in rows), sum(r.wanted for r in rows)
    print(f"{good} of {tried} exports agree", file=sys.stderr)
    return good != tried or not all(r.names for r in rows)


if __name__ == "__main__":
    sys.exit(main())
