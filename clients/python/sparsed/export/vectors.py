"""Vectors: what Keras computes, tensor by tensor, for an engine to be judged by.

Every tensor is Keras' own: the output of each Keras layer is taken from the model, the
tensors inside a layer are made from it with that layer's own quantizer, convolution and
activation, and what they lead to must equal the layer's output. A tensor times 2^F must be
whole. Only what float32 cannot hold, an average over 49 pixels or a sum that may need more
than 2^24 steps, is computed in int64 (evaluate.py), and held against Keras; and what Keras
does not round, the pixels, is cast to the input's type.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from ..modelfile import smallest_int
from .error import refuse
from .evaluate import evaluate
from .exact import FLOAT_BITS, Network, Placed
from .graph import Link

BATCH = 250


def keras_outputs(model: keras.Model, links: list[Link], x: np.ndarray,
                  wanted: list[int]) -> list[list[np.ndarray]]:
    """The outputs of links[i] for i in `wanted`, each [x, mask] or [x], for windows `x`."""
    tensors = [t for i in wanted for t in links[i].outputs]
    taps = keras.Model(model.inputs, tensors)
    parts = []
    for first in range(0, len(x), BATCH):
        out = taps(ops.convert_to_tensor(x[first:first + BATCH]), training=False)
        parts.append([np.asarray(ops.convert_to_numpy(t)) for t in out])
    flat = iter([np.concatenate(p) for p in zip(*parts)])
    return [[next(flat) for _ in links[i].outputs] for i in wanted]


def to_raw(placed: Placed, values: np.ndarray) -> np.ndarray:
    """Keras' float32 tensor as raws; every value must lie on the layer's grid."""
    exact = np.ldexp(np.asarray(values, np.float64), placed.flow.fraction)
    raw = np.rint(exact)
    if not (raw == exact).all():
        off = float(np.asarray(values).reshape(-1)[np.argmax((raw != exact).reshape(-1))])
        raise refuse(placed.step.layer, f"Keras gives {off!r}, which is not on the grid of "
                                        f"2^-{placed.flow.fraction} that was derived for it")
    return raw.astype(np.int64)


class Slots:
    """The slots of each window, followed through the pools: place and who is occupied.

    row, col: int64 [event, slot], 1-based as in a vectors file; occupied: bool."""

    def __init__(self, mask: np.ndarray, slots: int) -> None:
        """`mask` [event, h, w, 1] of InputReduce: slot i is the i-th kept pixel."""
        events = len(mask)
        self.row = np.ones((events, slots), np.int64)
        self.col = np.ones((events, slots), np.int64)
        self.occupied = np.zeros((events, slots), bool)
        for e in range(events):
            rows, cols = np.nonzero(mask[e, :, :, 0])
            n = len(rows)
            self.row[e, :n], self.col[e, :n], self.occupied[e, :n] = rows + 1, cols + 1, True

    def pool(self, size: tuple[int, int], grid: tuple[int, int]) -> None:
        """The first slot of a place carries it; partial windows at the edge fall out."""
        self.row = (self.row - 1) // size[0] + 1
        self.col = (self.col - 1) // size[1] + 1
        for e in range(len(self.row)):
            seen: set[tuple[int, int]] = set()
            for s in range(self.row.shape[1]):
                place = (int(self.row[e, s]), int(self.col[e, s]))
                first = place not in seen
                seen.add(place)
                self.occupied[e, s] &= first and place[0] <= grid[0] and place[1] <= grid[1]

    def pick(self, image: np.ndarray) -> np.ndarray:
        """image [event, h, w, c] as features [event, slot, c], 0 where not occupied."""
        e = np.arange(len(image))[:, None]
        row = np.where(self.occupied, self.row - 1, 0)
        col = np.where(self.occupied, self.col - 1, 0)
        return np.where(self.occupied[..., None], image[e, row, col], 0)

    def hash(self) -> np.ndarray:
        """[event, slot, 2]: row and column."""
        return np.stack([self.row, self.col], -1)


def _near(placed: Placed, raw: np.ndarray, values: np.ndarray) -> None:
    """What float32 does not hold must still be Keras' within float32's rounding."""
    stored = np.ldexp(raw.astype(np.float64), -placed.flow.fraction)
    terms = placed.step.kernel[..., 0].size if placed.step.kernel is not None else 1
    allowed = (1 + 2.0**(2 - FLOAT_BITS) * (np.abs(stored) * 2.0**placed.flow.fraction
                                            + terms * placed.worst)) * 2.0**-placed.flow.fraction
    if (np.abs(stored - values) > allowed).any():
        raise refuse(placed.step.layer, "its exact values are not Keras' within the rounding of "
                                        "float32")


def trace(model: keras.Model, links: list[Link], network: Network,
          x: np.ndarray) -> list[dict[str, np.ndarray]]:
    """For windows x [n, h, w, c] float32: what each layer gives, as a vectors file holds it.

    A list as long as the layers; each {feat, hash} or {out}, raw int64; sigmoid and
    softmax {score}, float32."""
    outputs = keras_outputs(model, links, x, list(range(len(links))))
    found: list[dict[str, np.ndarray]] = []
    tensor, mask, raw, slots = x, None, None, None
    rounded = False  # a step whose sums float32 may round was met
    for i, placed in enumerate(network.placed):
        step = placed.step
        previous = raw
        if step.kind == "input":
            raw = placed.flow.type.cast_float(x)
            found.append({"out": raw})
            continue
        tensor, mask = step.apply(ops.convert_to_tensor(tensor), mask)
        if step.ends >= 0:  # the model's own, which the pieces must lead to
            own = outputs[step.ends]
            _equal(step, tensor, own[0])
            tensor = own[0]
            mask = own[1] if len(own) == 2 else mask
        values = np.asarray(ops.convert_to_numpy(tensor))
        if step.kind in ("sigmoid", "softmax"):
            found.append({"score": values})
            continue
        if step.kind == "reduce":
            slots = _select(step, np.asarray(ops.convert_to_numpy(mask)))
            raw = np.where(np.asarray(ops.convert_to_numpy(mask)) > 0, previous, 0)
        elif rounded or placed.rounded or placed.flow.area > 1:
            kept = None if mask is None else np.asarray(ops.convert_to_numpy(mask))
            raw = evaluate(placed, network.placed[i - 1], previous, kept)
            if not rounded:
                _near(placed, raw, values)
            rounded = rounded or placed.rounded
            _count(network, placed, raw, values)
        else:
            raw = to_raw(placed, values)
        if slots is not None and step.kind in ("mean", "max"):
            slots.pool(step.pool, step.shape[:2])
        found.append({"out": raw} if not step.sparse else {"feat": slots.pick(raw)})
        if step.kind in ("reduce", "mean", "max") and step.sparse:
            found[-1]["hash"] = slots.hash()
    return found


def _count(network: Network, placed: Placed, raw: np.ndarray, values: np.ndarray) -> None:
    """Notes how much of a tensor Keras rounded, where it should be on a grid."""
    differ = int((np.ldexp(values.astype(np.float64), placed.flow.fraction) != raw).sum())
    if differ and placed.flow.area == 1:
        network.notes.append(f"layer {placed.layer.name}: Keras rounded {differ} of {raw.size} "
                             f"values in float32; the vectors hold the exact ones")


def _equal(step, pieces: object, own: np.ndarray) -> None:
    pieces = np.asarray(ops.convert_to_numpy(pieces))
    if step.kind in ("sigmoid", "softmax"):
        good = np.allclose(pieces, own, rtol=0, atol=1e-6)
    else:
        good = np.array_equal(pieces, own)
    if not good:
        raise refuse(step.layer, f"its pieces give another tensor than the layer itself, largest "
                                 f"difference {np.abs(pieces - own).max():g}")


def _select(step, mask: np.ndarray) -> Slots:
    if not np.isin(mask, (0, 1)).all():
        raise refuse(step.layer, "its mask holds values other than 0 and 1")
    kept = int(mask.sum((1, 2, 3)).max())
    if kept > step.slots:
        raise refuse(step.layer, f"keeps {kept} pixels, more than its n of {step.slots}")
    return Slots(mask, step.slots)


def write_vectors(path: str | Path, model: keras.Model, links: list[Link], network: Network,
                  groups: list[str], x: np.ndarray) -> None:
    """NAME.vectors.h5 for windows x [n, h, w, c]: every layer, compressed."""
    tensors = trace(model, links, network, x)
    with h5py.File(path, "w") as file:
        _write(file, "input", smallest_int(tensors[0]["out"]))
        _write(file, "input_float", x)
        reduced = len(network.placed) > 1 and network.placed[1].step.kind == "reduce"
        for group, placed, found in zip(groups, network.placed, tensors):
            if "score" in found:
                continue
            if placed.step.kind == "input" and reduced:
                continue  # engines make no dense image then
            for kind, values in found.items():
                data = _write(file, f"expected/{group}/{kind}", smallest_int(values))
                if kind != "hash":
                    data.attrs["type"] = str(placed.flow.type)
        last = tensors[-1]
        scores = last["score"] if "score" in last else np.ldexp(
            last["out"].astype(np.float64), -network.placed[-1].flow.fraction)
        _write(file, "training/predictions", scores.astype(np.float32))


def _write(file: h5py.File, name: str, values: np.ndarray) -> h5py.Dataset:
    return file.create_dataset(name, data=values, compression="gzip", compression_opts=9,
                               shuffle=True)
