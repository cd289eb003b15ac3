"""random_models: model files of random networks, for the C simulation and the CPU engine to
judge each other by.

Every layer class, every rounding and overflow mode, accumulators of both generations, masks,
per-channel and per-place quantizers, partial and asymmetric pools come up. Fraction bits stay
within 0 .. 14, so that most networks need no exact value of more than 63 bits; the loader
refuses the others, and the caller draws again. Numbers are random: such a network computes
nothing, but exactly.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import h5py
import numpy as np

ROUNDINGS = ("AP_TRN", "AP_TRN_ZERO", "AP_RND", "AP_RND_CONV", "AP_RND_ZERO", "AP_RND_INF",
             "AP_RND_MIN_INF")
OVERFLOWS = ("AP_WRAP", "AP_SAT", "AP_SAT_SYM")


@dataclass(frozen=True)
class Fixed:
    """An ap_fixed type."""
    width: int
    fraction: int
    signed: bool
    rounding: str = "AP_TRN"
    overflow: str = "AP_WRAP"

    def __str__(self) -> str:
        return (f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.width - self.fraction},"
                f"{self.rounding},{self.overflow}>")

    @property
    def low(self) -> int:
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.width - self.signed)) - 1


@dataclass
class Network:
    """A network under construction: the file, and what its last layer gives."""
    draw: Random
    layers: h5py.Group
    kind: str = "image"  # "image", "slots" or "flat"
    height: int = 1
    width: int = 1
    channels: int = 1
    type: Fixed = Fixed(8, 4, True)

    def layer(self, class_: str, out: Fixed | None = None, **attributes) -> h5py.Group:
        """Adds a layer; out becomes the current type."""
        group = self.layers.create_group(f"{len(self.layers):03d}_{class_}")
        group.attrs["class"] = class_
        if out is not None:
            group.attrs["out_t"] = str(out)
            self.type = out
        for name, value in attributes.items():
            group.attrs[name] = str(value) if isinstance(value, Fixed) else value
        return group

    def any_type(self, least: int = 2, most: int = 22, signed: bool | None = None) -> Fixed:
        d = self.draw
        signed = d.random() < 0.6 if signed is None else signed
        return Fixed(d.randint(max(least, 2), most), d.randint(0, 14), signed,
                     d.choice(ROUNDINGS), d.choice(OVERFLOWS))

    def numbers(self, shape: tuple[int, ...], type_: Fixed, zero: float = 0.2) -> np.ndarray:
        """Random raws of a type, int64; a share of zeros, and its limits now and then."""
        d = self.draw
        def one() -> int:
            r = d.random()
            return (0 if r < zero else type_.low if r < zero + 0.03
                    else type_.high if r < zero + 0.06 else d.randint(type_.low, type_.high))
        return np.array([one() for _ in range(int(np.prod(shape)))], np.int64).reshape(shape)


def accumulator(net: Network, sparse: bool) -> Fixed:
    """The first generation's (narrow, unsigned, rounding), the second's (wide), or any."""
    kind = net.draw.randrange(3)
    if kind == 0 and sparse:
        width, fraction = net.draw.randint(4, 16), net.draw.randint(2, 10)
        return Fixed(width, fraction, False, "AP_RND_CONV", "AP_SAT")
    if kind == 1:
        return Fixed(40, net.draw.randint(8, 20), True)
    return net.any_type(4, 24)


def add_weights(net: Network, group: h5py.Group, shape: tuple[int, ...]) -> None:
    weight_t = Fixed(net.draw.randint(2, 10), net.draw.randint(0, 8), net.draw.random() < 0.9)
    bias_t = Fixed(net.draw.randint(2, 10), net.draw.randint(0, 10), True)
    group.attrs["weight_t"], group.attrs["bias_t"] = str(weight_t), str(bias_t)
    group["weight"] = net.numbers(shape, weight_t)
    group["bias"] = net.numbers(shape[-1:], bias_t, zero=net.draw.choice((0.2, 1.0)))


def add_relu(net: Network) -> None:
    if net.draw.random() < 0.7:
        net.layer("relu", net.any_type(signed=net.draw.random() < 0.2))


def add_quantize(net: Network) -> None:
    """Few distinct types, as a trained network has, by channel or by place."""
    d = net.draw
    if d.random() < 0.6:
        return
    by_place = net.kind == "image" or (net.kind == "slots" and d.random() < 0.5)
    shape = (net.height, net.width, net.channels) if by_place else (net.channels,)
    types = [Fixed(d.choice((0, *range(1, 12))), d.randint(-2, 8), d.random() < 0.5)
             for _ in range(d.randint(1, 5))]
    used = [t for t in types if t.width > 0] or [Fixed(2, 0, True)]
    signed = any(t.signed for t in used)
    fraction = max(t.fraction for t in used)
    # integer bits, the sign among them, that hold every type
    integer = max(t.width - t.fraction + (signed and not t.signed) for t in used)
    out = Fixed(max(1, integer + fraction), fraction, signed)
    chosen = [d.choice(types) for _ in range(int(np.prod(shape)))]
    group = net.layer("quantize", out, quantization=d.choice(ROUNDINGS),
                      overflow=d.choice(OVERFLOWS))
    for name, values in (("width", [t.width for t in chosen]),
                         ("integer", [t.width - t.fraction for t in chosen]),
                         ("signed", [int(t.signed) for t in chosen])):
        group[name] = np.array(values, np.int32).reshape(shape)


def add_sparse_conv(net: Network) -> None:
    d = net.draw
    kernel_h, kernel_w = d.choice((1, 3, 5, 7)), d.choice((1, 3, 5))
    filters, before = d.randint(1, 4), net.channels
    accum = accumulator(net, sparse=True)
    out = accum if d.random() < 0.5 else net.any_type()
    group = net.layer("sparse_conv2d", out, kernel_h=kernel_h, kernel_w=kernel_w,
                      in_channels=before, filters=filters, accum_t=accum,
                      mask=d.choice(("feature", "slot")))
    add_weights(net, group, (kernel_h, kernel_w, before, filters))
    net.channels = filters


def add_sparse_pool(net: Network) -> None:
    d = net.draw
    pool_h, pool_w = d.randint(1, min(4, net.height)), d.randint(1, min(4, net.width))
    if d.random() < 0.4:
        net.layer("sparse_max_pool2d", net.any_type(), pool_h=pool_h, pool_w=pool_w)
    else:
        recip = Fixed(10, 10, d.random() < 0.5)
        net.layer("sparse_avg_pool2d", net.any_type(), pool_h=pool_h, pool_w=pool_w,
                  accum_t=net.any_type(6, 24), recip_t=recip,
                  recip_h_raw=d.choice((0, 1, recip.low, recip.high, 341)),
                  recip_w_raw=d.choice((0, recip.high, 146)))
    net.height //= pool_h
    net.width //= pool_w


def add_sparse_part(net: Network) -> None:
    d = net.draw
    fraction = net.type.fraction
    raw = min(d.choice((0, 0, d.randint(0, net.type.high), -3)), net.type.high)
    net.layer("sparse_input_reduce", net.any_type(), n_max_pixels=d.randint(1, 24),
              threshold=raw / 2.0**fraction, threshold_raw=raw)
    net.kind = "slots"
    for _ in range(d.randint(1, 3)):
        add_quantize(net)
        add_sparse_conv(net)
        add_relu(net)
        if d.random() < 0.6:
            add_sparse_pool(net)
    net.layer("sparse_flatten", net.any_type(), height=net.height, width=net.width,
              channels=net.channels)


def add_standard_part(net: Network) -> None:
    d = net.draw
    for _ in range(d.randint(1, 2)):
        add_quantize(net)
        if d.random() < 0.7:
            pads = {f"pad_{side}": d.randint(0, 2) for side in ("top", "bottom", "left", "right")}
            net.layer("zero_pad2d", net.any_type(), **pads)
            net.height += pads["pad_top"] + pads["pad_bottom"]
            net.width += pads["pad_left"] + pads["pad_right"]
        kernel_h, kernel_w = d.randint(1, min(4, net.height)), d.randint(1, min(5, net.width))
        stride, filters = d.choice((1, 1, 2)), d.randint(1, 3)
        group = net.layer("conv2d", net.any_type(), kernel_h=kernel_h, kernel_w=kernel_w,
                          stride=stride, in_channels=net.channels, filters=filters,
                          accum_t=accumulator(net, sparse=False))
        add_weights(net, group, (kernel_h, kernel_w, net.channels, filters))
        net.height = (net.height - kernel_h) // stride + 1
        net.width = (net.width - kernel_w) // stride + 1
        net.channels = filters
        add_relu(net)
        if d.random() < 0.5:
            pool_h, pool_w = d.randint(1, min(3, net.height)), d.randint(1, min(3, net.width))
            net.layer("avg_pool2d", net.any_type(), pool_h=pool_h, pool_w=pool_w,
                      accum_t=net.any_type(6, 24))
            net.height //= pool_h
            net.width //= pool_w
    net.layer("flatten", net.any_type())


def add_dense(net: Network, n_out: int, most: int = 24) -> None:
    group = net.layer("dense", net.any_type(10, most), n_in=net.channels, n_out=n_out,
                      accum_t=accumulator(net, sparse=False))
    add_weights(net, group, (net.channels, n_out))
    net.channels = n_out


def add_output(net: Network) -> None:
    end = net.draw.choice(("none", "none", "sigmoid_table", "softmax_table", "sigmoid", "softmax"))
    if end.endswith("_table"):
        first, second = net.any_type(10, 18), net.any_type(10, 18)
        tables = ({"table": first} if end == "sigmoid_table"
                  else {"exp_table": first, "inv_table": second})
        group = net.layer(end, net.any_type(), **{f"{n}_t": t for n, t in tables.items()})
        for name, type_ in tables.items():
            group[name] = net.numbers((1024,), type_, zero=0.0)
    elif end != "none":
        net.layer(end)


def write_model(path: Path, name: str, draw: Random) -> bool:
    """Writes a model file; whether it is sparse."""
    with h5py.File(path, "w") as f:
        f.attrs["format"], f.attrs["version"] = "sparsed-model", 1
        f.attrs["name"], f.attrs["created_by"] = name, "random_models.py"
        net = Network(draw, f.create_group("layers"))
        net.height, net.width = draw.randint(2, 20), draw.randint(2, 20)
        net.channels = draw.choice((1, 1, 2, 3))
        signed = draw.random() < 0.5
        net.layer("input", Fixed(draw.randint(4, 20), draw.randint(0, 12), signed),
                  height=net.height, width=net.width, channels=net.channels)
        sparse = draw.random() < 0.75
        (add_sparse_part if sparse else add_standard_part)(net)
        net.kind, net.channels = "flat", net.height * net.width * net.channels
        add_quantize(net)
        if draw.random() < 0.5:
            add_dense(net, draw.randint(1, 8))
            add_relu(net)
            add_quantize(net)
        add_dense(net, draw.randint(1, 5))
        add_output(net)
        f.attrs["labels"] = [f"out{i}" for i in range(net.channels)]
    return sparse


def options(draw: Random, sparse: bool) -> list[str]:
    """sparse-hls options at random: form, and factors from serial to full."""
    form = draw.choice(("list", "list", "image", "tree")) if sparse else "image"
    factors = draw.choice(("serial", "full", ",".join(
        f"{name}={draw.choice((1, 2, 3, 5, 17, 64, 'all'))}"
        for name in ("pixel", "filter", "channel", "flatten", "dense", "lane"))))
    return ["--form", form, "--parallel", factors]
