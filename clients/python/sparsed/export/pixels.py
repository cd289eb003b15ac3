"""The type of the pixels: as narrow as changes nothing.

Keras sees unrounded float32 pixels twice: InputReduce compares them with its threshold, the
first quantizer rounds them. A coarser pixel, cut (TRN) to a grid 2^-F, gives the same

- in the quantizer, if every boundary between two roundings is a grid point: a cut never
  carries a value below a grid point, and a value below it stays below. So F >= f + 1 for RND
  (its boundaries are the halves of 2^-f), F >= f for TRN. The other modes also ask on which
  side of a half a value lies after being equal to it: for them the given windows decide;
- in the selection, if no pixel lies in the threshold's cell, above the threshold but not
  above the next grid point. With preprocessing the smallest pixel is
  pixel_threshold / pixel_scale; else the given windows decide.

Whatever the rule says, Keras itself is asked: its InputReduce and its first quantizer must
give the very same tensors for every given window, before and after the cast.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from keras import ops

from ..modelfile import FixedType
from .error import ExportError
from .steps import Step

WANTED_BITS = 8  # finer costs nothing up to here
MAX_BITS = 16  # a port of the FPGA
BATCH = 256


def check_windows(windows: object, shape: tuple[int, ...]) -> np.ndarray:
    """float32 [n, h, w, c], n >= 1, finite. ExportError otherwise."""
    windows = np.asarray(windows)
    if windows.ndim != 4 or windows.shape[1:] != tuple(shape) or len(windows) == 0:
        raise ExportError(f"windows are {windows.shape}, the model needs (events, "
                          f"{', '.join(map(str, shape))})")
    windows = windows.astype(np.float32)
    if not np.isfinite(windows).all():
        raise ExportError("windows hold NaN or infinite pixels")
    if not windows.any():
        raise ExportError("windows hold no signal: every pixel is 0")
    return windows


def choose_type(steps: list[Step], wanted: str, windows: np.ndarray | None,
                preprocessing: Mapping[str, float] | None) -> FixedType:
    """The input's type: `wanted` spelt as a type and checked, or "auto"."""
    if windows is None and preprocessing is None and wanted == "auto":
        raise ExportError("input_type \"auto\" needs windows or preprocessing, to know the pixels")
    head = _head(steps)
    if wanted != "auto":
        given = FixedType.parse(wanted)
        problem = _problem(steps, head, given, windows, preprocessing)
        if problem:
            raise ExportError(f"input_type {given}: {problem}")
        return given
    low, high = _range(windows, preprocessing)
    signed = low < 0
    integer = max(int(np.floor(np.log2(v))) + 1 for v in (high, -low, 2.0**-MAX_BITS) if v > 0)
    problem = ""
    for width in range(WANTED_BITS, MAX_BITS + 1):
        kind = FixedType(width, integer + signed, signed, "TRN", "SAT")
        problem = _problem(steps, head, kind, windows, preprocessing)
        if not problem:
            return kind
    raise ExportError(f"no input_type of {WANTED_BITS} to {MAX_BITS} bits is exact; with {kind}: "
                      f"{problem}; choose coarser quantizers, or name an input_type")


def _head(steps: list[Step]) -> list[Step]:
    """The steps that see unrounded pixels: up to the first quantizer."""
    for i, step in enumerate(steps):
        if step.kind == "quantize":
            return steps[:i + 1]
        if step.kind not in ("input", "reduce", "pad"):
            break
    return [s for s in steps[:2] if s.kind in ("input", "reduce")]


def _range(windows: np.ndarray | None, preprocessing: Mapping[str, float] | None) -> tuple:
    """Smallest and largest pixel: of the recipe, and of the windows."""
    ends = [0.0]
    if preprocessing is not None:
        p = preprocessing
        ends += [p["bin_clip"] * p["pool_time"] * p["pool_wires"] / p["pixel_scale"]]
    if windows is not None:
        ends += [float(windows.min()), float(windows.max())]
    return min(ends), max(ends)


def _problem(steps: list[Step], head: list[Step], kind: FixedType, windows: np.ndarray | None,
             preprocessing: Mapping[str, float] | None) -> str:
    """Why pixels of this type would not be exact; "" if they are."""
    low, high = _range(windows, preprocessing)
    step_size = 2.0**-kind.fraction
    if low < kind.minimum * step_size or high >= (kind.maximum + 1) * step_size:
        return f"pixels reach from {low:g} to {high:g}"
    quantizer = head[-1].quantizer if head[-1].kind == "quantize" else None
    proven = quantizer is not None and kind.quantization == "TRN" \
        and quantizer.quantization in ("RND", "TRN") \
        and kind.fraction >= quantizer.boundary_fraction
    reduce = next((s for s in head if s.kind == "reduce"), None)
    if reduce is not None and preprocessing is not None:
        smallest = preprocessing["pixel_threshold"] / preprocessing["pixel_scale"]
        raw = np.floor(np.ldexp(reduce.threshold, kind.fraction))
        if raw < 0:
            return (f"layer {reduce.layer}: threshold = {reduce.threshold:g} is below 0, every "
                    f"empty pixel would be active")
        proven &= bool((raw + 1) * step_size <= smallest)
    elif reduce is not None:
        proven = False
    if windows is None:
        return "" if proven else "only windows can tell whether it is exact, and none are given"
    if quantizer is None and not (kind.cast_float(windows) == np.ldexp(
            windows.astype(np.float64), kind.fraction)).all():
        return f"layer {steps[len(head)].layer} has no input quantizer, and pixels are off its grid"
    changed = _changed(head, kind, windows)
    if changed:
        return f"{changed} of {len(windows)} windows change in layer {head[-1].layer}"
    return ""


def _changed(head: list[Step], kind: FixedType, windows: np.ndarray) -> int:
    """Windows for which Keras' selection or first quantizer gives another tensor."""
    count = 0
    for first in range(0, len(windows), BATCH):
        exact = windows[first:first + BATCH]
        cast = np.ldexp(kind.cast_float(exact).astype(np.float64), -kind.fraction)
        before, after = (_run(head, v) for v in (exact, cast.astype(np.float32)))
        differ = np.zeros(len(exact), bool)
        for a, b in zip(before, after):
            differ |= (a != b).reshape(len(a), -1).any(1)
        count += int(differ.sum())
    return count


def _run(head: list[Step], x: np.ndarray) -> list[np.ndarray]:
    """What the head gives: the selection, and the quantized image where there is one."""
    mask = None
    for step in head:
        x, mask = step.apply(x, mask)
    tensors = [] if mask is None else [mask]
    if head[-1].kind == "quantize":
        tensors.append(x)
    return [np.asarray(ops.convert_to_numpy(t)) for t in tensors]
