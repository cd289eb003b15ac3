"""HGQ2's quantizers, as the table of element types that a `quantize` layer holds.

HGQ2 keeps k (sign bit), i (integer bits without it) and f (fraction bits), or b = i + f
in place of f, as floats that are rounded half to even when they are read. The type is
ap_[u]fixed<k+i+f, k+i> with the modes of the same names; k+i+f <= 0: always 0. SAT
modes clip before they round, which gives the same. Read from hgq 0.2.0,
quantizer/internal/fixed_point_quantizer.py, and quantizers 1.2.2, _fixed_point_ops.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hgq.quantizer import Quantizer
from hgq.quantizer.internal import FixedPointQuantizerKBI, FixedPointQuantizerKIF
from keras import ops

from ..modelfile import OVERFLOWS, QUANTIZATIONS
from .error import refuse

MAX_WIDTH = 32  # of one element: Keras' own float32 has 24 bits


@dataclass
class Elements:
    """A type an element: integer arrays of one shape, (H, W, C) or (n); width 0: always 0."""

    width: np.ndarray
    integer: np.ndarray
    signed: np.ndarray
    quantization: str  # "RND": without AP_
    overflow: str

    @property
    def fraction(self) -> int:
        """The finest F of all elements that are not always 0; 0 where there are none."""
        fractions = (self.width - self.integer)[self.width > 0]
        return int(fractions.max()) if fractions.size else 0

    @property
    def boundary_fraction(self) -> int:
        """F of the grid on which every boundary between two roundings lies: the halves
        where the mode rounds to nearest, the grid itself where it truncates."""
        return self.fraction + (0 if self.quantization.startswith("TRN") else 1)


def is_quantizer(quantizer: object) -> bool:
    """False for none and for HGQ2's dummy, which passes everything through."""
    return quantizer is not None and not getattr(quantizer.quantizer, "__dummy__", False)


def read_quantizer(quantizer: Quantizer, layer: object, shape: tuple[int, ...]) -> Elements:
    """The types of `quantizer` for a tensor of `shape` (without the batch axis).

    ExportError, naming `layer`: floating point, a scale, a mode without an ap_fixed twin."""
    inner = quantizer.quantizer
    if not isinstance(inner, (FixedPointQuantizerKBI, FixedPointQuantizerKIF)):
        raise refuse(layer, f"quantizer {quantizer.name} is of type \"{quantizer.q_type}\": only "
                            f"kif and kbi are fixed point")
    if quantizer.scaler is not None or quantizer.affine is not None:
        raise refuse(layer, f"quantizer {quantizer.name} has a scaler or affine: no ap_fixed type "
                            f"does that")
    quantization = inner.round_mode.removeprefix("S_")  # stochastic in training only
    overflow = inner.overflow_mode
    if quantization not in QUANTIZATIONS or overflow not in OVERFLOWS:
        raise refuse(layer, f"quantizer {quantizer.name} uses {inner.round_mode}, {overflow}: no "
                            f"ap_fixed mode is called so")
    k, i, f = (np.asarray(ops.convert_to_numpy(v), np.float64) for v in inner.kif)
    if not (np.isfinite(i).all() and np.isfinite(f).all()):
        raise refuse(layer, f"quantizer {quantizer.name} has NaN or infinite widths")
    k, i, f = (np.rint(v).astype(np.int64) for v in (k, i, f))
    width = np.maximum(k + i + f, 0)
    if width.ndim != len(shape) + 1 or width.shape[0] != 1:
        raise refuse(layer, f"quantizer {quantizer.name} has types of shape {width.shape}, needs "
                            f"(1, ...) for {shape}")
    if width.max(initial=0) > MAX_WIDTH:
        raise refuse(layer, f"quantizer {quantizer.name} has {width.max()} bits: at most "
                            f"{MAX_WIDTH} are supported")
    live = width > 0
    parts = (width, np.where(live, k + i, 0), np.where(live, k, 0))
    return Elements(*(np.broadcast_to(p[0], shape).copy() for p in parts), quantization, overflow)
