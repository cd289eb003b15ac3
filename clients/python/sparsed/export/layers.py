"""Keras layers into steps: one row of CONVERTERS a layer type.

What a layer computes is read from its source: sparsepixels 0.3.2 (layers.py), hgq 0.2.0
(layers/conv.py, core/dense.py, pooling.py), Keras 3. A type that has no row, a subclass
of one that has, and every option that the model file cannot hold are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import hgq.layers
import hgq.quantizer
import keras
import numpy as np
import sparsepixels.layers
from keras import ops

from ..modelfile import ModelFileError
from .error import refuse
from .graph import Link
from .grid import raw_weights
from .quantizers import is_quantizer, read_quantizer
from .steps import Step

MAX_PLAIN_BITS = 16  # weights of a layer without quantizers, that somebody else quantized


@dataclass
class Context:
    """What a converter knows of the tensor it is given."""

    link: Link
    shape: tuple[int, ...]  # (height, width, channels) or (n,)
    sparse: bool
    slots: int

    @property
    def layer(self) -> keras.Layer:
        return self.link.layer

    def step(self, kind: str, suffix: str = "", **more: object) -> Step:
        """A step of this layer; its shape is the input's unless given."""
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", self.layer.name + suffix)
        return Step(kind, name, self.layer.name,
                    **{"shape": self.shape, "sparse": self.sparse, "slots": self.slots, **more})


# ---- pieces that several layers share ----

def _masked(function: Callable) -> Callable:
    """On x alone; where there is a mask, dropped pixels become 0 as Keras' masker makes them."""
    def apply(x, mask):
        y = function(x)
        return (y if mask is None else y * ops.cast(mask, y.dtype)), mask
    return apply


def _needs(context: Context, sparse: bool, rank: int) -> None:
    layer = context.layer
    if context.sparse and not sparse:
        raise refuse(layer, "takes the sparse image as if it were dense: use the sparse layer of "
                            "sparsepixels, or Flatten")
    if sparse and not (context.sparse and context.link.takes_mask):
        raise refuse(layer, "needs (x, mask) of an InputReduce")
    if len(context.shape) != rank:
        raise refuse(layer, f"its input has shape {context.shape}: put a Flatten before it"
                     if rank == 1 else f"its input has shape {context.shape}, needs an image")


def _array(layer: keras.Layer, what: str, value: object) -> np.ndarray:
    array = np.asarray(ops.convert_to_numpy(value), np.float64)
    if not np.isfinite(array).all():
        raise refuse(layer, f"{what} holds NaN or infinite values")
    return array


def _activation(context: Context, function: object, shape: tuple,
                sparse: bool = False) -> list[Step]:
    """relu, sigmoid or softmax as a step; linear as none."""
    name = getattr(function, "__name__", type(function).__name__)
    if function is None or name == "linear":
        return []
    if name not in ("relu", "sigmoid", "softmax"):
        raise refuse(context.layer, f"activation \"{name}\": only linear, relu, sigmoid and "
                                    f"softmax are supported")
    return [context.step(name, f"_{name}", shape=shape, sparse=sparse, apply=_masked(function))]


def _quantize(context: Context, quantizer: object, suffix: str, shape: tuple,
              sparse: bool = False) -> list[Step]:
    if not is_quantizer(quantizer):
        return []
    types = read_quantizer(quantizer, context.layer, shape)

    def apply(x, mask):
        if mask is not None:
            x = x * ops.cast(mask, x.dtype)
        return quantizer(x, training=False), mask
    return [context.step("quantize", suffix, shape=shape, sparse=sparse, quantizer=types,
                         apply=apply)]


def _iq(context: Context, layer: keras.Layer, sparse: bool = False) -> list[Step]:
    quantizer = layer.iq if getattr(layer, "enable_iq", False) else None
    return _quantize(context, quantizer, "_iq", context.shape, sparse)


def _oq(context: Context, layer: keras.Layer, shape: tuple) -> list[Step]:
    return _quantize(context, layer.oq if getattr(layer, "enable_oq", False) else None, "_oq",
                     shape)


def _check_conv(layer: keras.Layer, conv: keras.Layer, paddings: tuple[str, ...]) -> None:
    for what, value in (("strides", conv.strides), ("dilation_rate", conv.dilation_rate)):
        if tuple(value) != (1, 1):
            raise refuse(layer, f"{what} = {tuple(value)}: only 1 is supported")
    if conv.groups != 1:
        raise refuse(layer, f"groups = {conv.groups}: only 1 is supported")
    for size in conv.kernel_size:
        if size % 2 == 0:
            raise refuse(layer, f"kernel_size = {tuple(conv.kernel_size)}: an even kernel has no "
                                f"centre, use odd sizes")
    if conv.padding not in paddings:
        raise refuse(layer, f"padding = \"{conv.padding}\": needs \"{paddings[0]}\"")
    if conv.data_format != "channels_last":
        raise refuse(layer, "data_format = \"channels_first\": only channels_last is supported")


def _weights(layer: keras.Layer, kernel: object, bias: object, plain: bool = False) -> dict:
    """kernel, bias and plain of a Step; plain weights must have been quantized by somebody."""
    kernel = _array(layer, "kernel", kernel)
    bias = np.zeros(kernel.shape[-1]) if bias is None else _array(layer, "bias", bias)
    for what, values in (("kernel", kernel), ("bias", bias)) if plain else ():
        try:
            bits = int(np.abs(raw_weights(values)[0]).max()).bit_length()
        except ModelFileError:
            bits = MAX_PLAIN_BITS + 1
        if bits > MAX_PLAIN_BITS:
            raise refuse(layer, f"its {what} is not quantized (needs more than {MAX_PLAIN_BITS} "
                                f"bits): use the Q layer of hgq")
    return {"kernel": kernel, "bias": bias, "plain": plain}


def _check_raw(layer: keras.Layer) -> None:
    """Looks at the weights before a quantizer may turn a NaN into a number."""
    for weight in layer.weights:
        _array(layer, weight.name, weight)


# ---- sparsepixels ----

def _input_reduce(context: Context) -> list[Step]:
    layer = context.layer
    _needs(context, False, 3)
    # as InputReduce.call rounds it: float32, ties to even
    n = float(np.rint(np.float32(layer.n_init) * np.float32(ops.convert_to_numpy(layer.n_frac)))
              if layer.learn_n else layer.n_init)
    threshold = float(ops.convert_to_numpy(layer.threshold_w) if layer.learn_threshold
                      else np.float32(layer.threshold_init))
    if not (np.isfinite(n) and n >= 1 and np.isfinite(threshold)):
        raise refuse(layer, f"n = {n:g}, threshold = {threshold:g}: must be finite, n at least 1")
    slots = min(int(n), context.shape[0] * context.shape[1])
    return [context.step("reduce", sparse=True, slots=slots, threshold=threshold,
                         apply=lambda x, mask: tuple(layer(x, training=False)))]


def _sparse_conv(context: Context) -> list[Step]:
    layer = context.layer
    conv = layer.conv
    _needs(context, True, 3)
    _check_conv(layer, conv, ("same",))
    _check_raw(layer)
    if getattr(conv, "enable_oq", False):
        raise refuse(layer, "quantizes the sum before the bias (enable_oq): the model file adds "
                            "the bias first")
    bias = layer._bq(layer.sparse_bias) if layer._use_bias else None
    shape = (*context.shape[:2], conv.filters)

    def convolve(x):
        y = conv.convolution_op(x, conv.qkernel)
        if bias is not None:
            y = y + ops.reshape(bias, (1, 1, 1, -1)) * ops.cast(y != 0, y.dtype)
        return y
    return [*_iq(context, conv, sparse=True),
            context.step("conv", shape=shape, apply=_masked(convolve),
                         **_weights(layer, conv.qkernel, bias)),
            *_activation(context, layer._activation, shape, sparse=True)]


def _check_pool(layer: keras.Layer, pool: keras.Layer) -> None:
    if tuple(pool.strides) != tuple(pool.pool_size):
        raise refuse(layer, f"strides = {tuple(pool.strides)}: must equal pool_size "
                            f"{tuple(pool.pool_size)}")
    if pool.padding != "valid":
        raise refuse(layer, f"padding = \"{pool.padding}\": needs \"valid\"")
    if pool.data_format != "channels_last":
        raise refuse(layer, "data_format = \"channels_first\": only channels_last is supported")


def _pooled(context: Context, pool: keras.Layer) -> tuple[int, int, int]:
    height, width = (context.shape[i] // pool.pool_size[i] for i in (0, 1))
    if height < 1 or width < 1:
        raise refuse(context.layer, f"pool_size = {tuple(pool.pool_size)}: its input is only "
                                    f"{context.shape[0]} x {context.shape[1]}")
    return height, width, context.shape[2]


def _sparse_pool(context: Context) -> list[Step]:
    layer = context.layer
    mean = isinstance(layer, sparsepixels.layers.AveragePooling2DSparse)
    pool = layer.avg_pool if mean else layer.max_pool
    _needs(context, True, 3)
    _check_pool(layer, pool)
    return [context.step("mean" if mean else "max", shape=_pooled(context, pool),
                         pool=tuple(pool.pool_size), apply=lambda x, mask: tuple(layer((x, mask))))]


# ---- dense images and vectors ----

def _conv(context: Context) -> list[Step]:
    layer = context.layer
    plain = isinstance(layer, keras.layers.Conv2D) and not hasattr(layer, "qkernel")
    _needs(context, False, 3)
    _check_conv(layer, layer, ("same", "valid"))
    _check_raw(layer)
    (height, width, _), (kh, kw) = context.shape, layer.kernel_size
    pads = (kh // 2, kh // 2, kw // 2, kw // 2) if layer.padding == "same" else (0, 0, 0, 0)
    out = (height + pads[0] + pads[1] - kh + 1, width + pads[2] + pads[3] - kw + 1, layer.filters)
    if min(out) < 1:
        raise refuse(layer, f"kernel_size = {(kh, kw)}: its input is only {height} x {width}")
    kernel = layer.kernel if plain else layer.qkernel
    bias = None if not layer.use_bias else layer.bias if plain else layer.qbias

    def convolve(x):  # x is padded already
        y = ops.conv(x, kernel, strides=1, padding="valid", data_format="channels_last")
        return y if bias is None else y + ops.reshape(bias, (1, 1, 1, -1))
    steps = _iq(context, layer)
    if any(pads):
        steps.append(_pad_step(context, pads, "_pad"))
    return [*steps, context.step("conv", shape=out, apply=_masked(convolve),
                                 **_weights(layer, kernel, bias, plain)),
            *_activation(context, layer.activation, out), *_oq(context, layer, out)]


def _pad_step(context: Context, pads: tuple[int, int, int, int], suffix: str) -> Step:
    height, width, channels = context.shape
    shape = (height + pads[0] + pads[1], width + pads[2] + pads[3], channels)
    return context.step("pad", suffix, shape=shape, pads=pads, apply=lambda x, mask: (
        ops.pad(x, ((0, 0), pads[:2], pads[2:], (0, 0))), mask))


def _zero_padding(context: Context) -> list[Step]:
    layer = context.layer
    _needs(context, False, 3)
    if layer.data_format != "channels_last":
        raise refuse(layer, "data_format = \"channels_first\": only channels_last is supported")
    (top, bottom), (left, right) = layer.padding
    return [_pad_step(context, (top, bottom, left, right), "")]


def _average(context: Context) -> list[Step]:
    layer = context.layer
    _needs(context, False, 3)
    _check_pool(layer, layer)
    shape = _pooled(context, layer)
    size = tuple(layer.pool_size)
    return [*_iq(context, layer),
            context.step("mean", shape=shape, pool=size, apply=lambda x, mask: (
                ops.average_pool(x, size, size, "valid", "channels_last"), mask)),
            *_oq(context, layer, shape)]


def _dense(context: Context) -> list[Step]:
    layer = context.layer
    plain = not hasattr(layer, "qkernel")
    _needs(context, False, 1)
    _check_raw(layer)
    shape = (layer.units,)
    kernel = layer.kernel if plain else layer.qkernel
    bias = None if not layer.use_bias else layer.bias if plain else layer.qbias

    def multiply(x):
        y = ops.matmul(x, kernel)
        return y if bias is None else y + bias
    return [*_iq(context, layer),
            context.step("dense", shape=shape, apply=_masked(multiply),
                         **_weights(layer, kernel, bias, plain)),
            *_activation(context, layer.activation, shape), *_oq(context, layer, shape)]


def _flatten(context: Context) -> list[Step]:
    layer = context.layer
    if len(context.shape) == 1:
        return []
    if layer.data_format != "channels_last":
        raise refuse(layer, "data_format = \"channels_first\": only channels_last is supported")
    return [context.step("flatten", shape=(int(np.prod(context.shape)),), sparse=False, slots=0,
                         apply=lambda x, mask: (ops.reshape(x, (x.shape[0], -1)), None))]


def _activation_layer(context: Context) -> list[Step]:
    layer = context.layer
    return _activation(context, layer.activation, context.shape, context.sparse)


def _relu_layer(context: Context) -> list[Step]:
    layer = context.layer
    for what, plain in (("max_value", None), ("negative_slope", 0), ("threshold", 0)):
        if getattr(layer, what) not in (plain, 0 if plain == 0 else None):
            raise refuse(layer, f"{what} = {getattr(layer, what)}: only a plain relu is supported")
    return _activation(context, keras.activations.relu, context.shape, context.sparse)


def _softmax_layer(context: Context) -> list[Step]:
    layer = context.layer
    if layer.axis not in (-1, len(context.shape)):
        raise refuse(layer, f"axis = {layer.axis}: only the last is supported")
    return _activation(context, keras.activations.softmax, context.shape, context.sparse)


def _quantizer_layer(context: Context) -> list[Step]:
    return _quantize(context, context.layer, "", context.shape, context.sparse)


def _nothing(context: Context) -> list[Step]:
    """Does something in training only."""
    return []


CONVERTERS: dict[type, Callable[[Context], list[Step]]] = {
    sparsepixels.layers.InputReduce: _input_reduce,
    sparsepixels.layers.QConv2DSparse: _sparse_conv,
    sparsepixels.layers.AveragePooling2DSparse: _sparse_pool,
    sparsepixels.layers.MaxPooling2DSparse: _sparse_pool,
    hgq.layers.QConv2D: _conv,
    hgq.layers.QDense: _dense,
    hgq.layers.QAveragePooling2D: _average,
    hgq.quantizer.Quantizer: _quantizer_layer,
    keras.layers.Conv2D: _conv,
    keras.layers.Dense: _dense,
    keras.layers.AveragePooling2D: _average,
    keras.layers.ZeroPadding2D: _zero_padding,
    keras.layers.Flatten: _flatten,
    keras.layers.Activation: _activation_layer,
    keras.layers.ReLU: _relu_layer,
    keras.layers.Softmax: _softmax_layer,
    keras.layers.Dropout: _nothing,
    keras.layers.SpatialDropout2D: _nothing,
    keras.layers.GaussianNoise: _nothing,
    keras.layers.GaussianDropout: _nothing,
}


def make_steps(links: list[Link]) -> list[Step]:
    """All steps of a chain, the input first. ExportError names the layer that has no place."""
    first = links[0]
    shape = tuple(first.outputs[0].shape[1:])
    if len(shape) != 3 or None in shape:
        raise refuse(first.layer, f"its shape is {shape}, needs (height, width, channels)")
    steps = [Step("input", "input", first.layer.name, shape, ends=0)]
    for index, link in enumerate(links[1:], 1):
        convert = CONVERTERS.get(type(link.layer))
        if convert is None:
            raise refuse(link.layer, f"{type(link.layer).__name__} is not supported; these are: "
                                     f"{', '.join(t.__name__ for t in CONVERTERS)}")
        if str(link.layer.compute_dtype) != "float32":
            raise refuse(link.layer, f"computes in {link.layer.compute_dtype}: only float32 is "
                                     f"exact")
        last = steps[-1]
        if last.kind in ("sigmoid", "softmax"):
            raise refuse(last.layer, f"{last.kind} must be last, but {link.layer.name} follows")
        if last.kind != "input" and type(link.layer) is sparsepixels.layers.InputReduce:
            raise refuse(link.layer, f"must be the first layer, but {last.layer} is before it")
        steps += convert(Context(link, last.shape, last.sparse, last.slots))
        steps[-1].ends = index
    if len(steps[-1].shape) != 1:
        raise refuse(steps[-1].layer, f"the output has shape {steps[-1].shape}: needs one axis "
                                      f"(Flatten)")
    return steps
