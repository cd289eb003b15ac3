"""libsparsed_score.so through cffi: how many events a file has, and a piece of it scored.

The C declarations are those of score_library.h beside the library
(daemon/offline/score_library.h), which says what each field means.
"""
from __future__ import annotations

import functools
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

ERROR_BYTES = 2048
_ONE_AT_A_TIME = threading.Lock()  # HDF5 knows one thread


class ScoreError(Exception):
    """One sentence that names file, key and value. `status` is sparse-score's: 2 for a request
    that is wrong, 1 for anything else, such as a damaged file."""

    def __init__(self, text: str, status: int = 2):
        super().__init__(text, status)  # both: an exception travels between processes
        self.status = status

    def __str__(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class Request:
    """What is done with events: everything of struct sparsed_score_request but the piece."""
    model: str | None = None
    config: str | None = None
    settings: tuple[str, ...] = ()  # "key=value"
    dataset: str | None = None
    threshold: float = 0.5
    rate_hz: float = 0.0
    no_empty: bool = False


@dataclass
class Counts:
    """Of struct sparsed_score_result; sums of pieces are sums of fields."""
    events: int = 0
    accepted: int = 0
    rejected: int = 0
    prescaled: int = 0
    throttled: int = 0
    windows: int = 0
    truncated: int = 0
    nonfinite_bins: int = 0
    duplicates: int = 0
    foreign_wires: int = 0
    engines: set[str] = field(default_factory=set)

    def add(self, other: "Counts") -> None:
        for name, value in vars(other).items():
            if name == "engines":
                self.engines |= value
            else:
                setattr(self, name, getattr(self, name) + value)


@functools.cache
def _library() -> tuple:
    """The cffi handle and the library, loaded when first asked for."""
    try:
        from cffi import FFI
    except ImportError as why:
        raise ScoreError("sparsed.score needs the Python module cffi (Debian: python3-cffi)",
                         1) from why
    folder = Path(__file__).resolve().parent.parent
    try:
        header = (folder / "score_library.h").read_text(encoding="utf-8")
        ffi = FFI()
        ffi.cdef(re.sub(r"(?m)^#.*$", "", header))
        return ffi, ffi.dlopen(str(folder / "libsparsed_score.so"))
    except OSError as why:
        raise ScoreError(f"{folder}: no libsparsed_score.so with its header: {why}", 1) from why


def _text(ffi, value: str | None):
    return ffi.NULL if value is None else ffi.new("char[]", str(value).encode())


def _check(ffi, status: int, error) -> None:
    if status != 0:
        raise ScoreError(ffi.string(error).decode(errors="replace"), status)


def version() -> str:
    """Of sparsed, whose library this is."""
    ffi, library = _library()
    return ffi.string(library.sparsed_score_version()).decode()


def events(file: str | Path, dataset: str | None = None) -> int:
    """How many events `file` has. ScoreError: it cannot be read."""
    ffi, library = _library()
    number, error = ffi.new("uint64_t *"), ffi.new("char[]", ERROR_BYTES)
    with _ONE_AT_A_TIME:
        _check(ffi, library.sparsed_score_events(
            _text(ffi, str(file)), _text(ffi, dataset or "images"), number, error, ERROR_BYTES),
            error)
    return int(number[0])


def score_events(request: Request, file: str | Path, first: int, end: int, output: str | Path,
                 threads: int = 1) -> Counts:
    """Scores events first .. end - 1 of `file` into the HDF5 file `output`."""
    ffi, library = _library()
    settings = [_text(ffi, s) for s in request.settings]
    array = ffi.new("char *[]", settings or 1)
    keep = {name: _text(ffi, value) for name, value in (
        ("file", str(file)), ("model", request.model), ("config", request.config),
        ("output", str(output)), ("dataset", request.dataset or "images"))}
    asked = ffi.new("struct sparsed_score_request *", {
        **keep, "settings": ffi.cast("char **", array), "n_settings": len(settings),
        "threshold": request.threshold, "rate_hz": request.rate_hz, "first": first, "end": end,
        "threads": threads, "no_empty": int(request.no_empty)})
    result, error = ffi.new("struct sparsed_score_result *"), ffi.new("char[]", ERROR_BYTES)
    with _ONE_AT_A_TIME:
        _check(ffi, library.sparsed_score_file(asked, result, error, ERROR_BYTES), error)
    names = [name for name in Counts.__dataclass_fields__ if name != "engines"]
    return Counts(**{name: int(getattr(result, name)) for name in names},
                  engines={ffi.string(result.engine).decode()})
