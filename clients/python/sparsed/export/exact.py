"""Types that lose nothing: from steps to the layers of a model file.

Every tensor is followed as a grid 2^-F and the smallest and largest raw that each of its
elements can take, whatever the input. From these come the narrowest types:

- weights: the coarsest F on which all of them lie, the width that holds them all;
- accumulators: products lie on F_x + F_w, so nothing is rounded; the width holds every
  partial sum: all weights of one sign times the largest values, at most as many
  positions as there are slots;
- quantizers: an element that cannot overflow is as wide as its values, and unsigned where
  they are not negative (conv inputs after a relu), which changes no value.

An average over A pixels (A not a power of two) is S / A, on no binary grid. What follows it
is a quantizer, whose boundaries lie on some grid 2^-F'. Let F' >= F be fine enough for both,
S counted in steps of 2^-F'. S / A is a grid point, or at least 1 / A away from every one. Let
b = bits(A - 1), so that 2^b >= A; the average is stored with F' + b bits:

- sparse pool: times R = round(2^K / A), K = bits(largest S) + b + 1, then rounded to nearest.
  The error before rounding is at most S / 2^(K + 1) < 2^-b / 2, half a step of what is
  stored. A grid point is hit exactly; anything else is 1 / A >= 2^-b, a whole step, away from
  it and cannot reach it. So every value stays on its side of every boundary.
- dense pool: the exact quotient cut toward zero at F' + b bits: a grid point is hit exactly,
  anything else keeps at least one step of distance.

Keras divides in float32: fl(S / A) stays on its side as long as S < 2^24 and A steps of the
quantizer fit float32. Its sums are exact below 2^24 steps as well. Where the worst case is
larger a note says so, and `check` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..modelfile import FixedType, Layer, ModelFileError
from .error import refuse
from .grid import SUM_BITS, raw_weights
from .steps import Step

FLOAT_BITS = 24  # of a float32


@dataclass
class Flow:
    """What is known of a tensor: raws on the grid 2^-fraction, element by element."""

    type: FixedType
    fraction: int
    low: np.ndarray  # int64, shape of the tensor
    high: np.ndarray
    area: int = 1  # above 1: an average that no grid holds, stored beside its true value


@dataclass
class Placed:
    """A layer of the model file, the step it computes and the flow behind it."""

    layer: Layer
    step: Step
    flow: Flow
    factor: int = 0  # of a sparse average: the reciprocal
    worst: float = 0.0  # of a sum: the largest sum of magnitudes, in steps
    rounded: bool = False  # it may need more steps than Keras' float32 has


@dataclass
class Network:
    """All of it, and what the exporter wants to be known."""

    placed: list[Placed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _type_of(flow: Flow, **more: object) -> FixedType:
    return FixedType.holding(int(flow.low.min()), int(flow.high.max()), flow.fraction, **more)


def _fits(step: Step, low: float, high: float) -> None:
    if max(abs(low), abs(high)) >= 2.0**SUM_BITS:
        raise refuse(step.layer, "an exact sum would need more than 63 bits")


# ---- one function a kind ----

def _input(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    height, width, channels = step.shape
    layer = Layer(step.name, "input", {"height": height, "width": width, "channels": channels,
                                       "out_t": flow.type})
    return Placed(layer, step, flow)


def _reduce(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    raw = min(int(np.floor(np.ldexp(step.threshold, flow.fraction))), flow.type.maximum)
    layer = Layer(step.name, "sparse_input_reduce", {
        "n_max_pixels": step.slots, "threshold": step.threshold, "threshold_raw": raw,
        "out_t": flow.type})
    return Placed(layer, step, flow)


def _quantize(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    q = step.quantizer
    symmetric = q.overflow == "SAT_SYM"
    f = (q.width - q.integer).astype(np.int64)
    shift = flow.fraction - f  # above 0: bits are cut off
    if (shift < -SUM_BITS).any():
        raise refuse(step.layer, f"its quantizer has {int(f.max())} fraction bits, its input "
                                 f"{flow.fraction}")
    cut, grow = np.clip(shift, 0, SUM_BITS), np.clip(-shift, 0, SUM_BITS)
    _fits(step, float((flow.low.astype(float) * 2.0**grow).min()),
          float((flow.high.astype(float) * 2.0**grow).max()))
    low, high = (flow.low << grow) >> cut, -((-(flow.high << grow)) >> cut)  # rounded outward
    top = (np.int64(1) << (q.width - q.signed).clip(0)) - 1
    bottom = np.where(q.signed == 1, -top - (0 if symmetric else 1), 0)
    inside = (low >= bottom) & (high <= top)
    if q.overflow == "WRAP":
        low, high = np.where(inside, low, bottom), np.where(inside, high, top)
    else:
        low, high = np.clip(low, bottom, top), np.clip(high, bottom, top)
        inside[...] = True
    dead = (q.width == 0) | ((low == 0) & (high == 0))
    low, high = np.where(dead, 0, low), np.where(dead, 0, high)
    signed = np.where(inside, low < 0, q.signed == 1) & ~dead
    width, signed = _narrow(q, low, high, signed, dead)
    integer = np.where(dead, 0, width - f)
    fraction = int(np.where(dead, np.iinfo(np.int32).min, f).max()) if not dead.all() else 0
    up = np.where(dead, 0, fraction - f)
    after = Flow(flow.type, fraction, low << up, high << up)
    ends = np.where(dead, 0, (np.int64(1) << (width - signed).clip(0)) - 1) << up
    bottoms = np.where(signed, -ends - (np.int64(1) << up), 0)
    after.type = FixedType.holding(int(bottoms.min()), int(ends.max()), fraction)
    per_channel = step.sparse and all(
        (a == a[:1, :1]).all() for a in (width, integer, signed, dead))
    pick = (lambda a: a[0, 0]) if per_channel else (lambda a: a)
    layer = Layer(step.name, "quantize", {
        "quantization": f"AP_{q.quantization}", "overflow": f"AP_{q.overflow}",
        "out_t": after.type},
        {"width": pick(width), "integer": pick(integer), "signed": pick(signed.astype(np.int64))})
    return Placed(layer, step, after)


def _narrow(q, low, high, signed, dead):
    """Width and sign of each element: as narrow as its values where it cannot overflow.

    Where a SAT mode may act the width stays, for it is where values are cut; only a sign
    that no value has is left out. Where WRAP may act nothing changes."""
    bits = np.zeros(low.shape, np.int64)
    largest = np.maximum(high, -low - (q.overflow != "SAT_SYM"))
    while (live := largest >> bits > 0).any():
        bits[live] += 1
    full = q.width - q.signed  # magnitude bits that were asked for
    top = (np.int64(1) << full.clip(0)) - 1
    may_cut = (high >= top) | (low <= -top)
    width = np.where(may_cut, full, np.maximum(bits, 1)) + signed
    return np.where(dead, 0, width), signed


def _kernel_types(step: Step) -> tuple[np.ndarray, int, np.ndarray, int]:
    try:
        weight, f_weight = raw_weights(step.kernel)
        bias, f_bias = raw_weights(step.bias)
    except ModelFileError as error:
        raise refuse(step.layer, str(error)) from None
    return weight, f_weight, bias, f_bias


def _sums(step: Step, flow: Flow, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Lowest and highest partial sum of each filter, and the largest sum of magnitudes."""
    if weight.ndim == 2:
        x_low, x_high = flow.low[:, None], flow.high[:, None]
    else:
        x_low, x_high = (a.reshape(-1, a.shape[-1]) for a in (flow.low, flow.high))
        x_low, x_high = x_low.min(0)[:, None], x_high.max(0)[:, None]
    x_low, x_high = np.minimum(x_low, 0), np.maximum(x_high, 0)
    size = np.maximum(-x_low, x_high).astype(float)
    sizes = np.abs(weight).astype(float) * size
    if weight.ndim == 4:  # channels of a position together
        sizes = sizes.sum(2).reshape(-1, weight.shape[-1])
    if step.sparse:  # the largest positions, as many as there are slots
        sizes = np.sort(sizes, 0)[::-1][:step.slots]
    worst = float(sizes.sum(0).max())
    _fits(step, -worst, worst)
    a, b = weight * x_low, weight * x_high
    low, high = np.minimum(a, b), np.maximum(a, b)
    if weight.ndim == 4:
        low, high = (v.sum(2).reshape(-1, v.shape[-1]) for v in (low, high))
        if step.sparse:
            low, high = np.sort(low, 0)[:step.slots], np.sort(high, 0)[::-1][:step.slots]
    return low.sum(0), high.sum(0), worst


def _multiply(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    if flow.area > 1:
        raise refuse(step.layer, f"takes an average of {flow.area} pixels, which is on no binary "
                                 f"grid: quantize it first (an input quantizer)")
    weight, f_weight, bias, f_bias = _kernel_types(step)
    f_product = flow.fraction + f_weight
    f_bias = f_bias if bias.any() else f_product
    fraction = max(f_product, f_bias)
    low, high, worst = _sums(step, flow, weight)
    up, up_bias = fraction - f_product, fraction - f_bias
    _fits(step, 0, (worst + 1) * 2.0**up + float(np.abs(bias).max()) * 2.0**up_bias)
    low, high, shifted = low << up, high << up, bias << up_bias
    if step.kind == "conv" and step.sparse:  # the bias is added where the sum is not 0
        low, high = low + np.minimum(shifted, 0), high + np.maximum(shifted, 0)
    else:
        low, high = low + shifted, high + shifted
    steps_needed = worst * 2.0**up + float(np.abs(shifted).max())
    if steps_needed >= 2.0**FLOAT_BITS:
        bits = int(steps_needed).bit_length()
        if step.plain:
            raise refuse(step.layer, f"its sums may need {bits} bits and Keras' float32 has "
                                     f"{FLOAT_BITS}: quantize its input (hgq's Q layers)")
        network.notes.append(f"layer {step.layer}: the worst sum needs {bits} bits, Keras' float32 "
                             f"has {FLOAT_BITS}: the check says whether it matters")
    # sums begin with the bias or with 0: both lie within
    total = Flow(flow.type, fraction, np.broadcast_to(low, step.shape),
                 np.broadcast_to(high, step.shape))
    total.type = FixedType.holding(min(int(low.min()), int(shifted.min())),
                                   max(int(high.max()), int(shifted.max())), fraction, signed=True)
    types = {"accum_t": total.type, "out_t": total.type,
             "weight_t": FixedType.holding(int(weight.min()), int(weight.max()), f_weight),
             "bias_t": FixedType.holding(int(bias.min()), int(bias.max()), f_bias)}
    if weight.ndim == 2:
        layer = Layer(step.name, "dense", {"n_in": weight.shape[0], "n_out": weight.shape[1]})
    else:
        kh, kw, channels, filters = weight.shape
        layer = Layer(step.name, "sparse_conv2d" if step.sparse else "conv2d", {
            "kernel_h": kh, "kernel_w": kw, "in_channels": channels, "filters": filters})
        layer.attributes.update({"mask": "slot"} if step.sparse else {"stride": 1})
    layer.attributes.update(types)
    layer.arrays = {"weight": weight, "bias": bias}
    return Placed(layer, step, total, worst=steps_needed,
                  rounded=steps_needed >= 2.0**FLOAT_BITS)


def _relu(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    after = Flow(flow.type, flow.fraction, np.maximum(flow.low, 0), np.maximum(flow.high, 0),
                 flow.area)
    after.type = _type_of(after)
    return Placed(Layer(step.name, "relu", {"out_t": after.type}), step, after)


def _pooled(step: Step, values: np.ndarray, largest: bool) -> np.ndarray:
    """The extreme of each pool's elements."""
    (ph, pw), (height, width, channels) = step.pool, step.shape
    cells = values[:height * ph, :width * pw].reshape(height, ph, width, pw, channels)
    return cells.max((1, 3)) if largest else cells.min((1, 3))


def _max(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    if flow.low.min() < 0:
        raise refuse(step.layer, "the maximum of values that may be negative: the model file "
                                 "floors it at 0, put a relu before it")
    after = Flow(flow.type, flow.fraction, np.zeros(step.shape, np.int64),
                 _pooled(step, flow.high, True), flow.area)
    layer = Layer(step.name, "sparse_max_pool2d", {
        "pool_h": step.pool[0], "pool_w": step.pool[1], "out_t": flow.type})
    return Placed(layer, step, after)


def _boundary(step: Step, steps: list[Step], area: int) -> int:
    """F of the boundaries of the quantizer that follows; passes what changes no order."""
    for after in steps[steps.index(step) + 1:]:
        if after.kind == "quantize":
            return after.quantizer.boundary_fraction
        if after.kind not in ("relu", "max", "flatten", "pad"):
            break
    raise refuse(step.layer, f"an average of {area} pixels is on no binary grid, and no quantizer "
                             f"follows it")


def _mean(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    if flow.area > 1:
        raise refuse(step.layer, "an average of averages: quantize between them")
    area = step.pool[0] * step.pool[1]
    power = area & (area - 1) == 0
    extra = (area - 1).bit_length()
    cells = min(area, step.slots) if step.sparse else area
    low = np.minimum(_pooled(step, flow.low, False), 0)
    high = np.maximum(_pooled(step, flow.high, True), 0)
    _fits(step, float(low.min()) * cells, float(high.max()) * cells)
    low, high = low * cells, high * cells
    finer = 0 if power else max(0, _boundary(step, steps, area) - flow.fraction)
    largest = int(max(high.max(), -low.min()))
    rounded = largest.bit_length() + (0 if power else finer) > FLOAT_BITS
    if rounded:
        network.notes.append(
            f"layer {step.layer}: the worst sum of a pool needs {largest.bit_length() + finer} "
            f"bits, Keras' float32 has {FLOAT_BITS}: the check says whether it matters")
    make = _sparse_mean if step.sparse else _dense_mean
    placed = make(step, flow, low, high, largest, extra, finer, power)
    placed.rounded = rounded
    return placed


def _sparse_mean(step, flow, low, high, largest, extra, finer, power) -> Placed:
    area = step.pool[0] * step.pool[1]
    accumulator = FixedType.holding(int(low.min()), int(high.max()), flow.fraction)
    factor, f_factor = 1, extra  # 1 / 2^extra, exact
    if not power:
        f_factor = largest.bit_length() + finer + extra + 1
        factor = ((1 << f_factor) + area // 2) // area
    if area == 1:
        factor, f_factor = 0, 0
    if largest.bit_length() + max(factor.bit_length(), 1) > SUM_BITS:
        raise refuse(step.layer, f"an exact average of {area} pixels would need more than 63 bits")
    fraction = flow.fraction + extra + finer
    after = Flow(flow.type, fraction, _scaled(low, area, extra + finer),
                 _scaled(high, area, extra + finer), 1 if power else area)
    after.type = _type_of(after, quantization="TRN" if power else "RND")
    recip = FixedType.holding(0, max(factor, 1), f_factor)
    layer = Layer(step.name, "sparse_avg_pool2d", {
        "pool_h": step.pool[0], "pool_w": step.pool[1], "accum_t": accumulator,
        "out_t": after.type, "recip_t": recip, "recip_h_raw": factor, "recip_w_raw": 0})
    return Placed(layer, step, after, factor)


def _scaled(sums: np.ndarray, area: int, bits: int) -> np.ndarray:
    """sums / area with `bits` more fraction bits, rounded outward."""
    if float(np.abs(sums).max()) * 2.0**bits >= 2.0**SUM_BITS:
        raise ModelFileError("an exact average would need more than 63 bits")
    fine = sums << np.int64(bits)
    return np.where(fine < 0, -((-fine + area - 1) // area), (fine + area - 1) // area)


def _dense_mean(step, flow, low, high, largest, extra, finer, power) -> Placed:
    area = step.pool[0] * step.pool[1]
    fraction = flow.fraction + extra + finer
    after = Flow(flow.type, fraction, _scaled(low, area, extra + finer),
                 _scaled(high, area, extra + finer), 1 if power else area)
    after.type = _type_of(after)
    up = extra + finer
    accumulator = FixedType.holding(int(low.min()) << up, int(high.max()) << up, fraction)
    layer = Layer(step.name, "avg_pool2d", {
        "pool_h": step.pool[0], "pool_w": step.pool[1], "accum_t": accumulator,
        "out_t": after.type})
    return Placed(layer, step, after)


def _flatten(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    after = Flow(flow.type, flow.fraction, flow.low.reshape(-1), flow.high.reshape(-1), flow.area)
    height, width, channels = flow.low.shape
    before = steps[steps.index(step) - 1]
    layer = Layer(step.name, "sparse_flatten", {"height": height, "width": width,
                                                "channels": channels, "out_t": flow.type}) \
        if before.sparse else Layer(step.name, "flatten", {"out_t": flow.type})
    return Placed(layer, step, after)


def _pad(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    pads = (step.pads[:2], step.pads[2:], (0, 0))
    after = Flow(flow.type, flow.fraction, np.pad(flow.low, pads), np.pad(flow.high, pads),
                 flow.area)
    layer = Layer(step.name, "zero_pad2d", {
        "pad_top": step.pads[0], "pad_bottom": step.pads[1], "pad_left": step.pads[2],
        "pad_right": step.pads[3], "out_t": flow.type})
    return Placed(layer, step, after)


def _last(step: Step, flow: Flow, network: Network, steps: list[Step]) -> Placed:
    if len(step.shape) != 1:
        raise refuse(step.layer, f"{step.kind} of an image: put a Flatten before it")
    return Placed(Layer(step.name, step.kind), step, flow)


_PLACE = {"input": _input, "reduce": _reduce, "quantize": _quantize, "conv": _multiply,
          "dense": _multiply, "relu": _relu, "max": _max, "mean": _mean, "flatten": _flatten,
          "pad": _pad, "sigmoid": _last, "softmax": _last}


def place(steps: list[Step], input_type: FixedType) -> Network:
    """Layers with types for all steps, given the type of the pixels."""
    shape = steps[0].shape
    flow = Flow(input_type, input_type.fraction, np.full(shape, input_type.minimum, np.int64),
                np.full(shape, input_type.maximum, np.int64))
    network = Network()
    for step in steps:
        try:
            placed = _PLACE[step.kind](step, flow, network, steps)
        except ModelFileError as error:
            raise refuse(step.layer, str(error)) from None
        network.placed.append(placed)
        flow = placed.flow
    last = steps[-1]
    if flow.area > 1:
        raise refuse(last.layer, f"the output is an average of {flow.area} pixels, which is on no "
                                 f"binary grid")
    return network
