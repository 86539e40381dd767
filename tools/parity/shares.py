"""LRP, excitation backpropagation and DeepLIFT in PyTorch, from their definitions (METHODS 3.7, 3.9, 3.10, 8).

A network is a plain function of an Ops object, its weights and the input. Plain differentiates it; Spread and Rescale replace what each
operation passes back, so that autograd's own sums hand relevance from layer to layer.
"""
import torch
import torch.nn.functional as F


class Plain:
    """Ordinary operations. `seen`: layer name to its output; `biased`: (output, bias) of every layer that adds one."""

    def __init__(self):
        self.seen, self.biased = {}, []

    def note(self, name, x):
        self.seen[name] = x
        return x

    def conv(self, name, x, w, b, stride=1, pad=0, role="conv"):
        y = F.conv2d(x, w, b, stride, pad)
        if b is not None:
            self.biased.append((y, b))
        return self.note(name, y)

    def conv_norm(self, name, norm, x, p, stride=1, pad=0, eps=1e-5, role="conv"):
        y = self.conv(name, x, p[name + ".weight"], p.get(name + ".bias"), stride, pad)
        scale = p[norm + ".weight"] / torch.sqrt(p[norm + ".running_var"] + eps)
        shift = p[norm + ".bias"] - p[norm + ".running_mean"] * scale
        y = y * scale[:, None, None] + shift[:, None, None]
        self.biased.append((y, shift))
        return self.note(norm, y)

    def linear(self, name, x, w, b):
        return self.note(name, F.linear(x, w, b))

    def relu(self, name, x):
        return self.note(name, F.relu(x))

    def leaky(self, name, x, slope):
        return self.note(name, F.leaky_relu(x, slope))

    def pool(self, name, x, size, stride, ceil=False):
        return self.note(name, F.max_pool2d(x, size, stride, ceil_mode=ceil))

    def gap(self, x):
        return x.mean((2, 3))

    def add(self, name, a, b):
        return self.note(name, a + b)

    def cat(self, name, parts):
        return self.note(name, torch.cat(parts, 1))


class Passed(torch.autograd.Function):
    """forward: a value that was computed outside; backward: whatever `back` makes of what comes."""

    @staticmethod
    def forward(ctx, value, back, *inputs):
        ctx.back = back
        return value

    @staticmethod
    def backward(ctx, p):
        return (None, None, *ctx.back(p))


def passed(value, back, *inputs):
    return Passed.apply(value.detach(), back, *inputs)


def adjoint(f, x, s):
    """J^t s of the linear map f at x."""
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        return torch.autograd.grad(f(x), x, s)[0]


def divide(r, z):
    return torch.where(z == 0, torch.zeros_like(r), r / torch.where(z == 0, torch.ones_like(z), z))


def stable(z, epsilon):
    return torch.where(z < 0, z - epsilon, z + epsilon)


class Rules:
    """Which rule each role of layer follows ("first", "conv", "linear", "last") and the rules' numbers."""

    def __init__(self, conv, linear=None, first=None, last=None, epsilon=1e-6, gamma=0.25, alpha=2.0, ignore_bias=False, low=None,
                 high=None):
        self.of = {"conv": conv, "linear": linear or conv, "first": first or conv, "last": last}
        self.epsilon, self.gamma, self.alpha, self.ignore_bias = epsilon, gamma, alpha, ignore_bias
        self.low, self.high = low, high
        self.excites = conv in ("excitation", "contrast")


class Spread(Plain):
    """Relevance by Rules; `last` names the layer with weights next to the score."""

    def __init__(self, rules, last):
        super().__init__()
        self.rules, self.last = rules, last

    def weighted(self, name, f, x, w, b, role):
        """f(x, w) is the layer without its bias; b has the output's shape or is 0."""
        r = self.rules
        rule = r.of["last"] if r.of["last"] and name == self.last else r.of[role]
        value = f(x, w) + b
        bias = torch.zeros_like(value) if r.ignore_bias else torch.zeros_like(value) + b

        def back(p):
            u = x.detach()
            up, down, plus, minus = u.clamp(min=0), u.clamp(max=0), w.clamp(min=0), w.clamp(max=0)

            def share(a, weight, s):
                return a * adjoint(lambda v: f(v, weight), u, s)

            positive = f(up, plus) + f(down, minus)
            negative = f(up, minus) + f(down, plus)
            z = f(u, w) + bias
            if rule == "epsilon":
                return (share(u, w, p / stable(z, r.epsilon)),)
            if rule == "gamma":
                s = torch.where(z > 0, p / stable(z + r.gamma * (positive + bias.clamp(min=0)), r.epsilon), torch.zeros_like(p))
                t = torch.where(z < 0, p / stable(z + r.gamma * (negative + bias.clamp(max=0)), r.epsilon), torch.zeros_like(p))
                return (share(u, w, s + t) + r.gamma * (share(up, plus, s) + share(down, minus, s))
                        + r.gamma * (share(up, minus, t) + share(down, plus, t)),)
            if rule == "alpha-beta":
                s = r.alpha * divide(p, positive + bias.clamp(min=0))
                t = (1 - r.alpha) * divide(p, negative + bias.clamp(max=0))
                return (share(up, plus, s) + share(down, minus, s) + share(up, minus, t) + share(down, plus, t),)
            if rule == "z-box":
                low, high = r.low.expand_as(u), r.high.expand_as(u)
                s = divide(p, f(u, w) - f(low, plus) - f(high, minus))
                return (share(u, w, s) - share(low, plus, s) - share(high, minus, s),)
            ours = share(up, plus, divide(p, f(up, plus)))
            if rule == "excitation":
                return (ours,)
            against = (-w).clamp(min=0)
            return (ours - share(up, against, divide(p, f(up, against))),)

        return self.note(name, passed(value, back, x))

    def conv(self, name, x, w, b, stride=1, pad=0, role="conv"):
        b = 0.0 if b is None else b[:, None, None]
        return self.weighted(name, lambda u, v: F.conv2d(u, v, None, stride, pad), x, w, b, role)

    def conv_norm(self, name, norm, x, p, stride=1, pad=0, eps=1e-5, role="conv"):
        scale = p[norm + ".weight"] / torch.sqrt(p[norm + ".running_var"] + eps)
        b = p.get(name + ".bias", torch.zeros_like(scale)) * scale + p[norm + ".bias"] - p[norm + ".running_mean"] * scale
        return self.note(norm, self.conv(name, x, p[name + ".weight"] * scale[:, None, None, None], b, stride, pad, role))

    def linear(self, name, x, w, b):
        return self.weighted(name, F.linear, x, w, b, "linear")

    def relu(self, name, x):
        return self.note(name, passed(F.relu(x), lambda p: (p,), x))

    def leaky(self, name, x, slope):
        return self.note(name, passed(F.leaky_relu(x, slope), lambda p: (p,), x))

    def share_of_sum(self, x, p, total):
        """Operations that average or add: u p / sum u, excitation with u >= 0."""
        u = x.detach()
        if self.rules.excites:
            return u.clamp(min=0) * divide(p, total(True))
        return u * (p / stable(total(False), self.rules.epsilon))

    def gap(self, x):
        cells = x.shape[2] * x.shape[3]

        def back(p):
            def mean(clamp):
                return (x.detach().clamp(min=0) if clamp else x.detach()).mean((2, 3), keepdim=True)
            return (self.share_of_sum(x, p[:, :, None, None], mean) / cells,)
        return passed(x.mean((2, 3)), back, x)

    def add(self, name, a, b):
        def back(p):
            def total(clamp):
                return a.detach().clamp(min=0) + b.detach().clamp(min=0) if clamp else a.detach() + b.detach()
            return self.share_of_sum(a, p, total), self.share_of_sum(b, p, total)
        return self.note(name, passed(a + b, back, a, b))


class Rescale(Plain):
    """DeepLIFT: image 0 is the input, image 1 its baseline; image 0 carries the multipliers."""

    def elementwise(self, name, function, slope, x):
        def back(p):
            u, v = x.detach()[:1], x.detach()[1:]
            change = u - v
            steady = change.abs() < 1e-6 * u.abs().clamp(min=1)
            factor = torch.where(steady, slope(u), (function(u) - function(v)) / torch.where(steady, torch.ones_like(u), change))
            return (torch.cat([p[:1] * factor, torch.zeros_like(p[1:])]),)
        return self.note(name, passed(function(x), back, x))

    def relu(self, name, x):
        return self.elementwise(name, F.relu, lambda u: (u > 0).to(u), x)

    def leaky(self, name, x, slope):
        return self.elementwise(name, lambda u: F.leaky_relu(u, slope), lambda u: torch.where(u > 0, 1.0, slope).to(u), x)

    def pool(self, name, x, size, stride, ceil=False):
        """Of cells that are equal but for rounding (1e-5 of the layer's largest value) the first wins: over an even baseline, all are."""
        value = F.max_pool2d(x.detach(), size, stride, ceil_mode=ceil)
        rows, columns = value.shape[2:]
        places = torch.arange(x.shape[2] * x.shape[3]).view(1, 1, *x.shape[2:]).double()
        grow = (0, (columns - 1) * stride + size - x.shape[3], 0, (rows - 1) * stride + size - x.shape[2])
        windows = F.pad(x.detach(), grow, value=-torch.inf).unfold(2, size, stride).unfold(3, size, stride).flatten(4)
        numbers = F.pad(places, grow).unfold(2, size, stride).unfold(3, size, stride).flatten(4).long()
        near = 1e-5 * x.detach().abs().amax((1, 2, 3))[:, None, None, None]
        first = (windows >= (value - near)[..., None]).to(torch.uint8).argmax(4, keepdim=True)
        index = numbers.expand(*windows.shape[:2], -1, -1, -1).gather(4, first)[..., 0]

        def back(p):
            u, v = x.detach()[0].flatten(1), x.detach()[1].flatten(1)
            rise = value[0].flatten(1) - value[1].flatten(1)
            place = torch.where(rise >= 0, index[0].flatten(1), index[1].flatten(1))
            change = u.gather(1, place) - v.gather(1, place)
            out = torch.zeros_like(u).scatter_add(1, place, p[0].flatten(1) * divide(rise, change))
            out = out.view_as(x[0])
            return (torch.stack([out, torch.zeros_like(out)]),)
        return self.note(name, passed(value, back, x))


def squeezenet(ops, p, x):
    def conv(name, v, **options):
        return ops.conv(name, v, p[name + ".weight"], p[name + ".bias"], **options)

    x = ops.relu("features.1", conv("features.0", x, stride=2, role="first"))
    for i in range(2, 13):
        if i in (2, 5, 8):
            x = ops.pool(f"features.{i}", x, 3, 2, True)
            continue
        at = f"features.{i}."
        x = ops.relu(at + "squeeze_activation", conv(at + "squeeze", x))
        small = ops.relu(at + "expand1x1_activation", conv(at + "expand1x1", x))
        large = ops.relu(at + "expand3x3_activation", conv(at + "expand3x3", x, pad=1))
        x = ops.cat(f"features.{i}", [small, large])
    return ops.gap(ops.relu("classifier.2", conv("classifier.1", x)))


def tiny_darknet(ops, p, x):
    for i in range(1, 16):
        size = p[f"conv{i}.weight"].shape[2]
        role = "first" if i == 1 else "conv"
        x = ops.leaky(f"act{i}", ops.conv_norm(f"conv{i}", f"bn{i}", x, p, 1, size // 2, 1e-3, role), 0.1)
        if i in (1, 2, 6, 10):
            x = ops.pool(f"pool{i}", x, 2, 2)
    return ops.gap(ops.conv("conv16", x, p["conv16.weight"], p["conv16.bias"]))


def resnet20(ops, p, x):
    x = ops.relu("relu", ops.conv_norm("conv1", "bn1", x, p, 1, 1, role="first"))
    for layer in (1, 2, 3):
        for block in range(3):
            at, stride = f"layer{layer}.{block}.", 2 if layer > 1 and block == 0 else 1
            y = ops.relu(at + "relu", ops.conv_norm(at + "conv1", at + "bn1", x, p, stride, 1))
            y = ops.conv_norm(at + "conv2", at + "bn2", y, p, 1, 1)
            if stride == 2:
                x = ops.conv_norm(at + "downsample.0", at + "downsample.1", x, p, 2, 0)
            x = ops.relu(f"layer{layer}" if block == 2 else at + "out", ops.add(at + "add", x, y))
    return ops.linear("fc", ops.gap(x), p["fc.weight"], p["fc.bias"])
