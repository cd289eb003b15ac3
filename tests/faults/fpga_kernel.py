"""A kernel for the tests of cards: a model file goes through sparse-hls, g++ and sparse-xclbin,
and what comes out is what sparsed is configured with."""
from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sparsed.modelfile import FixedType, Layer, ModelFile, write_model
from sparsed.windows import NEUTRINO

AP_TYPES = os.environ.get("SPARSED_AP_TYPES", "")  # folder of ap_fixed.h


@dataclass(frozen=True)
class Kernel:
    """A model, its kernel as a shared object, and the xclbin for emulation."""
    model: Path
    library: Path
    xclbin: Path
    device: Path  # the program sparse-device

    def command(self, *options: object) -> str:
        """What starts its emulated card."""
        return " ".join(map(str, (self.device, *options, self.library)))

    def settings(self, *options: object, command: str | None = None, **more: object) -> list[str]:
        """--set arguments of sparsed; `more` are keys of [engine.fpga]."""
        return ["engine.kind=fpga", f"engine.model[0].xclbin={self.xclbin}",
                f"engine.model[0].device_command={command or self.command(*options)}",
                *(f"engine.fpga.{key}={value}" for key, value in more.items())]


def need_xrt(bin_dir: Path) -> None:
    """Skips where sparsed was built without XRT, or where kernels cannot be built; fails on CI."""
    missing = [what for what, there in (("XRT", (bin_dir / "sparsed-xrt").exists()),
                                        ("the ap_types headers", AP_TYPES)) if not there]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"without {' and '.join(missing)}")


def build(bin_dir: Path, model: Path, folder: Path, *options: str, units: int = 1) -> Kernel:
    """sparse-hls, make library, sparse-xclbin. Takes some ten seconds of g++."""
    def run(*command: object) -> str:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    run(bin_dir / "sparse-hls", model, "-o", folder, "--random", "-n", 1, *options)
    run("make", "-C", folder / "scripts", "library", f"AP_TYPES={AP_TYPES}")
    library, = (folder / "build").glob("libkernel_*.so")
    pack(bin_dir, library, folder / "kernel.xclbin", units)
    return Kernel(model, library, folder / "kernel.xclbin", bin_dir / "sparse-device")


def pack(bin_dir: Path, library: Path, xclbin: Path, units: int) -> Path:
    subprocess.run([bin_dir / "sparse-xclbin", library, "-o", xclbin, "--units", str(units)],
                   check=True, capture_output=True)
    return xclbin


def small_model(path: Path, seed: int = 1) -> Path:
    """A sparse network for the neutrino windows: one convolution, a pool, one score. Its
    weights are random: it finds nothing, but every bit of it is as exact as a trained one's."""
    rng = np.random.default_rng(seed)
    pixel, wide = FixedType(12, 6, False), FixedType(28, 16, True)
    weight, n = FixedType(8, 2, True), 9 * 9 * 2
    layers = [
        Layer("input", "input", dict(height=63, width=63, channels=1, out_t=pixel)),
        Layer("reduce", "sparse_input_reduce",
              dict(n_max_pixels=10, threshold=0.0, threshold_raw=0, out_t=pixel)),
        Layer("conv", "sparse_conv2d",
              dict(kernel_h=3, kernel_w=3, in_channels=1, filters=2, accum_t=wide, out_t=wide,
                   weight_t=weight, bias_t=weight, mask="slot"),
              {"weight": rng.integers(-60, 90, (3, 3, 1, 2)), "bias": rng.integers(-9, 9, 2)}),
        Layer("relu", "relu", dict(out_t=FixedType(16, 10, False, "RND", "SAT"))),
        Layer("pool", "sparse_max_pool2d",
              dict(pool_h=7, pool_w=7, out_t=FixedType(16, 10, False))),
        Layer("flatten", "sparse_flatten",
              dict(height=9, width=9, channels=2, out_t=FixedType(16, 10, False))),
        Layer("dense", "dense", dict(n_in=n, n_out=1, accum_t=wide, out_t=wide, weight_t=weight,
                                     bias_t=weight),
              {"weight": rng.integers(-60, 60, (n, 1)), "bias": np.array([5])}),
        Layer("sigmoid", "sigmoid")]
    write_model(path, ModelFile("small-neutrino", ["neutrino"], layers, NEUTRINO.attributes()))
    return path
