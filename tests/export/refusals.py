"""refusals.py: what the exporter must not take, one row a fault.

    python refusals.py

Prints a JSON object a row: case, the sentence that was expected (a regular expression), what
was said ("" where it was taken). Each row is a network or an argument that would give
another decision than Keras does, or none, if it were taken. Needs the training environment.
"""
import json
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "python"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from hgq.layers import QConv2D, QDense
from hgq.quantizer import QuantizerConfig
from keras import layers
from sparsepixels.layers import (AveragePooling2DSparse, InputReduce, MaxPooling2DSparse,
                                 QConv2DSparse)

from sparsed.export import ExportError, export_model

SHAPE = (8, 8, 1)
PREPROCESSING = {
    "time_rebin": 6, "bin_floor": 10.0, "bin_clip": 100.0, "window_time_bins": 32,
    "window_wires": 64, "pool_time": 4, "pool_wires": 8, "pixel_threshold": 700.0,
    "image_height": 8, "image_width": 8, "pixel_scale": 3200.0}


def quantizer(f=4, **more):
    """An activation's: unsigned, 2 integer bits, one type a channel."""
    given = {"k0": 0, "i0": 2, "f0": f, "round_mode": "RND", "overflow_mode": "SAT",
             "homogeneous_axis": (0, 1, 2), **more}
    return QuantizerConfig("kif", "datalane", **given)


def flat(**more):
    return quantizer(homogeneous_axis=(0, 1), **more)


def floating():
    """hgq 0.2.0 gives its own floating-point quantizer an argument that it does not know."""
    config = QuantizerConfig("float", "datalane")
    config.config.pop("is_weight")
    return config


def network(middle, last=None, shape=SHAPE):
    """input -> `middle` -> Flatten -> QDense; `middle` takes and gives a tensor."""
    x = inputs = keras.Input(shape, name="image")
    x = layers.Flatten(name="flatten")(middle(x))
    x = (last or QDense(2, name="dense", iq_conf=flat()))(x)
    return keras.Model(inputs, x)


def sparse(conv=None, pool=None, reduce=None):
    """InputReduce -> conv -> pool, each as given or sound."""
    def middle(x):
        x, mask = (reduce or InputReduce(n=4, threshold=0.1, name="reduce"))(x)
        x = (conv or sparse_conv())((x, mask))
        if pool is not None:
            x, mask = pool((x, mask))
        return x
    return network(middle)


def sparse_conv(size=3, padding="same", activation="relu", **more):
    more = {"iq_conf": quantizer(), "name": "conv", **more}
    return QConv2DSparse(2, size, padding=padding, activation=activation, **more)


def dense_conv(**more):
    given = {"filters": 2, "kernel_size": 3, "padding": "same", "iq_conf": quantizer(),
             "name": "conv", **more}
    return network(QConv2D(**given))


def spoilt(weight, value):
    """A sound network with one weight set."""
    model = sparse()
    found = [w for w in model.get_layer("conv").weights if w.path.endswith(weight)]
    values = np.array(keras.ops.convert_to_numpy(found[0]))
    values.reshape(-1)[0] = value
    found[0].assign(values)
    return model


def two_branches():
    inputs = keras.Input(SHAPE, name="image")
    a, b = (layers.ZeroPadding2D(1, name=n)(inputs) for n in "ab")
    x = layers.Add(name="sum")([a, b])
    return keras.Model(inputs, QDense(1, name="dense")(layers.Flatten()(x)))


def old_mask():
    """A conv behind a pool that is given the mask from before it."""
    inputs = keras.Input(SHAPE, name="image")
    x, mask = InputReduce(n=4, name="reduce")(inputs)
    y, pooled = MaxPooling2DSparse(1, name="pool")((x, mask))
    y = sparse_conv()((y, mask))
    return keras.Model(inputs, QDense(1, name="dense", iq_conf=flat())(layers.Flatten()(y)))


class Doubled(layers.Dense):
    """A subclass does what nobody read."""

    def call(self, x):
        return 2 * super().call(x)


def mean(*more):
    return lambda x: layers.AveragePooling2D(3, name="pool")(
        QConv2D(1, 3, padding="same", name="conv", iq_conf=quantizer())(x))


# name of the fault, the network, what must be said; arguments of export_model that differ
NETWORKS = [
    ("a layer that has no twin", lambda: network(layers.BatchNormalization(name="norm")),
     "layer norm: BatchNormalization is not supported"),
    ("a subclass of a known layer",
     lambda: network(lambda x: x, Doubled(2, name="mine")), "layer mine: Doubled is not supported"),
    ("max pooling of a dense image", lambda: network(layers.MaxPooling2D(2, name="pool")),
     "layer pool: MaxPooling2D is not supported"),
    ("two branches", two_branches, "layer sum: its second input is not the mask"),
    ("the mask of an earlier layer", old_mask, "layer conv: its second input is not the mask"),
    ("a sparse image taken as dense",
     lambda: network(lambda x: QConv2D(1, 3, padding="same", name="conv")(
         InputReduce(n=4, name="reduce")(x)[0])), "layer conv: takes the sparse image as if"),
    ("a sparse conv without a mask to take", lambda: network(
        lambda x: sparse_conv()((x, x))), "layer conv: its second input is not the mask"),
    ("a selection in the middle", lambda: network(lambda x: InputReduce(n=4, name="reduce")(
        layers.ZeroPadding2D(1, name="pad")(x))[0]), "layer reduce: must be the first layer"),
    ("a stride", lambda: dense_conv(strides=2), r"layer conv: strides = \(2, 2\)"),
    ("a stride, sparse", lambda: sparse(sparse_conv(strides=2)), r"layer conv: strides = \(2, 2\)"),
    ("a dilation", lambda: dense_conv(dilation_rate=2), r"layer conv: dilation_rate = \(2, 2\)"),
    ("an even kernel", lambda: sparse(sparse_conv(4)), r"layer conv: kernel_size = \(4, 4\)"),
    ("an even kernel, dense", lambda: dense_conv(kernel_size=(3, 2)),
     r"layer conv: kernel_size = \(3, 2\)"),
    ("padding valid", lambda: sparse(sparse_conv(3, "valid")), "layer conv: padding = \"valid\""),
    ("groups", lambda: network(lambda x: QConv2D(2, 3, padding="same", groups=2, name="second")(
        QConv2D(2, 3, padding="same", name="conv", iq_conf=quantizer())(x))),
     "layer second: groups = 2"),
    ("an activation", lambda: sparse(sparse_conv(activation="tanh")),
     "layer conv: activation \"tanh\""),
    ("a relu with a ceiling", lambda: network(layers.ReLU(6.0, name="relu")),
     "layer relu: max_value = 6"),
    ("a sigmoid in the middle", lambda: network(lambda x: QDense(
        2, activation="sigmoid", name="first", iq_conf=flat())(layers.Flatten()(x))),
     "layer first: sigmoid must be last, but flatten.* follows"),
    ("a network within the network", lambda: network(lambda x: x, keras.Sequential(
        [QDense(2, name="first")], name="inner")), "layer inner: Sequential is not supported"),
    ("pools that overlap", lambda: sparse(pool=MaxPooling2DSparse(3, strides=2, name="pool")),
     r"layer pool: strides = \(2, 2\): must equal"),
    ("pools that pad", lambda: sparse(pool=AveragePooling2DSparse(3, padding="same", name="pool")),
     "layer pool: padding = \"same\""),
    ("a maximum of negative values", lambda: sparse(
        sparse_conv(activation=None), MaxPooling2DSparse(2, name="pool")),
     "layer pool: the maximum of values that may be negative"),
    ("an average of 9 that nothing rounds", lambda: network(mean(), QDense(
        1, name="dense", enable_iq=False)), "layer pool: an average of 9 pixels"),
    ("a dense layer on an image", lambda: keras.Model(*(lambda i: (i, QDense(
        1, name="dense")(i)))(keras.Input(SHAPE, name="image"))), r"layer dense: .*Flatten"),
    ("an output that is an image", lambda: keras.Model(*(lambda i: (i, QConv2D(
        1, 3, padding="same", name="conv", iq_conf=quantizer())(i)))(keras.Input(SHAPE))),
     r"layer conv: the output has shape \(8, 8, 1\)"),
    ("a floating-point network", lambda: network(layers.Conv2D(2, 3, padding="same", name="conv")),
     "layer conv: its kernel is not quantized"),
    ("a floating-point dense layer", lambda: network(lambda x: x, layers.Dense(2, name="dense")),
     "layer dense: its kernel is not quantized"),
    ("a floating-point quantizer", lambda: sparse(sparse_conv(iq_conf=floating())),
     "layer conv: quantizer .* is of type \"float\""),
    ("a quantizer that scales", lambda: sparse(sparse_conv(iq_conf=quantizer(scaler=3.0))),
     "layer conv: quantizer .* has a scaler"),
    ("a mirror-like overflow", lambda: sparse(sparse_conv(iq_conf=quantizer(
        overflow_mode="WRAP_SM"))), "layer conv: quantizer .* WRAP_SM"),
    ("a quantizer of many bits", lambda: sparse(sparse_conv(
        iq_conf=quantizer(f=40, fc=None))), "layer conv: quantizer .* has 42 bits"),
    ("a sum quantized before its bias", lambda: sparse(sparse_conv(enable_oq=True)),
     "layer conv: quantizes the sum before the bias"),
    ("a NaN weight", lambda: spoilt("kernel", np.nan), "layer conv: kernel holds NaN"),
    ("an infinite bias", lambda: spoilt("sparse_bias", np.inf),
     "layer conv: sparse_bias holds NaN or inf"),
    ("an image of open size", lambda: network(lambda x: layers.Reshape((64,))(x),
                                              shape=(None, None, 1)), r"layer image: its shape is"),
    ("half precision", lambda: network(lambda x: x, QDense(1, name="dense", dtype="float16")),
     "layer dense: computes in float16"),
    ("fine quantizers that 16 bits cannot feed", lambda: sparse(sparse_conv(
        iq_conf=quantizer(f=17))), "no input_type of 8 to 16 bits is exact.* windows change"),
]
ARGUMENTS = [
    ("labels of another number", {"labels": ["a"]}, "labels are 1, the model has 2 outputs"),
    ("windows of another size", {"windows": np.ones((4, 9, 8, 1))},
     r"windows are \(4, 9, 8, 1\), the model needs \(events, 8, 8, 1\)"),
    ("windows without signal", {"windows": np.zeros((4, *SHAPE))}, "windows hold no signal"),
    ("windows with NaN", {"windows": np.full((4, *SHAPE), np.nan)}, "windows hold NaN"),
    ("no windows at all", {"windows": None}, "input_type \"auto\" needs windows or preprocessing"),
    ("preprocessing of another image", {"preprocessing": {**PREPROCESSING, "image_width": 63}},
     r"preprocessing: image_height, image_width = \(8, 63\)"),
    ("preprocessing with a number too few", {"preprocessing": {
        k: v for k, v in PREPROCESSING.items() if k != "bin_clip"}},
     "preprocessing: bin_clip is missing"),
    ("preprocessing with a number too many", {"preprocessing": {**PREPROCESSING, "gain": 1}},
     "preprocessing: gain is not one of"),
    ("an input type that is none", {"input_type": "float32"}, "type \"float32\": must be"),
    ("an input type too coarse", {"input_type": "ap_ufixed<4,2,AP_TRN,AP_SAT>"},
     "input_type ap_ufixed<4,2,AP_TRN,AP_SAT>: .* windows change in layer conv"),
    ("an input type too short", {"input_type": "ap_ufixed<8,-1,AP_TRN,AP_SAT>"},
     "input_type .*: pixels reach from 0 to"),
    ("a name without its ending", {"path": "track.h5"}, "track.h5: must be called NAME.model.h5"),
    ("an empty name", {"name": ""}, "model name \"\": must have 1 .. 63 bytes"),
]


def pixels():
    """Windows with few active pixels between 0.2 and 3, on no coarse grid."""
    rng = np.random.default_rng(3)
    active = rng.random((60, *SHAPE)) < 0.1
    return (rng.uniform(0.2, 3, (60, *SHAPE)) * active).astype(np.float32)


def say(build, folder, **more):
    """The sentence, or "" if a file was written; a file beside a sentence is a fault."""
    given = {"name": "refused", "labels": ["a", "b"], "windows": pixels(),
             "path": "refused.model.h5", **more}
    path = pathlib.Path(folder) / given.pop("path")
    try:
        model = build()
        export_model(model, path, **{**given, "labels": given["labels"][:model.output_shape[-1]]
                                     if "labels" not in more else given["labels"]})
    except ExportError as error:
        return "a file was left" if path.exists() else str(error)
    return ""


def main():
    with tempfile.TemporaryDirectory() as folder:
        rows = [(name, build, wanted, {}) for name, build, wanted in NETWORKS]
        rows += [(name, sparse, wanted, more) for name, more, wanted in ARGUMENTS]
        for name, build, wanted, more in rows:
            said = say(build, folder, **more)
            good = re.search(wanted, said) is not None and "\n" not in said
            print(json.dumps({"case": name, "expected": wanted, "said": said, "good": good}),
                  flush=True)
        # the network that all rows begin with is taken: no row passes for another fault
        print(json.dumps({"case": "the sound network", "expected": "", "said": say(
            sparse, str(pathlib.Path(folder))), "good": say(sparse, folder) == ""}))


if __name__ == "__main__":
    main()
