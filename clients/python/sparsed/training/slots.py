"""Training a sparse network on its slots: the same function, some twenty times faster.

Keras computes a sparse convolution on the whole image and throws away what is not active:
63 x 63 places for 20 pixels. Here a window is its first N active pixels,

    slot     0      1      2     ...  N-1
    value    0.31   0.22   0.87       0       what InputReduce keeps, in scan order
    row      4      4      17         0       where it is; unused slots are not occupied
    col      40     41     3          0

and a convolution is the N x N table of pairs: slot q adds weight[offset(p, q)] * x[q] to
slot p where q lies inside the kernel around p. The layers and their variables are the
sparse network's own, so that training one trains the other; a test holds the two outputs
together. Networks that pool between two convolutions, or learn N or the threshold, are
trained on the image.
"""
from __future__ import annotations

import keras
import numpy as np
from keras import ops
from sparsepixels.layers import InputReduce, QConv2DSparse

from .networks import Architecture


def usable(arch: Architecture, model: keras.Model) -> bool:
    """Whether this network can be trained on slots."""
    reduce = _reduce(model)
    return (reduce is not None and not reduce.learn_n and not reduce.learn_threshold
            and all(conv.pool == 1 for conv in arch.convs[:-1]))


def _reduce(model: keras.Model) -> InputReduce | None:
    return next((layer for layer in model.layers if isinstance(layer, InputReduce)), None)


def slots(images: np.ndarray, n: int, threshold: float) -> np.ndarray:
    """The first n active pixels of each image in scan order.

    images (windows, height, width, 1) -> (windows, n, 3) float32: value, row, col; zeros
    where there are fewer.
    """
    windows, height, width, _ = images.shape
    flat = images.reshape(windows, height * width)
    window, place = np.nonzero(flat > np.float32(threshold))
    first = np.searchsorted(window, np.arange(windows))
    rank = np.arange(len(window)) - first[window]
    kept = rank < n
    window, place, rank = window[kept], place[kept], rank[kept]
    out = np.zeros((windows, n, 3), np.float32)
    out[window, rank, 0] = flat[window, place]
    out[window, rank, 1] = place // width
    out[window, rank, 2] = place % width
    return out


class _SlotConv(keras.layers.Layer):
    """A QConv2DSparse of `sparse`'s variables over slots: (x, offset, occupied) -> y.

    x (batch, N, channels), offset (batch, N, N) int: the kernel's element by which slot q
    enters slot p, or kernel^2 where it does not; occupied (batch, N, 1).
    """

    def __init__(self, sparse: QConv2DSparse, image: tuple[int, int]):
        super().__init__(name=f"{sparse.name}_slots")
        self.sparse = sparse
        self.image = image

    def call(self, inputs, training=None):
        x, offset, occupied = inputs
        conv = self.sparse.conv
        # As one row of an image: grids are the same everywhere on it.
        x = ops.squeeze(conv.iq(ops.expand_dims(x, 1), training=training), 1)
        side, channels, filters = conv.kernel_size[0], x.shape[-1], conv.filters
        kernel = ops.reshape(conv.qkernel, (side * side, channels, filters))
        kernel = ops.pad(kernel, ((0, 1), (0, 0), (0, 0)))
        columns = []
        for f in range(filters):
            terms = [ops.matmul(ops.take(kernel[:, c, f], offset, axis=0), x[:, :, c:c + 1])
                     for c in range(channels)]
            columns.append(sum(terms[1:], terms[0]))
        y = ops.concatenate(columns, axis=-1)
        bias = self.sparse._bq(self.sparse.sparse_bias)
        y = y + bias * ops.cast(y != 0, y.dtype)
        if training and conv.enable_ebops:
            cost = conv._compute_ebops((1, *self.image, channels)) * conv.ebops_factor
            self.add_loss(cost * conv.beta)
        return self.sparse._activation(y) * occupied


class _Offsets(keras.layers.Layer):
    """Slots (batch, N, 3) -> offset (batch, N, N) and occupied (batch, N, 1)."""

    def __init__(self, side: int, threshold: float, **more):
        super().__init__(**more)
        self.side, self.threshold = side, threshold

    def call(self, slots):
        reach = self.side // 2
        occupied = slots[..., :1] > self.threshold
        row, col = ops.cast(slots[..., 1], "int32"), ops.cast(slots[..., 2], "int32")
        down = row[:, None, :] - row[:, :, None] + reach
        right = col[:, None, :] - col[:, :, None] + reach
        inside = ((down >= 0) & (down < self.side) & (right >= 0) & (right < self.side)
                  & ops.transpose(occupied, (0, 2, 1)))
        offset = ops.where(inside, down * self.side + right, self.side * self.side)
        return offset, ops.cast(occupied, "float32")


class _Pool(keras.layers.Layer):
    """Average over pool x pool places and flatten: (y, slots) -> (batch, places * filters)."""

    def __init__(self, pool: int, image: tuple[int, int], **more):
        super().__init__(**more)
        self.pool = pool
        self.rows, self.cols = image[0] // pool, image[1] // pool

    def call(self, inputs):
        y, slots = inputs
        row = ops.cast(slots[..., 1], "int32") // self.pool
        col = ops.cast(slots[..., 2], "int32") // self.pool
        # What lies beyond the last whole pool goes nowhere.
        inside = (row < self.rows) & (col < self.cols)
        place = ops.where(inside, row * self.cols + col, -1)
        where = ops.one_hot(place, self.rows * self.cols, dtype="float32")
        sums = ops.matmul(ops.transpose(where, (0, 2, 1)), y)
        return ops.reshape(sums / (self.pool * self.pool), (-1, self.rows * self.cols
                                                            * y.shape[-1]))


def twin(arch: Architecture, model: keras.Model) -> keras.Model:
    """`model` as a function of slots (batch, N, 3), with the same layers and variables."""
    reduce = _reduce(model)
    image = arch.image[:2]
    inputs = keras.Input((reduce.n_max_pixels, 3), name="slots")
    x = inputs[..., :1] * ops.cast(inputs[..., :1] > reduce.threshold, "float32")
    offsets = {}
    for i, conv in enumerate(arch.convs):
        if conv.kernel not in offsets:
            offsets[conv.kernel] = _Offsets(conv.kernel, reduce.threshold)(inputs)
        offset, occupied = offsets[conv.kernel]
        x = _SlotConv(model.get_layer(f"conv{i + 1}"), image)([x, offset, occupied])
    x = _Pool(arch.convs[-1].pool, image)([x, inputs])
    for name in ("dense1", "dense2", model.layers[-1].name):
        x = model.get_layer(name)(x)
    return keras.Model(inputs, x, name=f"{model.name}_slots")
