"""The graph of a functional Keras model, as the one chain that a model file can hold.

A sparse network carries two tensors, the image and the mask of kept pixels:

    Input -> InputReduce -> x, mask -> QConv2DSparse((x, mask)) -> x -> ... -> Flatten(x) -> ...
                                  mask ----------------^

Walked from the output back to the input along each layer's first tensor. A second
tensor must be the mask that was made last; any other shape of graph is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from .error import ExportError, refuse


@dataclass(frozen=True)
class Link:
    """One call of a layer: `outputs` are its Keras tensors, x first, then the mask."""

    layer: keras.Layer
    outputs: list
    takes_mask: bool


def walk(model: keras.Model) -> list[Link]:
    """The layers of `model` from its input to its output. ExportError: not one chain."""
    model = getattr(model, "_functional", None) or model  # of a Sequential
    if not hasattr(model, "inputs") or not hasattr(model, "outputs") \
            or not isinstance(model, keras.Model) or not getattr(model, "_functional", True):
        raise ExportError("the model has no graph: build it with keras.Model(inputs, outputs)")
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if tensors is None or len(tensors) != 1:
            raise ExportError(f"the model has {0 if tensors is None else len(tensors)} {what}: "
                              f"only one is supported")
    nodes = []
    tensor = model.outputs[0]
    while True:
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        nodes.append((history, node))
        if not node.input_tensors:
            break
        tensor = node.input_tensors[0]
    return _links(nodes[::-1])


def _links(nodes: list) -> list[Link]:
    links: list[Link] = []
    mask = None
    x = None
    for history, node in nodes:
        layer = history.operation
        if history.tensor_index != 0 or (x is not None and node.input_tensors[0] is not x):
            raise refuse(layer, "takes a mask as its image: pass (x, mask)")
        if len(node.input_tensors) > 2:
            raise refuse(layer, f"has {len(node.input_tensors)} inputs: only a chain of layers "
                                f"is supported")
        if len(node.input_tensors) == 2 and node.input_tensors[1] is not mask:
            raise refuse(layer, "its second input is not the mask of the layer before: only a "
                                "chain of layers is supported")
        outputs = list(node.output_tensors)
        links.append(Link(layer, outputs, len(node.input_tensors) == 2))
        x = outputs[0]
        mask = outputs[1] if len(outputs) == 2 else mask
    return links
