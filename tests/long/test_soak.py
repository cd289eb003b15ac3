"""A soak: as many events as the daemon takes, a fault every few seconds, for half an hour; in a
build with sanitizers, which is what it is for. At the end the ledger closes and the books agree,
nobody has reported anything, memory has not grown, the exit status is 0.

SPARSED_SOAK_MINUTES  how long (30)
SPARSED_SOAK_SEED     of the faults (1)
SPARSED_SOAK_SENDERS  folder of programs that send, of a build without sanitizers: they are to be
                      faster than the daemon (default: those of this build)
"""
from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from trial import *  # noqa: E402,F401,F403
from trial import ACCEPT_ALL, Trial, check_books  # noqa: E402
from soak import WIRES, Soak  # noqa: E402

MINUTES = float(os.environ.get("SPARSED_SOAK_MINUTES", "30"))
SEED = int(os.environ.get("SPARSED_SOAK_SEED", "1"))
REPORT = re.compile(r"^.*(?:Sanitizer|runtime error:|Assertion .* failed).*$", re.M)
# Freed memory is kept apart for a while, but no longer than the first half.
OPTIONS = {"ASAN_OPTIONS": "quarantine_size_mb=16:malloc_context_size=12",
           "UBSAN_OPTIONS": "print_stacktrace=1",
           "TSAN_OPTIONS": "suppressions="
                           f"{pathlib.Path(__file__).resolve().parents[1] / 'tsan.supp'} "
                           "ignore_noninstrumented_modules=1 die_after_fork=0"}
os.environ.update(OPTIONS)  # sparsectl and the readers are of the same build


@pytest.fixture
def disk(tmp_path):
    """A small file system for the records; without root a folder, which is never full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(folder)],
                          capture_output=True)
    yield folder
    if done.returncode == 0:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_soak(trial: Trial, run, bin_dir, tmp_path, disk):
    soak = Soak(trial, run, bin_dir, tmp_path, disk, SEED)
    if not os.path.ismount(disk):  # or this machine's own disk would be filled
        Soak.fault_disk_full = lambda self: time.sleep(0)
    daemon = trial.start(ACCEPT_ALL, "readout.event_timeout=1 s", "readout.event_slots=64",
                         f"output.record.directory={disk}", "output.record.flush=100 ms",
                         "output.record.rotate.size=4 MiB", "service.stop_limit=20 s",
                         f"service.control=['@{soak.control}']", wires=WIRES, alive="healthz")
    soak.begin()
    trial.wait(lambda n: n("decisions_published_total") > 100, 120)
    began, largest = time.monotonic(), [0.0, 0.0]  # MiB, of the first half and of the second
    while (passed := time.monotonic() - began) < 60 * MINUTES:
        name = soak.any_fault()
        for _ in range(soak.dice.randrange(1, 8)):
            time.sleep(0.5)
            largest[passed > 30 * MINUTES] = max(largest[passed > 30 * MINUTES],
                                                 soak.resident_mib())
        assert daemon.process.poll() is None, f"ended after {name}\n{daemon.logged()[-8000:]}"
        found = REPORT.search(daemon.logged())
        assert not found, f"after {name}\n{daemon.logged()[-20000:]}"
        assert trial.numbers()("invariant_broken_total") == 0, daemon.logged()[-8000:]
    soak.end()
    n = trial.settle()
    check_books(n)
    last = daemon.stop()  # exit status 0, and the ledger closes
    assert not REPORT.search(daemon.logged()), daemon.logged()[-20000:]
    print(f"\nsoak {MINUTES:g} min, seed {SEED}: {n('events_in_total'):,.0f} events, "
          f"{n('fragments_received_total'):,.0f} fragments, {soak.runs} runs, "
          f"{sum(soak.done.values())} faults, resident at most {largest[0]:.0f} MiB in the first "
          f"half, {largest[1]:.0f} MiB in the second\n{soak.figures()}\n"
          f"{json.dumps(n.by('events_total', 'fate'))}\n{last}")
    assert largest[1] < 1.05 * largest[0] + 8
