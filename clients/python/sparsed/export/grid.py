"""Numbers on a binary grid: weights as integers and one common F."""

from __future__ import annotations

import numpy as np

from ..modelfile import ModelFileError

SUM_BITS = 62  # of any exact value: int64 less a sign and a bit of room


def raw_weights(values: np.ndarray) -> tuple[np.ndarray, int]:
    """float64 numbers (of float32 origin) as integers on the coarsest grid that holds them."""
    live = values[values != 0]
    if live.size == 0:
        return np.zeros(values.shape, np.int64), 0
    mantissa, exponent = np.frexp(live)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.array([(int(w) & -int(w)).bit_length() - 1 for w in np.unique(np.abs(whole))])
    zeros = zeros[np.searchsorted(np.unique(np.abs(whole)), np.abs(whole))]
    fraction = int((53 - zeros - exponent).max())
    if int(exponent.max()) + fraction > SUM_BITS:
        raise ModelFileError(f"weights span {int(exponent.max()) + fraction} bits")
    return np.ldexp(values, fraction).astype(np.int64), fraction
