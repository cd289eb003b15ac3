"""Simple simulated stand-ins for the two other demonstrations: jets and digits.

They are no physics and no handwriting: they give the jet and the digit network something
of the right shape and sparsity to learn, so that all three architectures are trained,
exported and run without any download. The real data sets are hls4ml's LHC jets (Zenodo
3602260) and MNIST.

    jets    56 x 56 pixels of transverse momentum around a jet's axis. Gluon and quark:
            one prong, the gluon's broader and softer. W and Z: two prongs, apart by about
            2 m / pT with m = 80 and 91. Top: three.
    digits  48 x 48 pixels, a few strokes of seven segments, bent, thin and incomplete.
"""
from __future__ import annotations

import numpy as np

from .recipes import Windows

JET_SIDE, DIGIT_SIDE = 56, 48
JET_LABELS = ("gluon", "quark", "top", "W", "Z")
PIXEL_BITS = 15
"""Pixels are multiples of 2^-15: any 16-bit input type holds them exactly."""


def _windows(images: np.ndarray, label: np.ndarray) -> Windows:
    """On the grid, and each window its own event."""
    images = np.floor(images * 2.0**PIXEL_BITS) / 2.0**PIXEL_BITS
    none = np.zeros(len(label), int)
    return Windows(images.astype(np.float32)[..., None], label, np.arange(len(label)), none,
                   np.zeros((len(label), 2), int))


def _prongs(label: str, random: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """Places (n, 2) of a jet's prongs in pixels from its axis, the width of their spray in
    pixels and the mean number of particles in each."""
    angle = random.uniform(0, 2 * np.pi)
    if label in ("gluon", "quark"):
        return np.zeros((1, 2)), *((5.0, 26.0) if label == "gluon" else (3.0, 15.0))
    mass = {"W": 80.0, "Z": 91.0, "top": 173.0}[label]
    # pT about 1 TeV, pixels of 1.6 / 56.
    apart = 2 * mass / random.normal(1000, 60) / (1.6 / JET_SIDE)
    n = 3 if label == "top" else 2
    turns = angle + 2 * np.pi * np.arange(n) / n + random.normal(0, 0.15, n)
    radius = apart * random.uniform(0.42, 0.58, n)
    return np.stack([radius * np.sin(turns), radius * np.cos(turns)], 1), 1.4, 9.0


def jets(n: int, seed: int) -> Windows:
    """n jet images (56, 56, 1), five classes in turn."""
    random = np.random.default_rng(seed)
    label = np.arange(n) % len(JET_LABELS)
    images = np.zeros((n, JET_SIDE, JET_SIDE))
    for image, kind in zip(images, label):
        places, width, mean = _prongs(JET_LABELS[kind], random)
        shares = random.dirichlet(np.full(len(places), 6.0))
        for place, share in zip(places, shares):
            count = 1 + random.poisson(mean)
            energy = share * random.dirichlet(np.full(count, 0.7))
            # Harder particles fly closer to the prong.
            spread = width * random.exponential(1.0, (count, 1)) / (1 + 8 * energy[:, None])
            turn = random.uniform(0, 2 * np.pi, (count, 1))
            at = place + spread * np.concatenate([np.sin(turn), np.cos(turn)], 1)
            row, col = np.rint(at + JET_SIDE // 2).astype(int).T
            inside = (row >= 0) & (row < JET_SIDE) & (col >= 0) & (col < JET_SIDE)
            np.add.at(image, (row[inside], col[inside]), energy[inside])
    images[images < 0.01] = 0
    return _windows(np.minimum(images, 1 - 2.0**-PIXEL_BITS), label)


# Ends of the seven segments, (row, col) in units of half a digit's height, and which of
# them each digit lights.
_SEGMENTS = np.array([[(0, 0), (0, 1)], [(0, 1), (1, 1)], [(1, 1), (2, 1)], [(2, 0), (2, 1)],
                      [(1, 0), (2, 0)], [(0, 0), (1, 0)], [(1, 0), (1, 1)]], float)
_LIT = ["012345", "12", "01346", "01236", "1256", "02356", "023456", "012", "0123456", "012356"]


def digits(n: int, seed: int) -> Windows:
    """n digit images (48, 48, 1), ten classes in turn."""
    random = np.random.default_rng(seed)
    label = np.arange(n) % len(_LIT)
    images = np.zeros((n, DIGIT_SIDE, DIGIT_SIDE))
    for image, kind in zip(images, label):
        ends = _SEGMENTS[[int(segment) for segment in _LIT[kind]]]
        ends = ends + random.normal(0, 0.06, ends.shape)
        slant = random.normal(0, 0.15)
        size = random.uniform(5, 8)
        for begin, end in ends:
            steps = np.linspace(0, 1, 4)[:, None]
            at = begin + steps * (end - begin)
            at = np.stack([at[:, 0] - 1, at[:, 1] - 0.5 - slant * (at[:, 0] - 1)], 1) * size
            row, col = np.rint(at + DIGIT_SIDE // 2 + random.normal(0, 0.2, 2)).astype(int).T
            seen = random.random(len(row)) > 0.05
            image[row[seen], col[seen]] = random.uniform(0.4, 0.99, seen.sum())
    return _windows(images, label)
