"""Files into pieces, pieces to workers, results into one file.

    files --> pieces of so many events --> workers: score_piece --> pieces of a score file
          --> merged in the order of the files --> one HDF5 file, equal to sparse-score's,
              or one Parquet file with the same values

A worker is a process of this machine, or a worker of a Dask cluster; it needs this package and
sees the files under the same names. A piece depends on nothing but its events, so a piece whose
worker is lost is scored again, by another, and the result is the same.
"""
from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Iterable, Iterator

from .library import Counts, Request, ScoreError, events, score_events

PIECE_EVENTS = 200
AHEAD = 3        # pieces a worker that are out at a time: bounds what waits to be merged
LOST_TIMES = 3   # how often a piece may lose its worker


@dataclass(frozen=True)
class Piece:
    """Events first .. end - 1 of a file; pieces are numbered in the order of the result."""
    number: int
    file: str
    first: int
    end: int


@dataclass
class Scored(Counts):
    """What came of score(): the output, sums over all events, and how it went."""
    output: Path = field(default_factory=Path)
    pieces: int = 0
    lost_workers: int = 0  # pieces that were given out again; local cores only
    seconds: float = 0.0


def score_piece(request: Request, piece: Piece) -> tuple[Counts, bytes]:
    """A worker's part: the counts, and the piece of the score file, as its bytes."""
    with tempfile.TemporaryDirectory(prefix="sparsed-") as folder:
        output = Path(folder, "piece.h5")
        counts = score_events(request, piece.file, piece.first, piece.end, output)
        return counts, output.read_bytes()


def cut(files: Iterable[str | Path], request: Request, piece_events: int) -> list[Piece]:
    """All events of all files. ScoreError: a file cannot be read, or has none."""
    pieces: list[Piece] = []
    for file in files:
        count = events(file, request.dataset)
        if count == 0:
            raise ScoreError(f"{file}: no event in it", 1)
        for first in range(0, count, piece_events):
            pieces.append(Piece(len(pieces), str(Path(file).resolve()), first,
                                min(first + piece_events, count)))
    if not pieces:
        raise ScoreError("no file to score")
    return pieces


# ---- workers ----

class Cores:
    """Processes of this machine. One that dies costs its pieces another try."""

    def __init__(self, workers: int | None):
        self.workers = workers or len(os.sched_getaffinity(0))
        self.lost = 0
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # Not fork: HDF5 and threads of the caller's would be in an unknown state.
        return ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))

    def results(self, request: Request, pieces: list[Piece]) -> Iterator:
        """(piece, counts, bytes) as they come."""
        todo, tries, out = deque(pieces), {}, {}
        while todo or out:
            while todo and len(out) < AHEAD * self.workers:
                piece = todo.popleft()
                out[self._submit(request, piece)] = piece
            done, _ = wait(out, return_when=FIRST_COMPLETED)
            for future in done:
                piece = out.pop(future)
                try:
                    yield piece, *future.result()
                except BrokenProcessPool:
                    tries[piece] = tries.get(piece, 0) + 1
                    if tries[piece] > LOST_TIMES:
                        raise ScoreError(
                            f"{piece.file}: events {piece.first} to {piece.end - 1}: lost "
                            f"{tries[piece]} workers", 1) from None
                    self.lost += 1
                    todo.appendleft(piece)

    def _submit(self, request: Request, piece: Piece) -> Future:
        try:
            return self._pool.submit(score_piece, request, piece)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._start()
            return self._pool.submit(score_piece, request, piece)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Cluster:
    """Workers of a Dask cluster, which itself gives a lost worker's pieces to another."""

    def __init__(self, client):
        self.client = client
        self.lost = 0
        self.workers = max(1, sum(client.nthreads().values()))
        self.futures: set = set()

    def results(self, request: Request, pieces: list[Piece]) -> Iterator:
        """(piece, counts, bytes) as they come."""
        from distributed import as_completed
        todo = iter(pieces)
        ahead = AHEAD * self.workers

        def submit(piece: Piece):
            future = self.client.submit(score_piece, request, piece, pure=False,
                                        retries=LOST_TIMES, key=f"sparsed-{id(self)}-{piece.number}")
            future.piece = piece
            self.futures.add(future)
            return future

        out = as_completed([submit(piece) for _, piece in zip(range(ahead), todo)])
        for future in out:
            yield future.piece, *future.result()
            self.futures.discard(future)
            future.release()
            for piece in todo:
                out.add(submit(piece))
                break

    def close(self) -> None:
        self.client.cancel(list(self.futures))


# ---- all of it ----

class Progress:
    """A line on a terminal; nothing where standard error is none."""

    def __init__(self, total: int, show: bool):
        self.total, self.done, self.start = total, 0, time.monotonic()
        self.show = show and sys.stderr.isatty()

    def add(self, count: int) -> None:
        self.done += count
        if not self.show:
            return
        width, share = 40, self.done / self.total
        rate = self.done / max(time.monotonic() - self.start, 1e-9)
        bar = "━" * int(width * share)
        sys.stderr.write(f"\revents {self.done:,} / {self.total:,} {bar:{width}} "
                         f"{100 * share:3.0f} %  {rate:,.0f} Hz ")
        if self.done == self.total:
            sys.stderr.write("\n")
        sys.stderr.flush()


def _in_order(results: Iterator) -> Iterator:
    """(counts, bytes) by the pieces' numbers."""
    early, following = {}, 0
    for piece, counts, data in results:
        early[piece.number] = (counts, data)
        while following in early:
            yield early.pop(following)
            following += 1


def score(files: str | Path | Iterable[str | Path], model: str | Path | None = None, *,
          output: str | Path, config: str | Path | None = None, settings: dict | None = None,
          dataset: str | None = None, threshold: float = 0.5, rate_hz: float = 0.0,
          no_empty: bool = False, client=None, workers: int | None = None,
          piece_events: int = PIECE_EVENTS, progress: bool = True) -> Scored:
    """Scores all events of `files` into the HDF5 file `output` (docs/scoring.md), as sparse-score
    would one file after the other, and gives the counts. An `output` named .parquet becomes a
    Parquet file, a row an event.

    `model` or `config`: as sparse-score's; `settings`: {"key": value} over the configuration.
    `client`: a dask.distributed Client; without one, `workers` processes of this machine (one a
    core). ScoreError, one sentence: the request is wrong or a file is damaged; nothing is left
    at `output`. trigger.max_accept_rate hangs on the order of all events and is refused, unless
    the only file is one piece.
    """
    import h5py

    if Path(output).suffix == ".parquet":
        from .parquet import MergedParquet as Merged
    else:
        from .merge import Merged
    if isinstance(files, (str, Path)):
        files = [files]
    request = Request(
        model=None if model is None else str(Path(model).resolve()),
        config=None if config is None else str(Path(config).resolve()),
        settings=tuple(f"{key}={value}" for key, value in (settings or {}).items()),
        dataset=dataset, threshold=threshold, rate_hz=rate_hz, no_empty=no_empty)
    start = time.monotonic()
    pieces = cut(files, request, piece_events)
    bar = Progress(sum(p.end - p.first for p in pieces), progress)
    farm = Cores(workers) if client is None else Cluster(client)
    scored, merged = Scored(output=Path(output), pieces=len(pieces)), Merged(output)
    try:
        for counts, data in _in_order(farm.results(request, pieces)):
            with h5py.File(io.BytesIO(data), "r") as piece:
                merged.append(piece)
            scored.add(counts)
            bar.add(counts.events)
        merged.close()
    except BaseException:
        merged.abandon()
        raise
    finally:
        farm.close()
    scored.lost_workers = farm.lost
    scored.seconds = time.monotonic() - start
    return scored
