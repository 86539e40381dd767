"""The methods of explanation, computed by PyTorch from their definitions (METHODS 2 and 3): the reference of parity and golden cases.

METHODS is the table: a method is one function and one row.
"""
import torch
import torch.nn.functional as F


class Pass:
    """One traced forward pass and the gradients of it: image n of the batch is explained for class `classes[n]`."""

    def __init__(self, trace, x, classes):
        self.trace, self.x, self.classes = trace, x, classes
        self._gradients = {}

    def activation(self, layer):
        return self.trace.outputs[layer].detach()

    def gradients(self, rule, layers=()):
        """d score / d layer under a rule, a dict; "input" is always in it. All layers in one backward pass."""
        known = self._gradients.setdefault(rule, {})
        wanted = [name for name in ("input", *layers) if name not in known]
        if wanted:
            self.trace.rule.name = rule
            output = self.trace.output
            score = output[torch.arange(len(output)), torch.as_tensor(self.classes)].sum()
            tensors = [self.x if name == "input" else self.trace.outputs[name] for name in wanted]
            known.update(zip(wanted, torch.autograd.grad(score, tensors, retain_graph=True)))
        return known

    def gradient(self, rule, layer="input"):
        return self.gradients(rule, (layer,))[layer] if layer != "input" else self.gradients(rule)["input"]

    def up(self, m):
        """A map N x h x w at the input's size (METHODS 1.3)."""
        return F.interpolate(m[:, None], self.x.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def signed(run, layer):
    alpha = run.gradient("gradient", layer).mean((2, 3), keepdim=True)
    return (alpha * run.activation(layer)).sum(1)


def gradcam(run, layer):
    return signed(run, layer).clamp(min=0)


def counterfactual(run, layer):
    return (-signed(run, layer)).clamp(min=0)


def cam(run, layer):
    """Weights of the last linear layer times the map (Zhou 2016); the caller knows that the network allows it."""
    head = [m for m in run.trace.net.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))][-1]
    w = head.weight.detach().flatten(1)[torch.as_tensor(run.classes)]
    return (w[:, :, None, None] * run.activation(layer)).sum(1)


def gradient(run, _layer):
    return run.gradient("gradient")


def guided_backprop(run, _layer):
    return run.gradient("guided")


def deconvnet(run, _layer):
    return run.gradient("deconvnet")


def guided_gradcam(run, layer):
    return run.gradient("guided") * run.up(gradcam(run, layer))[:, None]


class Method:
    """`raw(run, layer)`: N x h x w or N x 3 x H x W, before normalisation. `per_pixel`: the result passes all decisions."""

    def __init__(self, raw, per_pixel=False, signed_map=False, needs_gap=False):
        self.raw, self.per_pixel, self.signed_map, self.needs_gap = raw, per_pixel, signed_map, needs_gap

    def display(self, run, raw):
        """The map at the input's size before it is divided by its maximum."""
        if self.per_pixel:
            return raw.abs().amax(1)
        return run.up(raw if self.signed_map else raw.clamp(min=0))


METHODS = {
    "cam": Method(cam, needs_gap=True),
    "gradcam": Method(gradcam),
    "signed": Method(signed, signed_map=True),
    "counterfactual": Method(counterfactual),
    "gradient": Method(gradient, per_pixel=True),
    "guided-backprop": Method(guided_backprop, per_pixel=True),
    "deconvnet": Method(deconvnet, per_pixel=True),
    "guided-gradcam": Method(guided_gradcam, per_pixel=True),
}
