#!/usr/bin/env python3
"""Networks that sparse-rtl must refuse, made of our own by a change, and the limit it must name.

Each change steps over one limit of the kernel's arithmetic and no other: were it taken, the kernel
would score other numbers than the CPU and nobody would be told. Beside it a change that stays just
within, which must be taken.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import h5py
import numpy as np

EXACT = "AP_TRN,AP_WRAP>"


@dataclass(frozen=True)
class Case:
    """A change of a network, and what sparse-rtl's sentence must say; empty: it must be taken."""

    name: str
    model: str
    change: Callable[[h5py.Group], None]
    says: str
    options: tuple[str, ...] = ()


def quantize(layer: h5py.Group, width: int, integer: int) -> None:
    """Another unsigned type for all elements of a quantizer."""
    layer.attrs["out_t"] = f"ap_ufixed<{width},{integer},{EXACT}"
    layer["width"][...] = width
    layer["integer"][...] = integer


def first_sums(layers: h5py.Group, integer: int) -> None:
    """First convolution: 16-bit pixels times 14-bit weights, 20 of them, are 33 bits; what is kept
    has 17 bits, `integer` of them above the point, and tells how far a product is shifted up."""
    for name in ("000_input", "001_reduce"):
        layers[name].attrs["out_t"] = "ap_ufixed<16,1,AP_TRN,AP_SAT>"
    quantize(layers["002_conv1_iq"], 16, 1)
    conv = layers["003_conv1"]
    conv.attrs["weight_t"] = f"ap_fixed<14,2,{EXACT}"
    conv.attrs["accum_t"] = conv.attrs["out_t"] = f"ap_fixed<40,13,{EXACT}"
    conv["weight"][...] = 2**13 - 1
    layers["004_conv1_relu"].attrs["out_t"] = f"ap_ufixed<39,12,{EXACT}"
    quantize(layers["005_conv2_iq"], 17, integer)


def dense_sums(layers: h5py.Group, accum: tuple[int, int], kept: tuple[int, int]) -> None:
    """First dense layer: 243 inputs up to 8 times weights up to 4 in an accumulator of (width,
    integer) bits, of which (width, integer) are kept. Weights of 1 or 0: none is too wide."""
    dense = layers["011_dense1"]
    dense.attrs["accum_t"] = dense.attrs["out_t"] = f"ap_fixed<{accum[0]},{accum[1]},{EXACT}"
    layers["012_dense1_relu"].attrs["out_t"] = f"ap_ufixed<{accum[0] - 1},{accum[1] - 1},{EXACT}"
    quantize(layers["013_dense2_iq"], *kept)
    dense["weight"][...] = 511


def table(layers: h5py.Group, kind: str, entry: int) -> None:
    """The softmax as a table, whose sums have a signed or unsigned type; an entry of its upper
    half. Of an unsigned sum any entry may be asked for, of a signed one the lower half."""
    del layers["015_softmax_softmax"]
    layer = layers.create_group("015_softmax_table")
    layer.attrs["class"] = "softmax_table"
    layer.attrs["exp_table_t"] = layer.attrs["inv_table_t"] = f"{kind}<18,8,AP_RND,AP_SAT>"
    layer.attrs["out_t"] = f"ap_fixed<16,6,{EXACT}"
    layer["exp_table"] = np.full(1024, 1000, np.int32)
    layer["inv_table"] = np.full(1024, 1000, np.int32)
    layer["inv_table"][700] = entry


CASES = (
    # the second convolution has no room for such features: the first one's sums have
    Case("sums of a convolution within 42 bits", "neutrino-l-16b",
         lambda h: first_sums(h, 0), "layer 006_conv2"),
    Case("sums of a convolution beyond 42 bits", "neutrino-l-16b",
         lambda h: first_sums(h, -6), "003_conv1: filter 0: sums of"),
    Case("dense sums that wrap below bit 48", "neutrino-l-16b",
         lambda h: dense_sums(h, (30, 11), (15, 5)), ""),
    Case("dense sums that wrap at bit 48", "neutrino-l-16b",
         lambda h: dense_sums(h, (37, 11), (17, -8)),
         "the kernel wraps all outputs at one bit, at most 47"),
    Case("dense sums of more than 48 bits", "neutrino-l-16b",
         lambda h: dense_sums(h, (50, 24), (17, -8)), "its sums need more than 48 bits"),
    Case("reciprocals of an unsigned sum, in the kernel's bits", "jet-l-16b",
         lambda h: table(h, "ap_ufixed", 2**17 - 1), ""),
    Case("a reciprocal of an unsigned sum, beyond the kernel's bits", "jet-l-16b",
         lambda h: table(h, "ap_ufixed", 2**17), "entry 700 needs more than 18 bits"),
    Case("a reciprocal of a negative sum, which there is not", "jet-l-16b",
         lambda h: table(h, "ap_fixed", -1), ""),
    Case("a reuse that does not divide the slots", "jet-l-16b", lambda h: None,
         "--reuse = 4: must be 1, 2 or 4, divide --slots = 22", ("--reuse", "4", "--slots", "22")),
    Case("a reuse with two slots a cycle", "jet-l-16b", lambda h: None,
         "and be 1 with --at-once 2", ("--reuse", "2", "--at-once", "2")),
    Case("passes that take longer than windows may be apart", "digit-l-16b", lambda h: None,
         "8 passes of 40 cycles for its 36 outputs", ("--reuse", "4", "--slots", "40")),
)


def run(case: Case, compiler: Path, models: Path, folder: Path) -> bool:
    """Whether sparse-rtl said what it must."""
    model, image = folder / f"{case.model}.model.h5", folder / "image"
    shutil.copyfile(models / model.name, model)
    image.unlink(missing_ok=True)
    with h5py.File(model, "r+") as h:
        case.change(h["layers"])
    done = subprocess.run([compiler, model, "-o", image, *case.options], capture_output=True,
                          text=True, check=False)
    said = done.stderr.strip().replace(str(folder) + "/", "")
    taken = done.returncode == 0 and image.exists()
    good = taken if not case.says else done.returncode != 0 and case.says in said
    print(f"{'' if good else 'FAILED: '}{case.name}: {said or 'taken'}")
    return good


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", type=Path, required=True, help="sparse-rtl")
    parser.add_argument("--models", type=Path, required=True, help="folder of our own networks")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        good = [run(case, args.compiler, args.models, Path(folder)) for case in CASES]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
