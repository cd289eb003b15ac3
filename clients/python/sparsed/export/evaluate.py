"""Layers in exact integers, for what float32 cannot hold.

Keras' tensors judge an engine as long as Keras is exact. Two things it cannot hold: an
average over 49 pixels, and a sum of more than 2^24 steps. From such a step on the raws
of a vectors file come from here: int64, from the raws before it, by docs/model.md.
"""

from __future__ import annotations

import numpy as np

from ..modelfile import FixedType
from .exact import Placed


def evaluate(placed: Placed, before: Placed, raw: np.ndarray,
             mask: np.ndarray | None) -> np.ndarray:
    """What `placed` makes of raw [event, ...], which `before` gave: int64 raws.

    mask [event, h, w, 1]: the kept pixels, where the image is sparse."""
    step = placed.step
    if step.kind == "quantize":
        return _quantize(placed, before.flow.fraction, raw)
    if step.kind == "dense":
        weight, bias = _aligned(placed, before)
        return raw @ weight + bias
    if step.kind == "conv":
        return _conv(placed, before, raw, mask)
    if step.kind == "mean":
        return _mean(placed, before, raw)
    if step.kind == "relu":
        return np.maximum(raw, 0)
    if step.kind == "flatten":
        return raw.reshape(len(raw), -1)
    if step.kind == "pad":
        return np.pad(raw, ((0, 0), step.pads[:2], step.pads[2:], (0, 0)))
    return _cells(placed, raw).max((2, 4))  # max


def _quantize(placed: Placed, fraction: int, raw: np.ndarray) -> np.ndarray:
    q = placed.step.quantizer  # as Keras has it, not as the exporter narrowed it
    out = np.zeros_like(raw)
    for width, integer, signed in {*zip(q.width.flat, q.integer.flat, q.signed.flat)}:
        if width == 0:
            continue
        kind = FixedType(int(width), int(integer), bool(signed), q.quantization, q.overflow)
        here = (q.width == width) & (q.integer == integer) & (q.signed == signed)
        # an element that is always 0 may be finer than the grid that the others need
        value = kind.cast(raw[:, here], fraction)
        out[:, here] = FixedType(62, 62 - placed.flow.fraction, True).cast(value, kind.fraction)
    return out


def _aligned(placed: Placed, before: Placed) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias on the grids whose sum is the accumulator's."""
    types, arrays = placed.layer.attributes, placed.layer.arrays
    product = before.flow.fraction + types["weight_t"].fraction
    return (arrays["weight"] << (placed.flow.fraction - product),
            arrays["bias"] << (placed.flow.fraction - types["bias_t"].fraction))


def _conv(placed: Placed, before: Placed, raw: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    weight, bias = _aligned(placed, before)
    kh, kw = weight.shape[:2]
    if placed.step.sparse:
        raw = np.pad(raw, ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    height, width = placed.step.shape[:2]
    out = np.zeros((len(raw), *placed.step.shape), np.int64)
    for i in range(kh):
        for j in range(kw):
            out += raw[:, i:i + height, j:j + width] @ weight[i, j]
    if placed.step.sparse:
        return np.where(mask > 0, out + bias * (out != 0), 0)
    return out + bias


def _cells(placed: Placed, raw: np.ndarray) -> np.ndarray:
    """[event, row, in the pool, col, in the pool, channel]"""
    (ph, pw), (height, width, channels) = placed.step.pool, placed.step.shape
    return raw[:, :height * ph, :width * pw].reshape(-1, height, ph, width, pw, channels)


def _mean(placed: Placed, before: Placed, raw: np.ndarray) -> np.ndarray:
    """As exact.py stores an average: times the reciprocal, or divided toward zero."""
    area = placed.step.pool[0] * placed.step.pool[1]
    sums = _cells(placed, raw).sum((2, 4))
    if placed.step.sparse:
        kind = placed.layer.attributes
        fraction = kind["recip_t"].fraction if placed.factor else 0
        return kind["out_t"].cast(sums * max(placed.factor, 1), before.flow.fraction + fraction)
    sums = sums << np.int64(placed.flow.fraction - before.flow.fraction)
    return np.where(sums < 0, -(-sums // area), sums // area)
