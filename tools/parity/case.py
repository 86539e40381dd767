"""One case of the parity table: one network at one batch and input size, judged as DESIGN.md section 2 says.

Each function returns rows (check, value, limit, note); a row holds where value <= limit.
"""
import os
import shutil
import subprocess

import numpy as np
import torch
from PIL import Image

import generator
from containers import CONTAINERS
from methods import METHODS, Pass, signed
from trace import Decisions, Trace

SAME, TIE, FREE, FILES = 1e-4, 1e-5, 1e-2, 1e-5
PHOTOS = ("cat_dog_640.jpg", "eagle.jpg", "goldfish.jpg")


class Dump:
    """Runs the dump program and reads what it wrote."""

    def __init__(self, program, model, folder):
        self.program, self.model, self.folder = program, model, folder

    def run(self, command, *arguments):
        """The program's standard output; raises RuntimeError with its sentence where it fails."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        done = subprocess.run([self.program, command, self.model, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"dump ended with {done.returncode}")
        return done.stdout

    def load(self, name):
        return np.load(os.path.join(self.folder, name + ".npy"))

    def reads(self):
        """Layer name to the names of the layers it reads."""
        return {line.split()[0]: line.split()[2:] for line in self.run("graph").splitlines()}


def relative(ours, reference, scale=None):
    """Largest difference as a share of `scale` (the reference's largest magnitude), the worst image of the batch."""
    worst = 0.0
    for n in range(len(reference)):
        size = float(reference[n].abs().max() if scale is None else scale[n].abs().max())
        gap = float((torch.as_tensor(ours[n]).double() - reference[n]).abs().max())
        worst = max(worst, gap / size if size else gap)
    return worst


def distance(ours, reference, scale=None):
    """L2 distance as a share of the norm of `scale` (the reference), the worst image of the batch."""
    worst = 0.0
    for n in range(len(reference)):
        size = float((reference if scale is None else scale)[n].norm())
        gap = float((torch.as_tensor(ours[n]).double() - reference[n]).norm())
        worst = max(worst, gap / size if size else gap)
    return worst


class Aliased(dict):
    """Layers of an imported graph, where a function called by a module of its own has the module's name: `stem` for `stem.relu`."""

    def own_name(self, name):
        return name if name in self else name.rpartition(".")[0]

    def __missing__(self, name):
        return self[self.own_name(name)]


class Case:
    def __init__(self, network, size, program, shared, work):
        self.network, self.size, self.shared, self.work = network, size, shared, work
        os.makedirs(work, exist_ok=True)
        self.input_path = os.path.join(work, "input.npy")
        state = network.state(shared)
        model = os.path.join(work, "model.pth")
        torch.save(state, model)
        self.dump = Dump(program, model, os.path.join(work, "out"))
        self.net = network.double(state)
        np.save(self.input_path, self.inputs())
        self.x = torch.from_numpy(np.load(self.input_path)).double().requires_grad_()
        self.reads, self.state = self.dump.reads(), state
        self.layers, self.asked = (network.target, network.depths[1]), None

    def inputs(self):
        """The photos, squashed to the input size; drawn pictures where there are none."""
        batch, height, width = self.size
        paths = [os.path.join(self.shared, "photos", name) for name in PHOTOS[:batch]]
        pictures = [Image.open(p).convert("RGB") if os.path.exists(p) else Image.fromarray(generator.picture(n, 400, 300))
                    for n, p in enumerate(paths)]
        fit = self.network.transform((height, width))
        return torch.stack([fit(p) for p in pictures]).numpy()

    def rows(self):
        free = Trace(self.net, self.x)
        top = free.output.detach().argmax(1).tolist()
        rows = self.activation_rows(free)
        rows += self.explanation_rows(free, top)
        rows += self.gradient_rows(free, top)
        return rows + (self.onnx_rows(free, top) if self.network.opset else [])

    def onnx_rows(self, free, top):
        """The same network by way of its export: logits, the map at the default layer, and what passes all decisions. No rows where
        PyTorch cannot export it for this size."""
        path = os.path.join(self.work, "model.onnx")
        try:
            self.network.export(self.state, path, self.size[1:])
        except torch.onnx.errors.SymbolicValueError:
            return []
        self.dump, self.layers, self.asked = Dump(self.dump.program, path, self.dump.folder), (self.network.target,), "-"
        self.reads = Aliased(self.dump.reads())
        pixels, run = ("gradient", "guided-backprop") if self.network.guided else ("gradient",), Pass(free, self.x, top)
        self.explain("explain", ("gradcam", *pixels), top, self.layers)
        rows = self.logit_rows(free) + self.map_rows(run, "gradcam", "")
        for name in pixels:
            rows += self.free_rows(run, name, "")
        self.explain("explain-decisions", pixels, top, self.layers)
        rows += self.replayed_rows(free, pixels, top, "")
        return [(f"onnx: {name}", value, limit, f"{note} opset {self.network.opset}".strip()) for name, value, limit, note in rows]

    def activation_rows(self, free):
        """Every module and functional rectifier of the reference by its name; only whole chains need not have one."""
        chains = {name for name, m in self.net.named_modules() if isinstance(m, torch.nn.Sequential)}
        said = self.dump.run("activations", self.input_path, self.dump.folder, ",".join(free.outputs))
        unknown = {line.split()[1] for line in said.splitlines() if line.startswith("unknown")}
        errors = {name: relative(self.dump.load(name), reference.detach())
                  for name, reference in free.outputs.items() if name not in unknown}
        worst = max(errors, key=errors.get)
        missing = sorted(unknown - chains)
        return [("activations", errors[worst], SAME, f"{len(errors)} layers, worst {worst}"),
                ("layers without a name", len(missing), 0, " ".join(missing))]

    def explain(self, command, methods, classes, layers):
        """An export is asked for its default layer, whatever that is called."""
        self.dump.run(command, self.input_path, self.dump.folder, self.asked or ",".join(layers), ",".join(methods),
                      ",".join(map(str, classes)))

    def label(self, layer):
        return self.asked if self.asked and layer != "input" else layer

    def loaded(self, layer, method, kind):
        return np.stack([self.dump.load(f"{n}.{self.label(layer)}.{method}.{kind}") for n in range(self.size[0])])

    def explanation_rows(self, free, top):
        """Maps at the target layer are compared as they are. What passes many decisions on the way back (pixels, maps at a
        layer in the middle) is compared replayed, and free."""
        other = [(c + 117) % free.output.shape[1] for c in top]
        rows, methods = [], [name for name, method in METHODS.items() if not method.needs_gap]
        for classes in (top, other) if self.size[0] == 1 else (top,):
            note = "top class" if classes is top else "another class"
            run = Pass(free, self.x, classes)
            self.explain("explain", methods, classes, self.layers)
            if classes is top:
                rows += self.logit_rows(free)
            for name in methods:
                if not METHODS[name].per_pixel:
                    rows += self.map_rows(run, name, note)
                rows += self.free_rows(run, name, note)
            self.explain("explain-decisions", methods, classes, self.layers)
            rows += self.replayed_rows(free, methods, classes, note)
        return rows + self.cam_rows(free, top)

    def logit_rows(self, free):
        ours, reference = self.dump.load("output"), free.output.detach()
        mine = np.argsort(-ours.reshape(len(ours), -1), 1, kind="stable")[:, :5]
        theirs = reference.topk(5).indices.numpy()
        return [("logits", relative(ours.reshape(reference.shape), reference), SAME, ""),
                ("top-5 that differ", int((mine != theirs).sum()), 0, "")]

    def pairs(self, name):
        """(layer, as the dump names it) for each layer where a method's result passes decisions; pixels have none."""
        if METHODS[name].per_pixel and "gradcam" not in name:
            return [(self.layers[0], "input")]
        return [(layer, layer) for layer in self.layers if METHODS[name].per_pixel or layer != self.network.target]

    def map_rows(self, run, name, note):
        method, layer = METHODS[name], self.network.target
        reference, scale = method.raw(run, layer), signed(run, layer)
        worst = max(relative(self.loaded(layer, name, "raw"), reference, scale),
                    self.display_error(run, method, name, layer, reference, scale))
        return [(name, worst, SAME, note)]

    def scale(self, run, name, layer):
        """Rectified maps are judged on the scale of the signed map, which they may be a vanishing part of."""
        return None if METHODS[name].per_pixel else signed(run, layer)

    def display_error(self, run, method, name, label, reference, scale=None):
        """The display map is compared in the raw map's units, where a tiny map has a tiny error."""
        shown = method.display(run, reference)
        size = shown.abs().amax((1, 2), keepdim=True)
        ours = torch.from_numpy(self.loaded(label, name, "map")).double() * size
        return relative(ours, shown, scale)

    def free_rows(self, run, name, note):
        worst = max(distance(self.loaded(label, name, "raw"), METHODS[name].raw(run, layer), self.scale(run, name, layer))
                    for layer, label in self.pairs(name))
        return [(f"{name}, free", worst, FREE, note)]

    def replay(self, free):
        own = getattr(self.reads, "own_name", str)
        decisions = Decisions(lambda layer: self.dump.load(f"decisions/{own(layer)}"), self.reads)
        x = self.x.detach().clone().requires_grad_()
        trace = Trace(self.net, x, decisions)
        return trace, x, decisions.compare(free)

    def replayed_rows(self, free, methods, classes, note):
        trace, x, (count, tie, where) = self.replay(free)
        run, rows = Pass(trace, x, classes), []
        for name in methods:
            worst = 0.0
            for layer, label in self.pairs(name):
                reference, scale = METHODS[name].raw(run, layer), self.scale(run, name, layer)
                worst = max(worst, relative(self.loaded(label, name, "raw"), reference, scale),
                            self.display_error(run, METHODS[name], name, label, reference, scale))
            rows.append((f"{name}, replayed", worst, SAME, note))
        return rows + [("decisions that differ", tie, TIE, f"{count} differ, widest in {where}" if count else "none")]

    def gradient_rows(self, free, classes):
        depths = self.network.depths
        self.dump.run("gradient", self.input_path, self.dump.folder, ",".join(depths), ",".join(map(str, classes)))
        ours = {layer: self.dump.load(f"gradient/{layer}") for layer in depths}
        truth = Pass(free, self.x, classes).gradients("gradient", depths)
        rows = [(f"gradient at {layer}, free", distance(ours[layer], truth[layer]), FREE, "") for layer in depths]
        trace, x, (count, tie, where) = self.replay(free)
        truth = Pass(trace, x, classes).gradients("gradient", depths)
        rows += [(f"gradient at {layer}, replayed", relative(ours[layer], truth[layer]), SAME, "") for layer in depths]
        return rows + [("decisions that differ", tie, TIE, f"{count} differ, widest in {where}" if count else "none")]

    def cam_rows(self, free, top):
        target = self.network.target
        try:
            self.explain("explain", ["cam"], top, [target])
        except RuntimeError as refusal:
            return [("cam", 1.0 if self.network.gap else 0.0, 0.0, "refused: " + str(refusal))]
        if not self.network.gap:
            return [("cam", 1.0, 0.0, "must be refused, but was computed")]
        run = Pass(free, self.x, top)
        reference = METHODS["cam"].raw(run, target)
        return [("cam", max(relative(self.loaded(target, "cam", "raw"), reference),
                            self.display_error(run, METHODS["cam"], "cam", target, reference, reference)), SAME, "")]


def preprocessing_rows(network, program, shared, work):
    """Each photo through the library's reader and preprocessing, and through Pillow and torchvision: bit for bit."""
    os.makedirs(work, exist_ok=True)
    dump = Dump(program, os.path.join(shared, network.checkpoint), os.path.join(work, "out"))
    transform, rows = network.transform(network.crop, network.resize), []
    folder = os.path.join(shared, "photos")
    for name in sorted(n for n in os.listdir(folder) if n.endswith((".png", ".jpg"))):
        path = os.path.join(folder, name)
        dump.run("photo", path, os.path.join(dump.folder, "photo.npy"))
        reference = transform(Image.open(path).convert("RGB")).numpy()
        different = int((dump.load("photo")[0] != reference).sum())
        rows.append((name, different, 0, f"of {reference.size} values"))
    return rows


def container_rows(network, program, shared, work):
    """The same weights in every container give the same logits, bit for bit."""
    os.makedirs(work, exist_ok=True)
    state = network.state(shared)
    source, folder = os.path.join(shared, network.checkpoint), os.path.join(work, "out")
    input_path = os.path.join(work, "input.npy")
    picture = network.transform((network.crop, network.crop))(Image.fromarray(generator.picture(1, 300, 230)))
    np.save(input_path, picture[None].numpy())

    def logits(model):
        dump = Dump(program, model, folder)
        dump.run("activations", input_path, folder, ",")
        return dump.load("output")

    first, rows = logits(source), []
    path = os.path.join(work, "weights")
    for name, write in CONTAINERS.items():
        write(path, state)
        rows.append((name, int((logits(path) != first).sum()), 0, f"of {first.size} logits"))
    Dump(program, source, folder).run("convert", path)
    rows.append(("model file", int((logits(path) != first).sum()), 0, f"of {first.size} logits"))
    return rows


def photo_rows(network, program, shared, work):
    """One photo through the checkpoint, its model file and its export: the same input, the same top-5, the same maps."""
    os.makedirs(work, exist_ok=True)
    state, folder, rows = network.state(shared), os.path.join(work, "out"), []
    paths = {kind: os.path.join(work, "model." + kind) for kind in ("pth", "safetensors", "onnx")}
    torch.save(state, paths["pth"])
    Dump(program, paths["pth"], folder).run("convert", paths["safetensors"])
    network.export(state, paths["onnx"], (network.crop, network.crop))
    photo, input_path = os.path.join(shared, "photos", PHOTOS[0]), os.path.join(work, "photo.npy")
    first = {}
    for kind, path in paths.items():
        dump = Dump(program, path, folder)
        dump.run("photo", photo, input_path)
        pixels = np.load(input_path)
        dump.run("activations", input_path, folder, ",")
        top = np.argsort(-dump.load("output").ravel(), kind="stable")[:5]
        methods = ("signed", "gradcam", "counterfactual")
        dump.run("explain", input_path, folder, "-", ",".join(methods), str(top[0]))
        maps = {m: dump.load(f"0.-.{m}.raw") for m in methods}
        if kind == "pth":
            first = {"pixels": pixels, "top": top, "scale": np.abs(maps["signed"]).max(), **maps}
            continue
        rows.append((f".{kind}: pixels of the input", int((pixels != first["pixels"]).sum()), 0, ""))
        rows.append((f".{kind}: top-5", int((top != first["top"]).sum()), 0, ""))
        rows += [(f".{kind}: {m}", float(np.abs(maps[m] - first[m]).max() / first["scale"]), FILES, "") for m in methods]
    return rows
