#!/usr/bin/env python3
"""onnxruntime as a peer of the standard CNN: the same network, one thread.

sparse-bench starts it and lets it take turns; it can also be run by hand:

    /usr/bin/python3 -m venv build/bench-peer
    build/bench-peer/bin/pip install -r tests/bench/requirements.txt
    build/bench-peer/bin/python tests/bench/onnx_peer.py MODEL.model.h5 VECTORS.vectors.h5 --once

It reads a model file (docs/model.md), writes its layers as a float32 ONNX graph, and
compares with the predictions of training that the vectors file holds: a peer that
computed something else would be no peer. Then, for each line on standard input, it runs
all windows once, one at a time (`one`) or as a single batch (`batch`), and prints the
nanoseconds of processor time that took.
"""
import argparse
import pathlib
import re
import sys
import time

import h5py
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

TOLERANCE = 0.02  # float32 against the fixed-point network that was trained


def fraction_bits(type_name: str) -> int:
    """Bits behind the point of ap_fixed<width, integer, ...>."""
    width, integer = map(int, re.match(r"ap_u?fixed<(\d+),(-?\d+)", type_name).groups())
    return width - integer


def real(layer: h5py.Group, name: str) -> np.ndarray:
    """A layer's integers as the numbers they stand for, float32."""
    scale = 2.0 ** -fraction_bits(layer.attrs[f"{name}_t"])
    return (layer[name][()].astype(np.float64) * scale).astype(np.float32)


class Graph:
    """Nodes one after the other; tensors are [batch][channel][row][column] or [batch][n]."""

    def __init__(self) -> None:
        self.nodes, self.weights, self.at, self.padding = [], [], "image", [0, 0, 0, 0]

    def constant(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, operator: str, *constants: str, **attributes) -> None:
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.at, *constants], [out], **attributes))
        self.at = out

    def layer(self, layer: h5py.Group) -> None:
        kind, a = layer.attrs["class"], layer.attrs
        if kind == "zero_pad2d":
            self.padding = [int(a[f"pad_{side}"]) for side in ("top", "left", "bottom", "right")]
        elif kind == "conv2d":
            weight = np.ascontiguousarray(real(layer, "weight").transpose(3, 2, 0, 1))
            self.add("Conv", self.constant(weight), self.constant(real(layer, "bias")),
                     pads=self.padding, strides=[int(a["stride"])] * 2)
            self.padding = [0, 0, 0, 0]
        elif kind == "relu":
            self.add("Relu")
        elif kind == "avg_pool2d":
            pool = [int(a["pool_h"]), int(a["pool_w"])]
            self.add("AveragePool", kernel_shape=pool, strides=pool)
        elif kind == "flatten":  # the model file flattens [row][column][channel]
            self.add("Transpose", perm=[0, 2, 3, 1])
            self.add("Flatten", axis=1)
        elif kind == "dense":
            self.add("Gemm", self.constant(real(layer, "weight")),
                     self.constant(real(layer, "bias")))
        elif kind in ("sigmoid", "sigmoid_table"):
            self.add("Sigmoid")
        elif kind != "input":
            raise SystemExit(f"onnx_peer: layer {layer.name}: class {kind} has no counterpart here")


def session(model: h5py.File) -> onnxruntime.InferenceSession:
    """The network, to be run by one thread."""
    graph = Graph()
    names = sorted(model["layers"])
    for name in names:
        graph.layer(model["layers"][name])
    first = model["layers"][names[0]].attrs
    shape = ["batch", int(first["channels"]), int(first["height"]), int(first["width"])]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "peer",
                          [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
                          [helper.make_tensor_value_info(graph.at, TensorProto.FLOAT, ["batch", None])],
                          graph.weights),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(made.SerializeToString(), options,
                                        providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="model file of a standard CNN")
    parser.add_argument("vectors", type=pathlib.Path, help="its vectors file")
    parser.add_argument("--once", action="store_true", help="print both times, and end")
    args = parser.parse_args()
    with h5py.File(args.model) as model, h5py.File(args.vectors) as vectors:
        peer = session(model)
        images = np.ascontiguousarray(
            vectors["input_float"][()].astype(np.float32).transpose(0, 3, 1, 2))
        wanted = vectors["training/predictions"][()]
    far = float(np.abs(peer.run(None, {"image": images})[0] - wanted).max())
    if far > TOLERANCE:
        raise SystemExit(f"onnx_peer: {args.model}: scores differ by {far:.3f} from training's: "
                         "not the same network")

    def measure(how: str) -> int:
        begin = time.process_time_ns()
        if how == "batch":
            peer.run(None, {"image": images})
        else:
            for i in range(len(images)):
                peer.run(None, {"image": images[i:i + 1]})
        return time.process_time_ns() - begin

    if args.once:
        for how in ("one", "batch"):
            least = min(measure(how) for _ in range(21))
            print(f"{how}: {least / len(images) / 1000:.1f} us a window; scores within {far:.4f}")
        return
    print("ready", len(images), flush=True)
    for line in sys.stdin:
        print(measure(line.strip()), flush=True)


if __name__ == "__main__":
    main()
