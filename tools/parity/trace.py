"""Runs a PyTorch network while naming what happens in it as libgradcam names its layers, and lets decisions and rules be set.

A Trace patches the few functional calls through which every rectifier and max-pool of torchvision passes. So it sees module and
functional calls alike, without in-place surprises; it can replace what float64 would decide (which units a rectifier passes,
which cell a window chooses) by what another implementation decided; and it can change a rectifier's backward rule after the forward pass.
"""
import contextlib
import math
from collections import Counter

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


class Rectifier(torch.autograd.Function):
    """ReLU (slope 0) and leaky ReLU, with backward rules as METHODS 3.3 and 8 define them."""

    @staticmethod
    def forward(ctx, x, passed, slope, rule):
        ctx.save_for_backward(passed)
        ctx.slope, ctx.rule = slope, rule
        return torch.where(passed, x, x * slope if slope else torch.zeros_like(x))

    @staticmethod
    def backward(ctx, p):
        passed, = ctx.saved_tensors
        if ctx.rule.name != "gradient":
            p = p.clamp(min=0)
        if ctx.rule.name != "deconvnet":
            p = torch.where(passed, p, p * ctx.slope if ctx.slope else torch.zeros_like(p))
        return p, None, None, None


class Curve(torch.autograd.Function):
    """y = f(x) with slope f'(x) where nothing is decided by comparing; backward rules as METHODS 3.3 has them for activations."""

    @staticmethod
    def forward(ctx, x, value, slope, rule):
        ctx.save_for_backward(slope)
        ctx.rule = rule
        return value

    @staticmethod
    def backward(ctx, p):
        slope, = ctx.saved_tensors
        if ctx.rule.name != "gradient":
            p = p.clamp(min=0)
        return p if ctx.rule.name == "deconvnet" else p * slope, None, None, None


def _gelu(x):
    below = 0.5 * torch.erfc(-x * math.sqrt(0.5))
    return x * below, below + x * torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _silu(x):
    s, _ = _sigmoid(x)
    return x * s, s * (1 + x * (1 - s))


def _sigmoid(x):
    s = 1 / (1 + torch.exp(-x))
    return s, s * (1 - s)


# Smooth activations: value and slope.
SMOOTH = {"gelu": (_gelu, nn.GELU), "silu": (_silu, nn.SiLU), "sigmoid": (_sigmoid, nn.Sigmoid)}

# Activations in pieces: value, the two borders, and the slopes below, between and above them.
PIECES = {
    "hardtanh": (lambda x: x.clamp(0, 6), (0.0, 6.0), (torch.zeros_like, torch.ones_like, torch.zeros_like), nn.Hardtanh),
    "hardswish": (lambda x: x * (x + 3).clamp(0, 6) / 6, (-3.0, 3.0),
                  (torch.zeros_like, lambda x: (2 * x + 3) / 6, torch.ones_like), nn.Hardswish),
    "hardsigmoid": (lambda x: (x / 6 + 0.5).clamp(0, 1), (-3.0, 3.0),
                    (torch.zeros_like, lambda x: torch.full_like(x, 1 / 6), torch.zeros_like), nn.Hardsigmoid),
}


def piece_of(x, borders):
    """0, 1 or 2 for each value: below, between or above the borders, which belong to the outer pieces."""
    return (x > borders[0]).to(torch.int8) + (x >= borders[1]).to(torch.int8)


class Rule:
    """'gradient', 'guided' or 'deconvnet'. An object of its own: were it the Trace, the graph would hold the Trace that holds the
    graph, a ring that Python's collector cannot see."""
    name = "gradient"


class Trace:
    """One forward pass. `outputs`: layer name to tensor; `inputs`: rectifier or max-pool name to what it saw; `rule`: the
    Rule of backward passes to come."""

    def __init__(self, net, x, decisions=None):
        self.net, self.rule, self.decisions = net, Rule(), decisions
        self.outputs, self.inputs, self.borders = {}, {}, {}
        self._stack, self._calls = [], Counter()
        with self._patched(), self._hooked():
            self.output = net(x)

    def _name(self, name):
        call = self._calls[name]
        self._calls[name] += 1
        return f"{name}#{call}" if call else name

    def _enter(self, name):
        def hook(_module, _inputs):
            self._stack.append(self._name(name))
        return hook

    def _leave(self, module, _inputs, output):
        """What may be added to in place is handed on as a copy."""
        self.outputs[self._stack.pop()] = output
        in_place = isinstance(module, (nn.BatchNorm2d, nn.Sequential, torchvision.ops.StochasticDepth))
        return output.clone() if in_place else output

    @contextlib.contextmanager
    def _hooked(self):
        handles = []
        for name, module in self.net.named_modules():
            if name:
                handles += [module.register_forward_pre_hook(self._enter(name)), module.register_forward_hook(self._leave)]
        yield
        for handle in handles:
            handle.remove()

    @contextlib.contextmanager
    def _patched(self):
        patched = [(F, name) for name in ("relu", "leaky_relu", "max_pool2d", *SMOOTH, *PIECES) if name != "sigmoid"]
        kept = {(owner, name): getattr(owner, name) for owner, name in [*patched, (torch, "sigmoid")]}
        pool = kept[F, "max_pool2d"]
        F.relu = lambda x, inplace=False: self._rectify("relu", x, 0.0)
        F.leaky_relu = lambda x, slope=0.01, inplace=False: self._rectify("leaky_relu", x, slope)
        F.max_pool2d = lambda x, *a, return_indices=False, **k: self._pool(pool, x, a, k)
        for name in PIECES:
            setattr(F, name, lambda x, *_a, _name=name, **_k: self._piecewise(_name, x))
        F.gelu = lambda x, approximate="none": self._smooth("gelu", x)
        F.silu = lambda x, inplace=False: self._smooth("silu", x)
        torch.sigmoid = lambda x: self._smooth("sigmoid", x)
        yield
        for (owner, name), function in kept.items():
            setattr(owner, name, function)

    def _here(self, op, modules):
        """Name of the call: the module's, where the function is all that the module does; otherwise PARENT.op."""
        path = self._stack[-1] if self._stack else ""
        module = self.net.get_submodule(path.split("#")[0])
        return path if isinstance(module, modules) else self._name(f"{path}.{op}" if path else op)

    def _rectify(self, op, x, slope):
        name = self._here(op, (nn.ReLU, nn.LeakyReLU))
        self.inputs[name] = x
        passed = self.decisions.passed(name) if self.decisions else x > 0
        self.outputs[name] = Rectifier.apply(x, passed, slope, self.rule)
        return self.outputs[name]

    def _smooth(self, op, x):
        function, module = SMOOTH[op]
        name = self._here(op, module)
        self.outputs[name] = Curve.apply(x, *function(x.detach()), self.rule)
        return self.outputs[name]

    def _piecewise(self, op, x):
        function, borders, slopes, module = PIECES[op]
        name, u = self._here(op, module), x.detach()
        self.inputs[name], self.borders[name] = x, borders
        piece = self.decisions.piece(name, borders) if self.decisions else piece_of(u, borders)
        below, between, above = (slope(u) for slope in slopes)
        slope = torch.where(piece == 0, below, torch.where(piece == 1, between, above))
        self.outputs[name] = Curve.apply(x, function(u), slope, self.rule)
        return self.outputs[name]

    def _pool(self, pool, x, args, options):
        name = self._here("max_pool", nn.MaxPool2d)
        self.inputs[name] = x
        own, index = pool(x, *args, return_indices=True, **options)
        if self.decisions:
            index = self.decisions.chosen(name, lambda theirs: pool(theirs, *args, return_indices=True, **options)[1])
            own = x.flatten(2).gather(2, index.flatten(2)).view_as(index)
        self.outputs[name] = own
        return own


class Decisions:
    """What libgradcam decided in one run: `load(layer)` gives that run's activation of a layer, `reads` what each layer reads."""

    def __init__(self, load, reads):
        self.load, self.reads, self.made = load, reads, {}

    def passed(self, name):
        self.made[name] = torch.from_numpy(self.load(name) > 0)
        return self.made[name]

    def piece(self, name, borders):
        self.made[name] = piece_of(torch.from_numpy(self.load(self.reads[name][0])), borders)
        return self.made[name]

    def chosen(self, name, choose):
        self.made[name] = choose(torch.from_numpy(self.load(self.reads[name][0])))
        return self.made[name]

    def compare(self, free):
        """(number of decisions that differ from those of the Trace `free`, the largest of them as a share of the layer's
        largest activation, that layer)."""
        count, worst, where = 0, 0.0, ""
        for name, made in self.made.items():
            x = free.inputs[name].detach()
            if made.dtype == torch.bool:
                gap = x.abs()[made != (x > 0)]
            elif made.dtype == torch.int8:
                own, borders = piece_of(x, free.borders[name]), free.borders[name]
                gap = torch.where(made + own <= 1, x - borders[0], x - borders[1]).abs()[made != own]
            else:
                gap = (free.outputs[name].detach() - x.flatten(2).gather(2, made.flatten(2)).view_as(made)).flatten()
                gap = gap[gap > 0]
            count += gap.numel()
            share = float(gap.max() / x.abs().max()) if gap.numel() else 0.0
            if share > worst:
                worst, where = share, name
        return count, worst, where
