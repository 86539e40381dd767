"""Weights and pictures from counters, bit for bit as tests/support/generator.c makes them."""
import numpy as np

MASK = (1 << 64) - 1


def mix(x):
    """SplitMix64's finaliser (Steele et al. 2014) on a Python integer."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def bits(seed, stream, sample, count, first=0):
    """64 random bits for each of the elements first .. first + count - 1, as uint64."""
    base = mix(mix(mix(seed) ^ stream) ^ sample)
    x = np.arange(first, first + count, dtype=np.uint64) ^ np.uint64(base)
    x += np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def stream_of(name):
    """The stream of a name: FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def tensor(seed, name, shape):
    """float32 values of the tensor `name`; generator.h says how they are distributed."""
    count = int(np.prod(shape))
    middle, reach = 0.0, 0.1
    if len(shape) > 1:
        reach = float(np.sqrt(6.0 / (count // shape[0])))
    elif name.endswith(("weight", "running_var")):
        middle, reach = 1.0, 0.5
    out = np.empty(count, np.float32)
    stream, block = stream_of(name), 1 << 20
    for first in range(0, count, block):
        n = min(block, count - first)
        u = (bits(seed, stream, 0, n, first) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53
        out[first:first + n] = middle + reach * (2 * u - 1)
    return out.reshape(shape)


def fill(seed, state):
    """New values for every float tensor of a PyTorch state dict, by name; counters of batches become 0."""
    import torch
    return {name: torch.from_numpy(tensor(seed, name, tuple(value.shape))) if value.is_floating_point()
            else torch.zeros_like(value) for name, value in state.items()}


def picture(seed, width, height):
    """The drawn picture as uint8, height x width x 3."""
    def number(element, low, high):
        return low + int(bits(seed, 0, 0, 1, element)[0] % np.uint64(high - low))

    y, x = np.mgrid[0:height, 0:width]
    values = np.stack([255 * x // width, 255 * y // height, np.full_like(x, 128)], -1)
    stripes = (2 * x >= width) & ((x + 2 * y) // 9 % 2 == 1)
    values[stripes] = 255 - values[stripes]
    for first in (0, 8):
        cx, cy = number(first, width // 8, width // 2), number(first + 1, height // 8, height * 7 // 8)
        radius = number(first + 2, height // 8 + 1, height // 4 + 2)
        disc = (x - cx) ** 2 + (y - cy) ** 2 < radius * radius
        values[disc] = [number(first + 3 + c, 0, 256) for c in range(3)]
    noise = [bits(seed, 1, c, height * width).reshape(height, width) % np.uint64(33) for c in range(3)]
    values += np.stack(noise, -1).astype(np.int64) - 16
    return np.clip(values, 0, 255).astype(np.uint8)
