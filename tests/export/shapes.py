"""shapes.py: the networks of the three demonstrations, as training would build them.

    python shapes.py --verify build/release/bin/sparse-verify --out FOLDER [--windows 300]

Weights are random, shapes, pools and quantizers those of training: neutrino windows, sparse
and as a standard CNN (average over 49: on no binary grid), jets (four channels' widths,
average over 16), digits (maximum, then average over 4), and one that is fine where others
are coarse. Writes each model with its vectors
into FOLDER and prints a JSON object each: what was compared, what differs, and what the
check says when the last biases of Keras' network have moved since. Needs the training environment.
"""
import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "python"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
from hgq.layers import QConv2D, QDense
from hgq.quantizer import QuantizerConfig
from keras import layers
from sparsepixels.layers import (AveragePooling2DSparse, InputReduce, MaxPooling2DSparse,
                                 QConv2DSparse)

from sparsed.export import check_model, export_model

PREPROCESSING = {
    "time_rebin": 6, "bin_floor": 10.0, "bin_clip": 100.0, "window_time_bins": 256,
    "window_wires": 512, "pool_time": 4, "pool_wires": 8, "pixel_threshold": 700.0,
    "image_height": 63, "image_width": 63, "pixel_scale": 3200.0}


def iq(i, f, rank=3):
    """As the published setting: RND, WRAP, unsigned after a relu, one type a channel."""
    return {"iq_conf": QuantizerConfig("kif", "datalane", k0=0, i0=i, f0=f, round_mode="RND",
                                       overflow_mode="WRAP",
                                       homogeneous_axis=(0, 1, 2) if rank == 3 else (0,))}


def head(x, width, outputs, last):
    x = layers.Flatten(name="flatten")(x)
    x = QDense(width, activation="relu", name="dense1", **iq(3, 8, 1))(x)
    return QDense(outputs, activation=last, name="dense2", **iq(3, 8, 1))(x)


def neutrino():
    x = inputs = keras.Input((63, 63, 1))
    x, mask = InputReduce(n=20, threshold=0.1, name="reduce")(x)
    x = QConv2DSparse(1, 7, padding="same", activation="relu", name="conv1", **iq(1, 6))((x, mask))
    x = QConv2DSparse(3, 7, padding="same", activation="relu", name="conv2", **iq(3, 8))((x, mask))
    x, mask = AveragePooling2DSparse(7, name="pool")((x, mask))
    return keras.Model(inputs, head(x, 16, 1, "sigmoid"))


def standard():
    x = inputs = keras.Input((63, 63, 1))
    x = QConv2D(1, 7, padding="same", activation="relu", name="conv1", **iq(1, 6))(x)
    x = QConv2D(3, 7, padding="same", activation="relu", name="conv2", **iq(3, 8))(x)
    x = layers.AveragePooling2D(7, name="pool")(x)
    return keras.Model(inputs, head(x, 16, 1, "sigmoid"))


def jet():
    x = inputs = keras.Input((56, 56, 1))
    x, mask = InputReduce(n=16, threshold=0.05, name="reduce")(x)
    x = QConv2DSparse(3, 9, padding="same", activation="relu", name="conv1", **iq(1, 8))((x, mask))
    x = QConv2DSparse(1, 9, padding="same", activation="relu", name="conv2", **iq(3, 8))((x, mask))
    x, mask = AveragePooling2DSparse(4, name="pool")((x, mask))
    return keras.Model(inputs, head(x, 20, 5, "softmax"))


def digit():
    x = inputs = keras.Input((48, 48, 1))
    x, mask = InputReduce(n=32, threshold=0.05, name="reduce")(x)
    x = QConv2DSparse(1, 7, padding="same", activation="relu", name="conv1", **iq(1, 8))((x, mask))
    x, mask = MaxPooling2DSparse(4, name="pool1")((x, mask))
    x = QConv2DSparse(3, 5, padding="same", activation="relu", name="conv2", **iq(3, 8))((x, mask))
    x, mask = AveragePooling2DSparse(2, name="pool2")((x, mask))
    return keras.Model(inputs, head(x, 36, 10, "softmax"))


def fine():
    """Coarse sums, an average over 49, and a quantizer finer than the sums: its boundaries
    lie between their grid points, where an average that is stored too coarsely misses them."""
    x = inputs = keras.Input((28, 28, 1))
    x, mask = InputReduce(n=40, threshold=0.1, name="reduce")(x)
    coarse = QuantizerConfig("kif", "weight", k0=1, i0=2, f0=1, trainable=False)
    x = QConv2DSparse(2, 3, padding="same", activation="relu", name="conv1", kq_conf=coarse,
                      bq_conf=coarse, **iq(1, 1))((x, mask))
    x, mask = AveragePooling2DSparse(7, name="pool")((x, mask))
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, QDense(3, name="dense", **iq(3, 9, 1))(x))


NETWORKS = {"neutrino": (neutrino, PREPROCESSING), "standard": (standard, PREPROCESSING),
            "jet": (jet, None), "digit": (digit, None),
            "fine": (fine, None)}


def set_weights(model, rng):
    """Random biases and kernels, more often positive: a dead relu would prove nothing."""
    for layer in model.layers:
        for weight in layer.weights:
            tail = weight.path.rsplit("/", 1)[-1]
            if "bias" in tail:
                weight.assign(np.abs(rng.normal(0, 0.2, weight.shape)))
            elif tail.endswith("kernel"):
                values = np.asarray(keras.ops.convert_to_numpy(weight))
                positive = rng.random(values.shape) < 0.8
                weight.assign(1.5 * np.where(positive, np.abs(values), values))


def windows(n, shape, rng):
    """0 to 60 active pixels a window, k / 3200 with k from 700 to 3200 as pooling makes them."""
    x = np.zeros((n, *shape), np.float32)
    for event in x:
        active = int(rng.integers(0, 60))
        row, col = rng.integers(0, shape[0], active), rng.integers(0, shape[1], active)
        event[row, col, 0] = rng.integers(700, 3201, active).astype(np.float32) / np.float32(3200)
    return x


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--verify", required=True, help="the program sparse-verify")
    p.add_argument("--out", type=pathlib.Path, required=True, help="folder for the models")
    p.add_argument("--windows", type=int, default=300, help="windows a network (default 300)")
    a = p.parse_args()
    for number, (name, (build, preprocessing)) in enumerate(NETWORKS.items()):
        rng = np.random.default_rng(number)
        keras.utils.set_random_seed(number)
        model = build()
        set_weights(model, rng)
        outputs = model.output_shape[-1]
        pixels = windows(a.windows, model.input_shape[1:], rng)
        path = a.out / f"{name}.model.h5"
        done = export_model(model, path, name=name, labels=[f"label{i}" for i in range(outputs)],
                            preprocessing=preprocessing, windows=pixels)
        check = check_model(model, path, pixels, a.verify)
        model.save_weights(a.out / f"{name}.weights.h5")
        if name == "neutrino":
            with h5py.File(a.out / "images.h5", "w") as file:
                file["images"] = pixels
        with h5py.File(done.vectors, "r") as file:
            last = sorted(file["expected"])[-1]
            sums = file["expected"][last]["out"][()]
        bias = next(w for w in model.layers[-1].weights if w.path.endswith("bias"))
        bias.assign(-np.asarray(keras.ops.convert_to_numpy(bias)) + 0.5)
        moved = check_model(model, path, pixels[:100], a.verify)
        print(json.dumps({"name": name, "path": str(path), "input_type": str(done.input_type),
                          "notes": done.notes, "check": check.as_dict(),
                          "distinct": len(np.unique(sums, axis=0)),
                          "moved": moved.as_dict()}), flush=True)


if __name__ == "__main__":
    main()
