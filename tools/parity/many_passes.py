"""Methods that take gradients or scores of many changed inputs, and the rest of the CAM family, by PyTorch from their definitions (METHODS 2, 3)."""
import numpy as np
import torch
import torch.nn.functional as F

import counter
from shares import Plain


class Subject:
    """A network function, its weights, one input (1 x C x H x W, float64) and the class that is explained."""

    def __init__(self, function, weights, x, klass, layer):
        self.function, self.weights, self.x, self.klass, self.layer = function, weights, x, klass, layer

    def run(self, x, ops=None):
        return self.function(ops or Plain(), self.weights, x)

    def scores(self, x):
        with torch.no_grad():
            return torch.cat([self.run(part)[:, self.klass] for part in x.split(8)])

    def gradient(self, x, layer=None):
        """(dy/d layer, the layer's output, the score); layer None: the input."""
        x, ops = x.detach().clone().requires_grad_(), Plain()
        y = self.run(x, ops)[0, self.klass]
        at = x if layer is None else ops.seen[layer]
        return torch.autograd.grad(y, at)[0][0], at.detach()[0], float(y)

    def up(self, m):
        return F.interpolate(m[None, None], self.x.shape[2:], mode="bilinear", align_corners=False)[0, 0]


def scaled(m):
    low, high = m.min(), m.max()
    return (m - low) / (high - low) if high > low else torch.zeros_like(m)


def tail(s, change, count, layer):
    """Scores with the layer's output replaced by change(n, A), n < count: whole passes, the layer overwritten on the way."""
    class Replaced(Plain):
        def note(self, name, x):
            if name == layer and not self.done:
                self.done, x = True, change(self.n, x)
            return super().note(name, x)
    out = []
    with torch.no_grad():
        for n in range(count):
            ops = Replaced()
            ops.done, ops.n = False, n
            out.append(s.run(s.x, ops)[0, s.klass])
    return torch.stack(out)


# ---- class activation maps --------------------------------------------------------------------------------------------------------

def weighted(alpha, a):
    return (alpha[:, None, None] * a).sum(0).clamp(min=0)


def plusplus_weights(d1, d2, d3, a):
    """alpha = D2 / (2 D2 + s D3), a_k = sum alpha ReLU(D1)."""
    denominator = 2 * d2 + a.sum((1, 2), keepdim=True) * d3
    alpha = torch.where(denominator.abs() < 1e-20, torch.zeros_like(d2), d2 / denominator)
    return (torch.where(d1 > 0, alpha * d1, torch.zeros_like(d1))).sum((1, 2))


def gradcam_plusplus(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return weighted(plusplus_weights(g, g**2, g**3, a), a)


def smooth_plusplus(s, o):
    _, a, _ = s.gradient(s.x, s.layer)
    gs = torch.stack([s.gradient(s.x + o["noise"] * noise(s, n, 0), s.layer)[0] for n in range(o["samples"])])
    return weighted(plusplus_weights(gs.mean(0), (gs**2).mean(0), (gs**3).mean(0), a), a)


def hirescam(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return (g * a).sum(0)


def elementwise_gradcam(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return (g * a).clamp(min=0).sum(0)


def xgradcam(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    total = a.sum((1, 2))
    return weighted(torch.where(total.abs() <= 1e-12 * a[0].numel(), torch.zeros_like(total), (g * a).sum((1, 2)) / total), a)


def layercam(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return (g.clamp(min=0) * a).sum(0).clamp(min=0)


def first_component(x, toward):
    """X v of the first right singular vector (X: cells x channels), turned towards `toward`."""
    m = x.flatten(1).t() @ torch.linalg.svd(x.flatten(1).t(), full_matrices=False)[2][0]
    return (m if (m * toward.flatten()).sum() >= 0 else -m).view_as(toward).clamp(min=0)


def eigencam(s, _):
    _, a, _ = s.gradient(s.x, s.layer)
    return first_component(a, a.sum(0))


def eigengradcam(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return first_component(g * a, (g * a).sum(0))


# Variants of published codes (METHODS 2).

def pgc_plusplus(s, _):
    """pytorch-grad-cam: the quotient form with 1e-6 in the denominator."""
    g, a, _ = s.gradient(s.x, s.layer)
    alpha = g**2 / (2 * g**2 + a.sum((1, 2), keepdim=True) * g**3 + 1e-6)
    return weighted((torch.where(g != 0, alpha, torch.zeros_like(g)) * g.clamp(min=0)).sum((1, 2)), a)


def torchcam_plusplus(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return weighted((g**2 * g.clamp(min=0)).sum((1, 2)), a)


def pgc_xgradcam(s, _):
    g, a, _ = s.gradient(s.x, s.layer)
    return weighted((g * a).sum((1, 2)) / (a.sum((1, 2)) + 1e-7), a)


def pgc_eigencam(s, _):
    """The column mean (over cells) is taken off first; sign as the centred sum of channels says."""
    _, a, _ = s.gradient(s.x, s.layer)
    a = a - a.mean((1, 2), keepdim=True)
    return first_component(a, a.sum(0))


def pgc_scorecam(s, _):
    """Corners aligned; flat channels give a black input and take part."""
    _, a, _ = s.gradient(s.x, s.layer)
    masks = F.interpolate(a[None], s.x.shape[2:], mode="bilinear", align_corners=True)[0]
    return weighted(torch.softmax(torch.stack([s.scores(s.x * scaled(m))[0] for m in masks]), 0), a)


def torchcam_scorecam(s, _):
    _, a, _ = s.gradient(s.x, s.layer)
    y = torch.stack([s.scores(s.x * s.up(scaled(k)))[0] for k in a])
    flat = a.amax((1, 2)) == a.amin((1, 2))
    return weighted(torch.softmax(y.masked_fill(flat, -torch.inf), 0), a)


def captum_saliency(s, _):
    return s.gradient(s.x)[0].abs()


def captum_smoothgrad(s, _):
    return torch.stack([s.gradient(s.x + noise(s, n, 0))[0] for n in range(5)]).mean(0)


def captum_gradcam(s, _):
    """Not rectified."""
    g, a, _ = s.gradient(s.x, s.layer)
    return (g.mean((1, 2), keepdim=True) * a).sum(0)


def scorecam(s, _):
    _, a, _ = s.gradient(s.x, s.layer)
    flat = a.amax((1, 2)) - a.amin((1, 2)) <= 1e-7 * a.abs().amax((1, 2))
    y = torch.stack([s.scores(s.x * scaled(s.up(k)))[0] for k in a])
    return weighted(torch.softmax(y.masked_fill(flat, -torch.inf), 0), a)


def ablationcam(s, _):
    _, a, y = s.gradient(s.x, s.layer)

    def drop(n, x):
        x = x.clone()
        x[:, n] = 0
        return x
    return weighted((y - tail(s, drop, len(a), s.layer)) / abs(y), a)


def reciprocam(s, _):
    _, a, _ = s.gradient(s.x, s.layer)

    def keep(n, x):
        mask = torch.zeros_like(x[0, 0]).flatten()
        mask[n] = 1
        return x * mask.view(x.shape[2:])
    return tail(s, keep, a[0].numel(), s.layer).view_as(a[0])


def fullgrad(s, o):
    """|x dy/dx| and |b dy/do| of every convolution and norm, each scaled to 0..1 over its channels jointly (or each alone: pgc)."""
    x, ops = s.x.detach().clone().requires_grad_(), Plain()
    y = s.run(x, ops)[0, s.klass]
    places = [x, *(o for o, _ in ops.biased)]
    gradients = torch.autograd.grad(y, places, allow_unused=True)
    shares = [x.detach() * gradients[0]]
    shares += [g * b[:, None, None] for g, (_, b) in zip(gradients[1:], ops.biased) if g is not None and g.dim() == 4]
    total = torch.zeros_like(x[0, 0])
    for share in shares:
        share = share.abs()[0]
        share = torch.stack([scaled(k) for k in share]) if o.get("profile") == "pgc" else scaled(share)
        total = total + F.interpolate(share[None], s.x.shape[2:], mode="bilinear", align_corners=False)[0].sum(0)
    return total.detach()[None]


# ---- gradients over samples and paths -----------------------------------------------------------------------------------------------

def noise(s, n, stream, seed=0):
    return torch.from_numpy(counter.normal(seed, stream, n, s.x.numel())).view_as(s.x)


def input_x_gradient(s, _):
    return s.x[0] * s.gradient(s.x)[0]


def noisy_gradients(s, o):
    sigma = o["noise"] * float(s.x.max() - s.x.min())
    return torch.stack([s.gradient(s.x + sigma * noise(s, n, 0))[0] for n in range(o["samples"])])


def smoothgrad(s, o):
    return noisy_gradients(s, o).mean(0)


def smoothgrad2(s, o):
    return (noisy_gradients(s, o)**2).mean(0)


def vargrad(s, o):
    return noisy_gradients(s, o).var(0, unbiased=False)


def nodes(o):
    n = o["samples"]
    if not o.get("quadrature"):
        at, weight = np.polynomial.legendre.leggauss(n)
        return (at + 1) / 2, weight / 2
    weight = np.full(n, 1 / (n - 1))
    weight[[0, -1]] /= 2
    return np.linspace(0, 1, n), weight


def blurred(x):
    """Under a Gaussian of 10 pixels, cut at 30, edges repeated."""
    weight = torch.exp(-0.5 * (torch.arange(-30, 31).double() / 10)**2)
    weight = weight / weight.sum()
    for axis in (3, 2):
        size = x.shape[axis]
        matrix = torch.zeros(size, size).double()
        for i in range(size):
            matrix[i].index_add_(0, (torch.arange(-30, 31) + i).clamp(0, size - 1), weight)
        x = x @ matrix.t() if axis == 3 else matrix @ x
    return x


def baseline(s, o):
    return blurred(s.x) if o.get("baseline") == 3 else torch.zeros_like(s.x)


def integrated_gradients(s, o):
    start = baseline(s, o)
    return (s.x - start)[0] * sum(w * s.gradient(start + t * (s.x - start))[0] for t, w in zip(*nodes(o)))


def gradientshap(s, o):
    places = [float(counter.uniform(0, 2, n, [0])[0]) for n in range(o["samples"])]
    return s.x[0] * sum(s.gradient(u * s.x)[0] for u in places) / o["samples"]


# ---- perturbation ---------------------------------------------------------------------------------------------------------------------

def starts(length, window, stride):
    last = max(length - window, 0)
    return sorted({min(n, last) for n in range(0, last + stride, stride)})


def occlusion(s, o):
    h, w = s.x.shape[2:]
    base, total, count = s.scores(s.x)[0], torch.zeros(h, w).double(), torch.zeros(h, w).double()
    for top in starts(h, o["window"], o["stride"]):
        for left in starts(w, o["window"], o["stride"]):
            part = (slice(top, top + o["window"]), slice(left, left + o["window"]))
            x = s.x.clone()
            x[(0, slice(None), *part)] = 0
            total[part] += base - s.scores(x)[0]
            count[part] += 1
    return (total / count)[None]


def rise(s, o):
    """Masks from the library's counters; the probability weighs them."""
    grid, h, w = 7, *s.x.shape[2:]
    tall, wide = -(-h // grid), -(-w // grid)
    total = torch.zeros(h, w).double()
    for n in range(o["samples"]):
        cells = torch.from_numpy((counter.uniform(0, 0, n, np.arange(49)) < 0.5).astype(np.float64)).view(1, 1, grid, grid)
        large = F.interpolate(cells, ((grid + 1) * tall, (grid + 1) * wide), mode="bilinear", align_corners=False)[0, 0]
        place = counter.uniform(0, 1, n, np.arange(2))
        top, left = int(place[0] * tall), int(place[1] * wide)
        mask = large[top:top + h, left:left + w]
        with torch.no_grad():
            total += torch.softmax(s.run(s.x * mask)[0], 0)[s.klass] * mask
    return (total / (o["samples"] * 0.5))[None]
