"""Runs a PyTorch network while naming what happens in it as libgradcam names its layers, and lets decisions and rules be set.

A Trace patches the few functional calls through which every rectifier and max-pool of torchvision passes. So it sees module and
functional calls alike, without in-place surprises; it can replace what float64 would decide (which units a rectifier passes,
which cell a window chooses) by what another implementation decided; and it can change a rectifier's backward rule after the forward pass.
"""
import contextlib
from collections import Counter

import torch
import torch.nn.functional as F


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


class Rule:
    """'gradient', 'guided' or 'deconvnet'. An object of its own: were it the Trace, the graph would hold the Trace that holds the
    graph, a ring that Python's collector cannot see."""
    name = "gradient"


class Trace:
    """One forward pass. `outputs`: layer name to tensor; `inputs`: rectifier or max-pool name to what it saw; `rule`: the
    Rule of backward passes to come."""

    def __init__(self, net, x, decisions=None):
        self.net, self.rule, self.decisions = net, Rule(), decisions
        self.outputs, self.inputs = {}, {}
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

    def _leave(self, _module, _inputs, output):
        self.outputs[self._stack.pop()] = output

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
        kept = {name: getattr(F, name) for name in ("relu", "leaky_relu", "max_pool2d")}
        pool = kept["max_pool2d"]
        F.relu = lambda x, inplace=False: self._rectify("relu", x, 0.0)
        F.leaky_relu = lambda x, slope=0.01, inplace=False: self._rectify("leaky_relu", x, slope)
        F.max_pool2d = lambda x, *a, return_indices=False, **k: self._pool(pool, x, a, k)
        yield
        for name, function in kept.items():
            setattr(F, name, function)

    def _here(self, op, modules):
        """Name of the call: the module's, where the function is all that the module does; otherwise PARENT.op."""
        path = self._stack[-1] if self._stack else ""
        module = self.net.get_submodule(path.split("#")[0])
        return path if isinstance(module, modules) else self._name(f"{path}.{op}" if path else op)

    def _rectify(self, op, x, slope):
        name = self._here(op, (torch.nn.ReLU, torch.nn.LeakyReLU))
        self.inputs[name] = x
        passed = self.decisions.passed(name) if self.decisions else x > 0
        self.outputs[name] = Rectifier.apply(x, passed, slope, self.rule)
        return self.outputs[name]

    def _pool(self, pool, x, args, options):
        name = self._here("max_pool", torch.nn.MaxPool2d)
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
            else:
                gap = (free.outputs[name].detach() - x.flatten(2).gather(2, made.flatten(2)).view_as(made)).flatten()
                gap = gap[gap > 0]
            count += gap.numel()
            share = float(gap.max() / x.abs().max()) if gap.numel() else 0.0
            if share > worst:
                worst, where = share, name
        return count, worst, where
