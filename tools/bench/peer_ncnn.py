#!/usr/bin/python3
"""ncnn as a peer: peer_ncnn.py forward MODEL THREADS SECONDS, as tools/bench/worker.c. NCNN_BENCH names ncnn's own program benchncnn,
built as docs/performance.md says (float32 throughout, weights that are not zero).

benchncnn needs the layers alone, so the network that MODEL holds as text is written beside it in ncnn's format (MODEL.param), the way
ncnn's optimizer leaves a network: batch norm folded into the convolution before it, ReLU in the layer before it, shapes told.
The program prints the least and the mean time; the mean stands where others print their median.
"""
import json
import os
import re
import struct
import subprocess
import sys


def read_graph(path):
    """Lines `name = op inputs option=value ...` of the network in a model file, and the weights' shapes."""
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
    nodes = []
    for line in header.pop("__metadata__")["graph"].split("\n")[1:]:
        words = line.split()
        if len(words) > 2 and words[1] == "=":
            options = dict(word.split("=", 1) for word in words[3:] if "=" in word)
            nodes.append((words[0], words[2], [word for word in words[3:] if "=" not in word], options))
    return nodes, {name: entry["shape"] for name, entry in header.items()}


def two(options, key, fallback):
    """An option's values for height and width; ncnn wants the width first."""
    values = [int(v) for v in options.get(key, str(fallback)).split(",")]
    return (values * 2)[:2]


def window(size, kernel, stride, pad, ceil=False):
    out = (size + 2 * pad - kernel + (stride - 1 if ceil else 0)) // stride + 1
    return out - 1 if ceil and (out - 1) * stride >= size + pad else out


class Writer:
    """Layers in ncnn's text. `blob` says which of ncnn's values a layer's output is, `shape` its C H W."""

    def __init__(self, nodes, weights):
        self.weights, self.blob, self.shape, self.lines, self.work = weights, {}, {}, [], 0
        self.users = {}
        for name, _op, inputs, _options in nodes:
            for source in inputs:
                self.users.setdefault(source, []).append(name)
        self.nodes = {node[0]: node for node in nodes}
        for node in nodes:
            if node[0] not in self.blob:
                getattr(self, node[1])(*node)

    def emit(self, kind, name, inputs, shape, parameters):
        self.lines.append((kind, name, [self.blob[source] for source in inputs], parameters, shape))
        self.blob[name], self.shape[name] = name, shape

    def alias(self, name, source, shape=None):
        self.blob[name], self.shape[name] = self.blob[source], shape or self.shape[source]

    def only_user(self, name, ops):
        users = self.users.get(name, [])
        return users[0] if len(users) == 1 and self.nodes[users[0]][1] in ops else None

    def fold(self, name, parameters):
        """Takes batch norm and ReLU behind a layer into it; returns its parameters then."""
        last = name
        for ops in (("batchnorm",), ("relu", "relu6")):
            behind = self.only_user(last, ops)
            if behind:
                last = behind
                if ops[0] == "relu":
                    parameters += " 9=1" if self.nodes[behind][1] == "relu" else " 9=3 -23310=2,0.0,6.0"
                self.blob[behind] = name
        return parameters, last

    def input(self, name, _op, _inputs, options):
        c, h, w = (int(options[key]) for key in ("channels", "height", "width"))
        self.emit("Input", name, [], (c, h, w), f"0={w} 1={h} 2={c}")

    def conv2d(self, name, _op, inputs, options):
        (r, s), (v, u), (p, q) = two(options, "kernel", 1), two(options, "stride", 1), two(options, "pad", 0)
        groups, shape = int(options.get("groups", 1)), self.weights[name + ".weight"]
        _, h, w = self.shape[inputs[0]]
        out = (shape[0], window(h, r, v, p), window(w, s, u, q))
        count = shape[0] * shape[1] * shape[2] * shape[3]
        self.work += count * out[1] * out[2]
        text, last = self.fold(name, f"0={shape[0]} 1={s} 11={r} 3={u} 13={v} 4={q} 14={p} 5=1 6={count}")
        kind = "ConvolutionDepthWise" if groups > 1 else "Convolution"
        self.emit(kind, name, inputs, out, text + (f" 7={groups}" if groups > 1 else ""))
        self.alias(last, name)

    def linear(self, name, _op, inputs, _options):
        out, size = self.weights[name + ".weight"]
        self.work += out * size
        text, last = self.fold(name, f"0={out} 1=1 2={out * size}")
        self.emit("InnerProduct", name, inputs, (out,), text)
        self.alias(last, name)

    def pool(self, kind, name, inputs, options):
        (r, s), (p, q) = two(options, "kernel", 1), two(options, "pad", 0)
        v, u = two(options, "stride", options["kernel"])
        c, h, w = self.shape[inputs[0]]
        ceil = options.get("ceil_mode") == "1"
        out = (c, window(h, r, v, p, ceil), window(w, s, u, q, ceil))
        self.emit("Pooling", name, inputs, out, f"0={kind} 1={s} 11={r} 2={u} 12={v} 3={q} 13={p} 5={0 if ceil else 1}")

    def max_pool(self, name, _op, inputs, options):
        self.pool(0, name, inputs, options)

    def avg_pool(self, name, _op, inputs, options):
        self.pool(1, name, inputs, options)

    def global_avg_pool(self, name, _op, inputs, _options):
        self.emit("Pooling", name, inputs, (self.shape[inputs[0]][0],), "0=1 4=1")

    def adaptive_avg_pool(self, name, _op, inputs, options):
        if list(self.shape[inputs[0]][1:]) != two(options, "out", 1):
            sys.exit(f"peer_ncnn: {name} changes the size of its input")
        self.alias(name, inputs[0])

    def flatten(self, name, _op, inputs, _options):
        c, *rest = self.shape[inputs[0]]
        if not rest:
            return self.alias(name, inputs[0])
        return self.emit("Flatten", name, inputs, (c * rest[0] * rest[1],), "")

    def dropout(self, name, _op, inputs, _options):
        self.alias(name, inputs[0])

    def batchnorm(self, name, _op, inputs, _options):
        shape = self.shape[inputs[0]]
        self.emit("Scale", name, inputs, shape, f"0={shape[0]} 1=1")

    scale_shift = batchnorm

    def relu(self, name, _op, inputs, _options):
        self.emit("ReLU", name, inputs, self.shape[inputs[0]], "")

    def relu6(self, name, _op, inputs, _options):
        self.emit("Clip", name, inputs, self.shape[inputs[0]], "0=0.0 1=6.0")

    def add(self, name, _op, inputs, _options):
        self.emit("Eltwise", name, inputs, self.shape[inputs[0]], "0=1")

    def concat(self, name, _op, inputs, _options):
        shapes = [self.shape[source] for source in inputs]
        self.emit("Concat", name, inputs, (sum(s[0] for s in shapes), *shapes[0][1:]), "0=0")

    def text(self):
        """A value that several layers read goes through a Split, one output each, as ncnn wants it."""
        readers, lines, blobs = {}, [], 0
        for _kind, _name, inputs, _parameters, _shape in self.lines:
            for source in inputs:
                readers[source] = readers.get(source, 0) + 1
        left = {source: list(range(n)) for source, n in readers.items() if n > 1}
        for kind, name, inputs, parameters, shape in self.lines:
            inputs = [f"{source}@{left[source].pop(0)}" if source in left else source for source in inputs]
            sizes = ",".join(str(v) for v in ((shape[2], shape[1], shape[0]) if len(shape) == 3 else (shape[0], 1, 1)))
            hint = f"{3 if len(shape) == 3 else 1},{sizes}"
            lines.append(" ".join([kind, name, str(len(inputs)), "1", *inputs, name, f"-23330=4,{hint}", parameters]))
            blobs += 1
            if name in left:
                outs = [f"{name}@{i}" for i in range(readers[name])]
                hints = f"-23330={4 * len(outs)}," + ",".join([hint] * len(outs))
                lines.append(" ".join(["Split", f"split_{name}", "1", str(len(outs)), name, *outs, hints]))
                blobs += len(outs)
        return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines]) + "\n"


def main():
    work, model, threads, seconds = sys.argv[1:5]
    if work != "forward":
        sys.exit(f"no {work} with ncnn")
    nodes, weights = read_graph(model)
    writer = Writer(nodes, weights)
    path = os.path.splitext(model)[0] + ".param"
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(writer.text())
    os.replace(path + ".new", path)
    c, h, w = writer.shape[nodes[0][0]]
    # The program repeats a number of times, not for a time: guessed from the work, 3e10 multiply-adds a second and thread.
    loops = max(5, min(1000, int(float(seconds) * 3e10 * int(threads) / writer.work)))
    command = [os.environ["NCNN_BENCH"], str(loops), threads, "0", "-1", "0", f"param={path}", f"shape=[{w},{h},{c}]"]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = re.search(r"min = *([\d.]+).*avg = *([\d.]+)", run.stdout)
    if run.returncode or not found:
        sys.exit(f"peer_ncnn: {command[0]} failed: {run.stdout[-300:]}")
    print(f"min_ms {found[1]}\nmedian_ms {found[2]}\nruns {loops}")


if __name__ == "__main__":
    main()
