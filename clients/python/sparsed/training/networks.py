"""The networks: three shapes, sparse or standard, and the grids their numbers lie on.

    neutrino  63x63x1  conv 7x7x1, conv 7x7x3, pool 7, dense 16, dense 1    4,121 parameters
    jet       56x56x1  conv 9x9x3, conv 9x9x1, pool 4, dense 20, dense 5    4,535
    digit     48x48x1  conv 7x7x1, pool 4, conv 5x5x3, pool 2, dense 36, 10  4,422

Shapes and sizes are those of SparsePixels (arXiv 2512.06208). A sparse network keeps the
first N active pixels and convolves only those; the standard one convolves all.

Every number of a network lies on a fixed-point grid while it trains (HGQ2), so the trained
network is the deployed one. Three kinds of widths:

    16       fixed: activations at most 15 bits unsigned, weights at most 12 bits and a sign
    8        fixed: activations 8 bits unsigned, weights 7 bits and a sign. The place of the
             point follows the ranges of the trained 16-bit network (`calibrate`)
    learned  HGQ2 finds the bits of each weight and of each channel

All grids are by channel or by tensor, never by pixel: a kernel for an FPGA or for a vector
unit then needs one type a layer. The 16-bit grids keep every sum below 2^24 steps, where
the float32 of the training is exact.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import keras
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QConv2D, QDense
from hgq.quantizer.config import QuantizerConfig
from sparsepixels.layers import AveragePooling2DSparse, InputReduce, QConv2DSparse

SIZES = {"t": 8, "s": 12, "m": 16, "l": 20}
"""Pixels that the published sparse networks keep, by the letter of their name."""


@dataclass(frozen=True)
class Conv:
    """A convolution of `kernel` x `kernel`, relu, then an average over `pool` x `pool`."""
    filters: int
    kernel: int
    pool: int = 1


@dataclass(frozen=True)
class Architecture:
    """A network's shape. One output is a sigmoid, several a softmax."""
    name: str
    image: tuple[int, int, int]
    convs: tuple[Conv, ...]
    hidden: int
    labels: tuple[str, ...]

    @property
    def layers(self) -> list[str]:
        """Names of the layers with weights, in order."""
        return [f"conv{i + 1}" for i in range(len(self.convs))] + ["dense1", "dense2"]


ARCHITECTURES = {a.name: a for a in (
    Architecture("neutrino", (63, 63, 1), (Conv(1, 7), Conv(3, 7, pool=7)), 16, ("neutrino",)),
    Architecture("jet", (56, 56, 1), (Conv(3, 9), Conv(1, 9, pool=4)), 20,
                 ("gluon", "quark", "top", "W", "Z")),
    Architecture("digit", (48, 48, 1), (Conv(1, 7, pool=4), Conv(3, 5, pool=2)), 36,
                 tuple("0123456789")),
)}


@dataclass(frozen=True)
class Grid:
    """A fixed-point grid: `integer` bits without a sign, `fraction` bits; steps of
    2^-fraction up to 2^integer - 2^-fraction, saturating, ties up."""
    integer: int
    fraction: int

    @classmethod
    def covering(cls, largest: float, bits: int) -> "Grid":
        """The finest grid of `bits` bits that reaches `largest`, steps of 2^-16 at the finest."""
        integer = math.ceil(math.log2(largest)) if largest > 0 else 0
        integer = max(integer, bits - 16)
        return cls(integer, bits - integer)


@dataclass(frozen=True)
class Grids:
    """The grids of a layer with weights. What flows in is never negative. `outputs`: of the
    standard CNN's convolutions before a pool, whose sums then fit 32 bits."""
    inputs: Grid
    kernel: Grid
    bias: Grid
    outputs: Grid


def grids_16(arch: Architecture) -> dict[str, Grids]:
    """The 16-bit grids, by layer. Pixels are at most 1; averages over a pool are mostly small.

    The second convolution's sums are on steps of 2^-14, so that the average over 7 x 7 that
    follows is a product with a reciprocal of 31 bits (docs/export.md): vector units have
    those. Finer steps gave the same area under the curve, to four digits.
    """
    bias, out = Grid(3, 10), Grid(6, 8)
    grids = {name: Grids(Grid(4, 7), Grid(1, 7), bias, out) for name in arch.layers}
    grids["conv1"] = Grids(Grid(1, 10), Grid(1, 8), bias, out)
    grids["dense1"] = Grids(Grid(3, 12), Grid(3, 7), bias, out)
    grids["dense2"] = Grids(Grid(5, 10), Grid(3, 7), bias, out)
    return grids


def _fixed(grid: Grid, signed: bool) -> QuantizerConfig:
    return QuantizerConfig(
        q_type="kif", place="weight" if signed else "datalane", k0=int(signed),
        i0=grid.integer, f0=grid.fraction, round_mode="RND",
        overflow_mode="SAT_SYM" if signed else "SAT", trainable=False,
        homogeneous_axis=None, heterogeneous_axis=(), ir=None, fr=None, ic=None, fc=None)


def _fixed_options(grids: Grids) -> dict:
    return {"iq_conf": _fixed(grids.inputs, False), "kq_conf": _fixed(grids.kernel, True),
            "bq_conf": _fixed(grids.bias, True), "enable_ebops": False}


def _learned_options(layer: str) -> dict:
    """HGQ2 widths: by weight, and by channel of what flows. They begin wide: the averages
    over a pool are below 0.01 and would vanish on HGQ2's default grid of 6 fraction bits,
    and then nothing trains."""
    dense = layer.startswith("dense")
    fraction = 14 if layer == "dense1" else 10
    return {
        "iq_conf": QuantizerConfig(q_type="kif", place="datalane", i0=4, f0=fraction,
                                   overflow_mode="WRAP",
                                   homogeneous_axis=(0,) if dense else (0, 1, 2)),
        "kq_conf": QuantizerConfig(q_type="kbi", place="weight", b0=10, overflow_mode="SAT_SYM"),
        "bq_conf": QuantizerConfig(q_type="kbi", place="bias", b0=12, overflow_mode="SAT_SYM"),
        "enable_ebops": True}


class _Large(keras.initializers.GlorotUniform):
    """Glorot's uniform weights, 5 times larger: what comes in are averages over a pool,
    most of whose pixels are empty."""

    def __call__(self, shape, dtype=None):
        return 5 * super().__call__(shape, dtype)


def build(arch: Architecture, n_pixels: int | None, grids: dict[str, Grids] | None, *,
          seed: int, threshold: float = 0.0, learn_n: bool = False,
          learn_threshold: bool = False, beta: float = 1e-7) -> keras.Model:
    """An untrained network.

    arch        its shape
    n_pixels    active pixels that it keeps; None: the standard CNN
    grids       fixed grids by layer, or None: widths learned by HGQ2
    threshold   a pixel is active above it (pixels are 0..1)
    beta        how much a bit operation costs the loss (learned widths only)

    Takes (batch, height, width, 1) float32, gives (batch, outputs) probabilities.
    """
    options = _learned_options if grids is None else lambda name: _fixed_options(grids[name])
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def glorot():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    with QuantizerConfigScope(place="all", default_q_type="kbi"), \
            LayerConfigScope(enable_iq=True, enable_oq=False, beta0=beta):
        image = x = keras.Input(arch.image, name="image")
        if n_pixels is not None:
            x, mask = InputReduce(n=n_pixels, threshold=threshold, learn_n=learn_n,
                                  learn_threshold=learn_threshold, name="reduce")(x)
        for i, conv in enumerate(arch.convs):
            name = f"conv{i + 1}"
            more = {"padding": "same", "activation": "relu", "name": name,
                    "kernel_initializer": glorot(), **options(name)}
            if n_pixels is not None:
                x = QConv2DSparse(conv.filters, conv.kernel, **more)([x, mask])
                if conv.pool > 1:
                    x, mask = AveragePooling2DSparse(conv.pool, name=f"pool{i + 1}")([x, mask])
            else:
                if conv.pool > 1 and grids is not None:
                    more |= {"enable_oq": True, "oq_conf": _fixed(grids[name].outputs, False)}
                x = QConv2D(conv.filters, conv.kernel, **more)(x)
                if conv.pool > 1:
                    x = keras.layers.AveragePooling2D(conv.pool, name=f"pool{i + 1}")(x)
        x = keras.layers.Flatten(name="flatten")(x)
        x = QDense(arch.hidden, activation="relu", name="dense1",
                   kernel_initializer=_Large(seed=next(seeds)), **options("dense1"))(x)
        x = QDense(len(arch.labels), name="dense2", kernel_initializer=glorot(),
                   **options("dense2"))(x)
        last = "sigmoid" if len(arch.labels) == 1 else "softmax"
        x = keras.layers.Activation(last, name=last)(x)
    return keras.Model(image, x, name=arch.name)
