"""make conformance-exports: torchvision's classification CNNs through torch.onnx.export, and their logits beside PyTorch's.

Each network is exported over operator sets and in two ways. `folded`: constants folded, batch norm fused into the convolutions, a batch of
1 written down. `plain`: nothing folded, batch norm kept, the batch symbolic. Both are run with a batch of 2. Weights are the
constructor's random ones; batch-norm statistics are those of random pictures, then scattered, as are scale and shift."""
import argparse
import hashlib
import json
import os
import shutil
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


def is_compared(module, folded):
    """Folded batch norm changes what a convolution's own value is, and leaves none of the norm's."""
    return not (folded and isinstance(module, (nn.Conv2d, nn.BatchNorm2d)))


class Network:
    """A network, its input, and what float64 makes of it: the logits and the value of every module at every call."""

    def __init__(self, name):
        self.name, self.size = name, size_of(name)
        self.net, self.values = make(name, self.size), {}
        torch.manual_seed(3)
        self.x = torch.randn(2, 3, self.size, self.size)
        self.net.double()
        hooks = [m.register_forward_hook(self.keeper(n)) for n, m in self.net.named_modules() if n]
        with torch.no_grad():
            self.logits = self.net(self.x.double()).numpy()
        for hook in hooks:
            hook.remove()
        self.net.float()

    def keeper(self, name):
        """A hook that keeps a value under its module's path, a second call's under NAME#1; what leaves its input as it is is no layer."""
        def keep(module, inputs, value):
            if not isinstance(value, torch.Tensor) or value is inputs[0]:
                return
            call = name
            for i in range(1, 1000):
                if call not in self.values:
                    break
                call = f"{name}#{i}"
            self.values[call] = (value.to(torch.float32).numpy().copy(), module)
        return keep


def run(program, path, folder, names):
    """Logits, the architecture that was recognised, the layers' operations by name, and the values of the layers `names`."""
    values = os.path.join(folder, "values")
    shutil.rmtree(values, ignore_errors=True)
    os.makedirs(values)
    with open(os.path.join(folder, "names.txt"), "w", encoding="utf-8") as out:
        out.writelines(name + "\n" for name in names)
    done = subprocess.run([program, path, os.path.join(folder, "input.npy"), os.path.join(folder, "logits.npy"),
                           os.path.join(folder, "names.txt"), values], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"ended by signal {-done.returncode}")
    lines = [line.split() for line in done.stdout.splitlines()]
    found = {name: numpy.load(os.path.join(values, f"{i}.npy")) for i, name in enumerate(names)
             if os.path.exists(os.path.join(values, f"{i}.npy"))}
    shutil.rmtree(values)
    return numpy.load(os.path.join(folder, "logits.npy")), lines[0][1], {line[0]: line[1] for line in lines[2:]}, found


def distance(found, wanted):
    """Largest difference as a share of the largest value; 1 where the shapes differ."""
    if found.shape != wanted.shape:
        return 1.0
    return float(numpy.abs(found - wanted).max() / max(numpy.abs(wanted).max(), 1e-30))


def check(network, opset, folded, program, folder):
    """What became of one export, as a dictionary."""
    path = os.path.join(folder, "model.onnx")
    numpy.save(os.path.join(folder, "input.npy"), network.x.numpy())
    try:
        export(network.net, network.x[:1], path, opset, folded)
    except Exception as error:  # of any kind: PyTorch has many ways to refuse
        return {"note": f"PyTorch cannot write it ({str(error).split('.')[0][:120]})"}
    wanted = {n: value for n, (value, module) in network.values.items() if is_compared(module, folded)}
    try:
        logits, arch, layers, found = run(program, path, folder, list(wanted))
    except RuntimeError as error:
        return {"fault": str(error)[:200]}
    finally:
        os.remove(path)
    ops = {nn.Conv2d: "conv2d", nn.Linear: "linear"}
    values = {n: distance(found[n], value) for n, value in wanted.items() if n in found}
    row = {"error": distance(logits, network.logits), "layers": len(layers), "arch": arch,
           "missing": [n for n, kind in module_names(network.net).items() if layers.get(n) != ops[kind]],
           "modules": len(wanted), "unnamed": [n for n in wanted if n not in found],
           "wrong": [n for n, error in values.items() if error > LIMIT]}
    if abs(network.logits[0] - network.logits[1]).max() < 1e-3 * abs(network.logits).max():
        row["fault"] = "the logits hardly depend on the picture"
    elif row["error"] > LIMIT:
        row["fault"] = f"the logits differ by {row['error']:.1e}"
    return row


def summary(name, cases):
    """A line of the table; `cases`: (opset, folded, row)."""
    tried = [row for _, _, row in cases if "note" not in row]
    run_ones = [row for row in tried if "error" in row]
    good = sum("fault" not in row for row in tried)
    notes = [f" **opset {opset} {way(folded)}: {row['fault']}**" for opset, folded, row in cases if "fault" in row]
    notes += [f" (opset {opset} {way(folded)}: {row['note']})" for opset, folded, row in cases if "note" in row]
    modules, wrong = sum(row["modules"] for row in run_ones), sum(len(row["wrong"]) + len(row["unnamed"]) for row in run_ones)
    arch = all(row["arch"].split("_plain")[0] == name for row in run_ones)
    return (f"| {name} | {size_of(name)} | {good} of {len(tried)} | {max((row['layers'] for row in run_ones), default=0)} |"
            f" {max((row['error'] for row in run_ones), default=0):.1e} | {'all' if not any(row['missing'] for row in run_ones) else 'some missing'} |"
            f" {modules - wrong} of {modules} | {'all' if arch else 'some unknown'} |{''.join(notes)}")


def way(folded):
    return "folded" if folded else "plain"


def is_right(row):
    return "note" in row or ("fault" not in row and not row["missing"])


def write(results, path, old):
    """The table so far; `results`: name to cases; `old`: how many of them were measured with an earlier build."""
    rows = [row for cases in results.values() for _, _, row in cases if "note" not in row]
    ran = [row for row in rows if "error" in row]
    good = sum("fault" not in row for row in rows)
    modules, wrong = sum(row["modules"] for row in ran), sum(len(row["wrong"]) + len(row["unnamed"]) for row in ran)
    with open(path, "w", encoding="utf-8") as out:
        print(f"PyTorch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}: {good} of {len(rows)} exports of"
              f" {len(results)} networks agree; the largest error is {max(row['error'] for row in ran):.1e} of the largest logit. Of {modules} values of modules"
              f" {modules - wrong} are found under the module's path and agree."
              + (f" {old} of the exports were measured with an earlier build." if old else "") + "\n", file=out)
        print("| network | input | exports that agree | layers | largest error | paths of convolutions and linear layers | module values that agree |"
              " architecture recognised |", "| --- | ---: | ---: | ---: | ---: | --- | ---: | --- |",
              *(summary(name, cases) for name, cases in results.items()), sep="\n", file=out)


class Store:
    """One file a case. A row counts while neither the library nor this file has changed; others are used where time is up."""

    def __init__(self, folder, program):
        digest = hashlib.sha256()
        for path in (program, os.path.abspath(__file__)):
            with open(path, "rb") as file:
                digest.update(file.read())
        self.folder, self.mark = folder, digest.hexdigest()[:16]
        os.makedirs(folder, exist_ok=True)

    def path(self, name, opset, folded):
        return os.path.join(self.folder, f"{name}.{opset}.{way(folded)}.json")

    def get(self, case, old):
        """The row; `old`: also one of an earlier build. None: there is none."""
        if not os.path.exists(self.path(*case)):
            return None
        with open(self.path(*case), encoding="utf-8") as file:
            kept = json.load(file)
        return kept["row"] if old or kept["mark"] == self.mark else None

    def put(self, case, row, seconds):
        with open(self.path(*case) + ".new", "w", encoding="utf-8") as file:
            json.dump({"mark": self.mark, "seconds": round(seconds, 1), "row": row}, file)
        os.replace(self.path(*case) + ".new", self.path(*case))


def cases_of(name, quick):
    ways = WAYS if name in FAMILIES and not quick else EXTREMES
    return [(name, opset, folded) for opset, folded in ways]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--quick", action="store_true", help="one small member of each family, operator sets 9 and 17")
    parser.add_argument("--budget", type=float, default=float("inf"),
                        help="seconds after which no new case is begun; then rows of earlier builds stand in, and are counted")
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # no waiting for one another on a busy machine
    os.makedirs(options.work, exist_ok=True)
    store, results, old, start = Store(os.path.join(options.work, "rows"), options.program), {}, 0, time.time()
    for name in names(FAMILIES if options.quick else options.only):
        network, cases, began = None, [], time.time()
        for case in cases_of(name, options.quick):
            row = store.get(case, False)
            if row is None and time.time() - start > options.budget:
                row = store.get(case, True)
                old += row is not None
            elif row is None:
                begun, network = time.time(), network or Network(name)
                row = check(network, *case[1:], options.program, options.work)
                store.put(case, row, time.time() - begun)
            if row is not None:
                cases.append((*case[1:], row))
        if cases:
            results[name] = cases
            write(results, options.out, old)
            wrong = [f"opset {opset} {way(folded)}: {row[what]}" for opset, folded, row in cases
                     for what in ("missing", "wrong", "unnamed") if row.get(what)]
            print(summary(name, cases), f"{time.time() - began:.0f} s", *(["\n  " + text[:300] for text in wrong[:2]]), file=sys.stderr, flush=True)
    rows = [row for cases in results.values() for _, _, row in cases]
    print(f"{sum(map(is_right, rows))} of {len(rows)} exports of {len(results)} networks are right", file=sys.stderr)
    return not rows or not all(map(is_right, rows))


if __name__ == "__main__":
    sys.exit(main())
