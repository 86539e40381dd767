#!/usr/bin/python3
"""Compares every further method of the library with PyTorch on trained networks; `make parity-methods` runs it.

The reference is float64 PyTorch from the definitions alone (shares.py, many_passes.py), free-running. Limits are DESIGN.md's: maps at a
layer 1e-4 of the largest magnitude, what passes decisions on its way down to pixels 1e-2 in relative L2 distance.
"""
import argparse
import os
import subprocess
import sys
import time

import numpy as np
import torch
import torchvision
from PIL import Image

import many_passes
from many_passes import Subject
from shares import Rescale, Rules, Spread, resnet20, squeezenet, tiny_darknet

BEGIN, END = "<!-- table: written by make parity-methods -->", "<!-- end of table -->"
MAP, PIXELS = 1e-4, 1e-2
PHOTOS = ("cat_dog_640.jpg", "goldfish.jpg")


class Network:
    """`last`: its last layer with weights; `entrance`: where excitation is read; `unit`: pixels 0..1 as they are."""

    def __init__(self, name, file, function, target, entrance, last, sizes, unit=False):
        self.name, self.file, self.function, self.target, self.entrance = name, file, function, target, entrance
        self.last, self.sizes, self.unit = last, sizes, unit

    def weights(self, shared):
        state = torch.load(os.path.join(shared, "models", self.file), map_location="cpu")
        state = state.get("state_dict", state)
        return {name.replace("module.", ""): value.double() for name, value in state.items()}

    def normal(self):
        mean, std = ((0, 0, 0), (1, 1, 1)) if self.unit else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        return torch.tensor(mean).view(1, 3, 1, 1).double(), torch.tensor(std).view(1, 3, 1, 1).double()

    def photo(self, path, size):
        t = torchvision.transforms
        fit = t.Compose([t.Resize(size), t.CenterCrop(size), t.ToTensor()])
        mean, std = self.normal()
        return ((fit(Image.open(path).convert("RGB"))[None].double() - mean) / std).float()


NETWORKS = [
    Network("SqueezeNet 1.1", "squeezenet1_1.pth", squeezenet, "features.12", "features.8", "classifier.1", (224, 128)),
    Network("Tiny Darknet", "tiny_darknet.pth", tiny_darknet, "act15", "pool10", "conv16", (224, 128), unit=True),
    Network("ResNet-20 (CIFAR)", "resnet20_cifar10.pth", resnet20, "layer3", "layer2", "fc", (32, 32)),
]

PRESETS = {
    "epsilon-gamma-box": dict(first="z-box", conv="gamma", linear="epsilon"),
    "epsilon-plus": dict(conv="alpha-beta", linear="epsilon", alpha=1.0),
    "epsilon-alpha2-beta1": dict(conv="alpha-beta", linear="epsilon"),
    "epsilon": dict(conv="epsilon"),
    "gamma": dict(conv="gamma"),
    "z-plus": dict(conv="alpha-beta", alpha=1.0),
}


def lrp(s, o, network):
    mean, std = network.normal()
    rules = Rules(**PRESETS[o["rule"]], ignore_bias=bool(o.get("ignore_bias")), low=(0 - mean) / std, high=(1 - mean) / std)
    x = s.x.detach().clone().requires_grad_()
    z = s.run(x, Spread(rules, network.last))
    start = torch.zeros_like(z)
    start[0, s.klass] = z[0, s.klass].detach()
    return torch.autograd.grad(z, x, start)[0][0]


def deeplift(s, o, network):
    pair = torch.cat([s.x, many_passes.baseline(s, o)]).requires_grad_()
    z = s.run(pair, Rescale())
    start = torch.zeros_like(z)
    start[0, s.klass] = 1
    return (torch.autograd.grad(z, pair, start)[0] * (pair - pair.flip(0)))[0].detach()


def excitation(s, o, network, last=None):
    ops = Spread(Rules("excitation", last=last), network.last)
    x = s.x.detach().clone().requires_grad_()
    z = s.run(x, ops)
    start = torch.zeros_like(z)
    start[0, s.klass] = 1
    return torch.autograd.grad(z, ops.seen[o["layer"]], start)[0][0].sum(0)


def contrast(s, o, network):
    return excitation(s, o, network, "contrast").clamp(min=0)


def further(function):
    return lambda s, o, _network: function(s, o)


# (method, options, reference, limit on maps of a layer or on pixels); "layer": at the network's entrance
def one_pass(network):
    rows = [("lrp", dict(rule=rule), lrp, PIXELS) for rule in PRESETS]
    rows += [("lrp", dict(rule=rule, ignore_bias=1), lrp, PIXELS) for rule in ("epsilon-gamma-box", "epsilon-plus")]
    rows += [("deeplift", {}, deeplift, PIXELS), ("deeplift", dict(baseline=3), deeplift, PIXELS)]
    rows += [("mwp", dict(layer=network.entrance), excitation, MAP), ("c-mwp", dict(layer=network.entrance), contrast, MAP)]
    rows += [("mwp", dict(layer=network.target), excitation, MAP)]
    m = many_passes
    rows += [(name, {}, further(function), MAP) for name, function in (
        ("gradcam++", m.gradcam_plusplus), ("hirescam", m.hirescam), ("elementwise-gradcam", m.elementwise_gradcam),
        ("xgradcam", m.xgradcam), ("layercam", m.layercam), ("eigencam", m.eigencam), ("eigengradcam", m.eigengradcam))]
    rows += [("input-x-gradient", {}, further(m.input_x_gradient), PIXELS), ("fullgrad", {}, further(m.fullgrad), PIXELS)]
    rows += [(name, dict(profile=profile), further(function), MAP) for name, profile, function in (
        ("gradcam", "captum", m.captum_gradcam), ("gradcam++", "pgc", m.pgc_plusplus), ("gradcam++", "torchcam", m.torchcam_plusplus),
        ("xgradcam", "pgc", m.pgc_xgradcam), ("eigencam", "pgc", m.pgc_eigencam))]
    rows += [("gradient", dict(profile="captum"), further(m.captum_saliency), PIXELS),
             ("fullgrad", dict(profile="pgc"), further(m.fullgrad), PIXELS)]
    return rows


def many(_network):
    m = many_passes
    return [
        ("integrated-gradients", dict(samples=20), further(m.integrated_gradients), PIXELS),
        # a path's end at zeros is an even picture, where pooling has no winner: the trapezoid rule, which takes it, starts from the blur
        ("integrated-gradients", dict(samples=20, quadrature=1, baseline=3), further(m.integrated_gradients), PIXELS),
        ("gradientshap", dict(samples=8), further(m.gradientshap), PIXELS),
        ("smoothgrad", dict(samples=6, noise=0.15), further(m.smoothgrad), PIXELS),
        ("smoothgrad2", dict(samples=6, noise=0.15), further(m.smoothgrad2), PIXELS),
        ("vargrad", dict(samples=6, noise=0.15), further(m.vargrad), PIXELS),
        ("smooth-gradcam++", dict(samples=4, noise=0.3), further(m.smooth_plusplus), MAP),
        ("scorecam", {}, further(m.scorecam), MAP),
        ("scorecam", dict(profile="pgc"), further(m.pgc_scorecam), MAP),
        ("scorecam", dict(profile="torchcam"), further(m.torchcam_scorecam), MAP),
        ("smoothgrad", dict(profile="captum"), further(m.captum_smoothgrad), PIXELS),
        ("ablationcam", {}, further(m.ablationcam), MAP),
        ("reciprocam", {}, further(m.reciprocam), MAP),
        ("occlusion", dict(window=12, stride=5), further(m.occlusion), MAP),
        ("rise", dict(samples=40), further(m.rise), MAP),
    ]


def distance(ours, truth):
    return float((ours - truth).norm() / truth.norm()) if truth.norm() > 0 else float(ours.norm())


def largest(ours, truth):
    return float((ours - truth).abs().max() / truth.abs().max()) if truth.abs().max() > 0 else float(ours.abs().max())


def ask(options, network, x, klass, rows):
    """The library's raw results and the layers it says they are of."""
    folder = os.path.join(options.work, "methods")
    os.makedirs(folder, exist_ok=True)
    np.save(os.path.join(folder, "input.npy"), x.numpy())
    words = [":".join([name, *(f"{k}={v}" for k, v in o.items())]) for name, o, _, _ in rows]
    done = subprocess.run([options.dump, os.path.join(options.shared, "models", network.file), os.path.join(folder, "input.npy"), folder,
                           str(klass), *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [torch.from_numpy(np.load(os.path.join(folder, f"{k}.npy"))).double() for k in range(len(rows))]


def compare(options, network, photo, size, rows):
    x = network.photo(os.path.join(options.shared, "photos", photo), size)
    weights = network.weights(options.shared)
    klass = int(network.function(many_passes.Plain(), weights, x.double())[0].argmax())
    subject, found = Subject(network.function, weights, x.double(), klass, network.target), []
    for (name, o, reference, limit), ours in zip(rows, ask(options, network, x, klass, rows)):
        start = time.time()
        truth = reference(subject, o, network).detach()
        value = largest(ours, truth) if limit == MAP else distance(ours, truth)
        title = " ".join([name, *(str(v) if k in ("rule", "layer") else f"{k}={v}" for k, v in o.items())])
        found.append((title, value, limit, largest(ours, truth)))
        print(f"  {'ok  ' if value <= limit else 'FAIL'} {title:48} {value:9.2e}  limit {limit:g}  max {found[-1][3]:.1e}"
              f"  {time.time() - start:.1f} s", flush=True)
    return found


def table(results):
    """One row a method, one column a network: the worst of its photos."""
    titles, columns = [], [n.name for n in NETWORKS if any(r[0] == n.name for r in results)]
    for _, rows in results:
        titles += [row[0] for row in rows if row[0] not in titles]
    lines = ["| method | limit | " + " | ".join(columns) + " |", "|" + " --- |" * (2 + len(columns))]
    for title in titles:
        cells, limit = [], 0
        for column in columns:
            rows = [row for name, found in results if name == column for row in found if row[0] == title]
            worst = max(rows, key=lambda row: row[1]) if rows else None
            limit = worst[2] if worst else limit
            cells.append("" if not worst else f"{worst[1]:.1e}" if worst[1] <= worst[2] else f"**{worst[1]:.1e}**")
        lines.append(f"| {title} | {limit:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", required=True, help="the dump_methods program")
    parser.add_argument("--work", required=True, help="folder for temporary files")
    parser.add_argument("--shared", default="../shared", help="folder with models/ and photos/; what is absent is left out")
    parser.add_argument("--docs", help="Markdown file to write the table into")
    parser.add_argument("--only", default="", help="part of a network's name")
    parser.add_argument("--method", default="", help="part of a method's name")
    parser.add_argument("--quick", action="store_true", help="one photo, and none of the methods of many passes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for network in NETWORKS:
        if options.only not in network.name or not os.path.exists(os.path.join(options.shared, "models", network.file)):
            continue
        for photo in PHOTOS[:1] if options.quick else PHOTOS:
            jobs = [(network.sizes[0], one_pass(network))]
            jobs += [] if options.quick or photo != PHOTOS[0] else [(network.sizes[1], many(network))]
            for size, rows in jobs:
                rows = [row for row in rows if options.method in row[0]]
                print(f"\n{network.name}, {photo}, {size}x{size}", flush=True)
                results.append((network.name, compare(options, network, photo, size, rows) if rows else []))
    checks = [row for _, rows in results for row in rows]
    failed = sum(row[1] > row[2] for row in checks)
    print(f"\n{len(checks)} rows, {failed} failed")
    if options.docs and not (options.only or options.method or options.quick):
        with open(options.docs) as f:
            before, rest = f.read().split(BEGIN)
        with open(options.docs, "w") as f:
            f.write(f"{before}{BEGIN}\n\n{len(checks)} rows, {failed} failed; PyTorch {torch.__version__}.\n\n{table(results)}\n\n{END}"
                    + rest.split(END)[1])
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
