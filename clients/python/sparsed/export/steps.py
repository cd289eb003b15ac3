"""Steps: what a Keras layer does, one after the other, each as Keras itself computes it.

A QConv2DSparse is three steps, quantize, conv and relu; each becomes one layer of the
model file (a padded convolution two). `apply` is made of Keras' own pieces, so that the
tensors between them are Keras' and can judge an engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .quantizers import Elements

# (x, mask) -> (x, mask): Keras tensors with a batch axis; mask is None where nothing is sparse.
Apply = Callable[[object, object], tuple[object, object]]


def same(x: object, mask: object) -> tuple[object, object]:
    """Passes both through."""
    return x, mask


@dataclass
class Step:
    """One computation. What a kind does not have is left at its default.

    kind     input reduce quantize conv dense relu mean max flatten pad sigmoid softmax
    name     of the model file's layer
    layer    the Keras layer's name, for messages
    shape    (height, width, channels) or (n,) of what it gives
    ends     the Keras layer's output, where this is the layer's last step: (link, index)
    """

    kind: str
    name: str
    layer: str
    shape: tuple[int, ...]
    apply: Apply = same
    sparse: bool = False
    quantizer: Elements | None = None
    kernel: np.ndarray | None = None  # float64 [kh, kw, c, f] or [in, out]
    bias: np.ndarray | None = None  # float64 [f]
    plain: bool = False  # weights that no quantizer made
    pool: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, bottom, left, right
    slots: int = 0
    threshold: float = 0.0
    ends: int = -1  # index of the link whose output this step completes
    notes: list[str] = field(default_factory=list)
