"""The library's counter-based random numbers (SplitMix64's finaliser over seed, stream, sample, element), once more."""
import numpy as np


def mix(x):
    x = (x + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed, stream, sample, elements):
    with np.errstate(over="ignore"):
        start = mix(mix(mix(np.uint64([seed])) ^ np.uint64(stream)) ^ np.uint64(sample))
        bits = mix(start ^ np.asarray(elements, np.uint64))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed, stream, sample, count):
    """Box and Muller: element e takes uniforms 2 e and 2 e + 1."""
    at = np.arange(count, dtype=np.uint64)
    u, v = uniform(seed, stream, sample, 2 * at), uniform(seed, stream, sample, 2 * at + np.uint64(1))
    return np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)
