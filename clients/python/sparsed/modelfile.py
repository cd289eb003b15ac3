"""Model files: the one format that training writes and every engine reads.

    from sparsed.modelfile import FixedType, Layer, ModelFile, write_model
    write_model("track.model.h5", ModelFile("track", ["track"], layers))

docs/model.md says what each layer computes. What this module writes, `sparse-verify`
loads: attributes and data sets of a class are one row of LAYER_CLASSES, and a layer
that has others, or numbers outside its types, is refused before a byte is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

QUANTIZATIONS = ("TRN", "TRN_ZERO", "RND", "RND_CONV", "RND_ZERO", "RND_INF", "RND_MIN_INF")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")

# The group `preprocessing`: integers, then real numbers.
PREPROCESSING = {
    "time_rebin": int, "window_time_bins": int, "window_wires": int, "pool_time": int,
    "pool_wires": int, "image_height": int, "image_width": int, "bin_floor": float,
    "bin_clip": float, "pixel_threshold": float, "pixel_scale": float}


class ModelFileError(ValueError):
    """A model that cannot be written; its text is one sentence that names the layer."""


@dataclass(frozen=True)
class FixedType:
    """ap_fixed<W,I,Q,O> or ap_ufixed: an integer `raw` whose value is raw / 2^F, F = W - I."""

    width: int
    integer: int
    signed: bool
    quantization: str = "TRN"
    overflow: str = "WRAP"

    @property
    def fraction(self) -> int:
        """F, the fraction bits; may be negative or above the width."""
        return self.width - self.integer

    @property
    def minimum(self) -> int:
        """The smallest raw."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """The largest raw."""
        return (1 << (self.width - self.signed)) - 1

    def __str__(self) -> str:
        return (f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer},"
                f"AP_{self.quantization},AP_{self.overflow}>")

    @classmethod
    def parse(cls, text: str) -> FixedType:
        """The inverse of str(); all four parameters are needed."""
        m = re.fullmatch(r"ap_(u?)fixed<(\d+),(-?\d+),AP_(\w+),AP_(\w+)>", text)
        if not m or m[4] not in QUANTIZATIONS or m[5] not in OVERFLOWS \
                or not 1 <= int(m[2]) <= 64 or abs(int(m[3])) > 1024:
            raise ModelFileError(
                f"type \"{text}\": must be ap_fixed<W,I,Q,O> or ap_ufixed<W,I,Q,O>, W 1 .. 64")
        return cls(int(m[2]), int(m[3]), m[1] == "", m[4], m[5])

    @classmethod
    def holding(cls, low: int, high: int, fraction: int, *, signed: bool | None = None,
                quantization: str = "TRN", overflow: str = "WRAP") -> FixedType:
        """The narrowest type with `fraction` fraction bits that holds raws low .. high.

        signed=None: unsigned where low >= 0."""
        if signed is None:
            signed = low < 0
        width = max(high, -low - 1, 0).bit_length() + signed
        width = max(width, 1)
        if width > 64:
            raise ModelFileError(f"raws {low} .. {high} need {width} bits, a type has at most 64")
        return cls(width, width - fraction, signed, quantization, overflow)

    def cast(self, raw: np.ndarray, fraction: int) -> np.ndarray:
        """int64 raws with `fraction` fraction bits, cast to this type (docs/model.md)."""
        raw = np.asarray(raw, np.int64)
        shift = fraction - self.fraction
        if shift <= 0:
            return self._overflow(raw << -shift)
        shift = min(shift, 62)
        floor = raw >> shift
        rest = raw - (floor << shift)
        half = np.int64(1) << np.int64(shift - 1)
        up = {
            "TRN": rest < 0,
            "TRN_ZERO": (raw < 0) & (rest != 0),
            "RND": rest >= half,
            "RND_CONV": (rest > half) | ((rest == half) & (floor & 1 == 1)),
            "RND_ZERO": (rest > half) | ((rest == half) & (raw < 0)),
            "RND_INF": (rest > half) | ((rest == half) & (raw >= 0)),
            "RND_MIN_INF": rest > half}[self.quantization]
        return self._overflow(floor + up)

    def cast_float(self, value: np.ndarray) -> np.ndarray:
        """Real numbers, exact in double, cast to this type: int64 raws."""
        # Below, on or above the half is all that a rounding mode asks of what is cut off:
        # a quarter grid says it.
        exact = np.ldexp(np.asarray(value, np.float64), self.fraction)
        floor = np.floor(exact)
        rest = exact - floor
        fine = (floor.astype(np.int64) << 2) + 2 * (rest >= 0.5) + ((rest > 0) & (rest != 0.5))
        return self.cast(fine, self.fraction + 2)

    def _overflow(self, raw: np.ndarray) -> np.ndarray:
        if self.overflow == "WRAP":
            if self.width == 64:
                return raw
            raw = raw & ((1 << self.width) - 1)
            return raw - ((raw >> (self.width - 1)) << self.width) if self.signed else raw
        low = -self.maximum if self.overflow == "SAT_SYM" and self.signed else self.minimum
        return np.clip(raw, low, min(self.maximum, 2**63 - 1))


@dataclass(frozen=True)
class LayerClass:
    """Names of a class's attributes and of its data sets."""

    attributes: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()


_CONV = ("kernel_h", "kernel_w", "in_channels", "filters", "accum_t", "out_t", "weight_t", "bias_t")
_WEIGHTS = ("weight", "bias")

# One row a class of docs/model.md that training can give.
LAYER_CLASSES = {
    "input": LayerClass(("height", "width", "channels", "out_t")),
    "quantize": LayerClass(("quantization", "overflow", "out_t"), ("width", "integer", "signed")),
    "sparse_input_reduce": LayerClass(("n_max_pixels", "threshold", "threshold_raw", "out_t")),
    "sparse_conv2d": LayerClass((*_CONV, "mask"), _WEIGHTS),
    "relu": LayerClass(("out_t",)),
    "sparse_avg_pool2d": LayerClass(("pool_h", "pool_w", "accum_t", "out_t", "recip_t",
                                     "recip_h_raw", "recip_w_raw")),
    "sparse_max_pool2d": LayerClass(("pool_h", "pool_w", "out_t")),
    "sparse_flatten": LayerClass(("height", "width", "channels", "out_t")),
    "dense": LayerClass(("n_in", "n_out", "accum_t", "out_t", "weight_t", "bias_t"), _WEIGHTS),
    "zero_pad2d": LayerClass(("pad_top", "pad_bottom", "pad_left", "pad_right", "out_t")),
    "conv2d": LayerClass((*_CONV, "stride"), _WEIGHTS),
    "avg_pool2d": LayerClass(("pool_h", "pool_w", "accum_t", "out_t")),
    "flatten": LayerClass(("out_t",)),
    "sigmoid": LayerClass(),
    "softmax": LayerClass(),
}


@dataclass
class Layer:
    """One layer: attributes are integers, floats, strings or types; arrays hold raw integers."""

    name: str
    layer_class: str
    attributes: dict[str, int | float | str | FixedType] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class ModelFile:
    """A network: `labels` are one string an output, `preprocessing` the 11 numbers or None."""

    name: str
    labels: list[str]
    layers: list[Layer]
    preprocessing: Mapping[str, int | float] | None = None
    created_by: str = "sparsed.modelfile"

    def group(self, index: int) -> str:
        """Name of a layer's group: "004_conv2"."""
        return f"{index:03d}_{self.layers[index].name}"


def smallest_int(values: np.ndarray) -> np.ndarray:
    """The same integers in the narrowest of int8, int16, int32, int64."""
    values = np.asarray(values, np.int64)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def check_preprocessing(preprocessing: Mapping[str, int | float]) -> None:
    """Exactly the 11 numbers of docs/model.md; anything else is named."""
    for key in PREPROCESSING.keys() - preprocessing.keys():
        raise ModelFileError(f"preprocessing: {key} is missing")
    for key in preprocessing.keys() - PREPROCESSING.keys():
        raise ModelFileError(f"preprocessing: {key} is not one of "
                             f"{', '.join(sorted(PREPROCESSING))}")


def _check_layer(name: str, layer: Layer) -> None:
    row = LAYER_CLASSES.get(layer.layer_class)
    if row is None:
        raise ModelFileError(f"layer {name}: class \"{layer.layer_class}\" is not one of "
                             f"{', '.join(LAYER_CLASSES)}")
    for what, given, needed in (("attribute", layer.attributes, row.attributes),
                                ("data set", layer.arrays, row.arrays)):
        for key in sorted(set(needed) ^ given.keys()):
            problem = "is missing" if key in needed else f"is none of class {layer.layer_class}"
            raise ModelFileError(f"layer {name}: {what} {key} {problem}")
    for key, values in layer.arrays.items():
        held = layer.attributes.get(f"{key}_t")
        if isinstance(held, FixedType) and values.size and not (
                held.minimum <= values.min() and values.max() <= held.maximum):
            raise ModelFileError(f"layer {name}: {key} holds {values.min()} .. {values.max()}: "
                                 f"outside its type {held}")


def write_model(path: str | Path, model: ModelFile) -> None:
    """Writes the file, replacing what was there. ModelFileError: nothing was written."""
    for i, layer in enumerate(model.layers):
        _check_layer(model.group(i), layer)
        if len(model.group(i)) > 63:
            raise ModelFileError(f"layer {model.group(i)}: its name has more than 63 characters")
    if not 1 <= len(model.name.encode()) <= 63:
        raise ModelFileError(f"model name \"{model.name}\": must have 1 .. 63 bytes")
    if model.preprocessing is not None:
        check_preprocessing(model.preprocessing)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "sparsed-model"
        file.attrs["version"] = np.int32(1)
        file.attrs["name"] = model.name
        file.attrs.create("labels", list(model.labels), dtype=h5py.string_dtype())
        file.attrs["created_by"] = model.created_by
        if model.preprocessing is not None:
            group = file.create_group("preprocessing")
            for key, kind in PREPROCESSING.items():
                number = model.preprocessing[key]
                group.attrs[key] = np.int32(number) if kind is int else np.float64(number)
        layers = file.create_group("layers")
        for i, layer in enumerate(model.layers):
            _write_layer(layers.create_group(model.group(i)), layer)


def _write_layer(group: h5py.Group, layer: Layer) -> None:
    group.attrs["class"] = layer.layer_class
    for key, value in layer.attributes.items():
        if isinstance(value, (FixedType, str)):
            group.attrs[key] = str(value)
        else:
            group.attrs[key] = np.float64(value) if isinstance(value, float) else np.int64(value)
    for key, values in layer.arrays.items():
        exact = np.asarray(values, np.int64)
        data = exact.astype(np.int32) if layer.layer_class == "quantize" else smallest_int(exact)
        group.create_dataset(key, data=data)
