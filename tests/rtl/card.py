"""The translated kernel from Python: a launch, and windows in the layouts of kernel_abi.h."""

import ctypes
import subprocess
import struct
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np


class Launch(ctypes.Structure):
    """struct kernel_rtl_launch of fpga/rtl/sim/kernel_rtl.h."""

    _fields_ = [
        ("image", ctypes.c_char_p), ("image_bytes", ctypes.c_uint64),
        ("windows", ctypes.c_char_p), ("windows_bytes", ctypes.c_uint64),
        ("results", ctypes.c_void_p), ("results_bytes", ctypes.c_uint64),
        ("n_windows", ctypes.c_uint32), ("tag", ctypes.c_uint32),
        ("beats", ctypes.c_uint32), ("words", ctypes.c_uint32),
        ("latency", ctypes.c_uint32), ("stall_percent", ctypes.c_uint32),
        ("error", ctypes.c_uint32), ("cycles", ctypes.c_uint32),
        ("last_beat", ctypes.POINTER(ctypes.c_uint64)),
        ("last_score", ctypes.POINTER(ctypes.c_uint64)),
        ("misalign", ctypes.c_uint64), ("trace", ctypes.c_char_p),
    ]


@dataclass
class Facts:
    """The facts at the end of an image (fpga/rtl/image.h)."""

    form: int
    height: int
    width: int
    channels: int
    n_slots: int
    place_bytes: int
    value_bytes: int
    pixel_bytes: int
    window_bytes: int
    n_outputs: int
    raw_bytes: int
    result_bytes: int
    n_layers: int


def facts_of(image: bytes) -> Facts:
    """What an image says of its network."""
    at = struct.unpack_from("<I", image, 20)[0]
    return Facts(*struct.unpack_from("<13I", image, at))


class Refused(Exception):
    """sparse-rtl's sentence about a model that does not fit."""


def compile_model(program: Path, model: Path, image: Path, *options: str) -> bytes:
    """The image of a model; Refused with the sentence if it does not fit."""
    done = subprocess.run([program, model, "-o", image, *options], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.strip())
    return image.read_bytes()


@dataclass
class Outcome:
    """What a launch gave: raws [window, output], active pixels and tags [window], error code,
    cycles of the run, and for each window when its last beat came and its last score went."""

    raw: np.ndarray
    active: np.ndarray
    tag: np.ndarray
    error: int
    cycles: int
    last_beat: np.ndarray
    last_score: np.ndarray


class Card:
    """A kernel with memory around it."""

    def __init__(self, library: Path):
        self.library = ctypes.CDLL(str(library))
        self.library.kernel_rtl_create.restype = ctypes.c_void_p
        self.library.kernel_rtl_run.restype = ctypes.c_bool
        self.library.kernel_rtl_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self.library.kernel_rtl_destroy.argtypes = [ctypes.c_void_p]
        self.card = self.library.kernel_rtl_create()

    def close(self) -> None:
        """Ends the card."""
        self.library.kernel_rtl_destroy(self.card)

    def run(self, facts: Facts, windows: bytes, image: bytes | None = None, tag: int = 0,
            latency: int = 30, stall_percent: int = 0, n_windows: int | None = None,
            results_bytes: int | None = None, misalign: int = 0,
            trace: Path | None = None) -> Outcome:
        """One launch; `image` None leaves the loaded network; `trace`: a VCD file, of a library
        that can. Raises if the kernel hangs."""
        n = len(windows) // facts.window_bytes if n_windows is None else n_windows
        room = n * facts.result_bytes
        results = ctypes.create_string_buffer(b"\xee" * max(room, 1), max(room, 1))
        beats, scores = ((ctypes.c_uint64 * max(n, 1))() for _ in range(2))
        launch = Launch(
            image, 0 if image is None else len(image), windows, len(windows),
            ctypes.addressof(results), room if results_bytes is None else results_bytes, n, tag,
            0 if image is not None else facts.window_bytes // 64, facts.result_bytes // 4,
            latency, stall_percent, 0, 0, beats, scores, misalign,
            None if trace is None else str(trace).encode())
        if not self.library.kernel_rtl_run(self.card, ctypes.byref(launch)):
            raise TimeoutError("the kernel hangs")
        words = np.frombuffer(results.raw[:room], np.uint32).reshape(n, facts.result_bytes // 4)
        return Outcome(words[:, 2:].astype(np.int32), words[:, 1].copy(), words[:, 0].copy(),
                       launch.error, launch.cycles, np.array(beats[:n]), np.array(scores[:n]))


def pack_images(facts: Facts, raw: np.ndarray) -> bytes:
    """Images raw [event, row, column], padded to whole beats."""
    kind = {1: np.uint8, 2: np.uint16}[facts.value_bytes]
    out = np.full((len(raw), facts.window_bytes // facts.value_bytes), 0xffff, np.uint16)
    out[:, :raw[0].size] = raw.reshape(len(raw), -1) & 0xffff
    return out.astype(kind).tobytes()


def pack_lists(facts: Facts, raw: np.ndarray, threshold: int) -> bytes:
    """The first n_slots pixels above the threshold of images raw [event, row, column]."""
    records = []
    for image in raw:
        rows, cols = np.nonzero(image > threshold)
        rows, cols = rows[:facts.n_slots], cols[:facts.n_slots]
        record = struct.pack("<I", len(rows)) + b"".join(
            struct.pack("<BBH", r, c, int(image[r, c]) & 0xffff) for r, c in zip(rows, cols))
        records.append(record + b"\xa5" * (facts.window_bytes - len(record)))
    return b"".join(records)


@dataclass
class Vectors:
    """A model's golden vectors: input raw [event, row, column], last integers [event, output],
    and the reduction's threshold."""

    raw: np.ndarray
    expected: np.ndarray
    threshold: int


def read_vectors(model: Path) -> Vectors:
    """NAME.vectors.h5 beside NAME.model.h5."""
    with h5py.File(model) as h:
        names = sorted(h["layers"])
        reduce = next(h["layers"][n] for n in names if "threshold_raw" in h["layers"][n].attrs)
        threshold = int(reduce.attrs["threshold_raw"])
    with h5py.File(str(model).replace(".model.h5", ".vectors.h5")) as h:
        last = max(n for n in h["expected"] if "out" in h["expected"][n])
        out = h["expected"][last]["out"][...]
        return Vectors(h["input"][..., 0].astype(np.int64), out.reshape(len(out), -1), threshold)
