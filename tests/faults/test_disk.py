"""Disks that fill, fail, wait, and come back. The trigger goes on deciding whatever the disk
does; of each accepted event it is known whether it is in a file."""
from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import h5py

from trial import *  # noqa: F401,F403
from trial import ACCEPT_ALL, LONG, Trial, long

RECORD = ("output.record.flush=20 ms", "output.record.queue=8")


@pytest.fixture
def disk(tmp_path):
    """A file system of the test's own, of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def in_files(folder: Path) -> int:
    """Events in all files that HDF5 can open."""
    events = 0
    for path in folder.glob("*.h5"):
        try:
            with h5py.File(path, "r") as f:
                events += len(f["decision_table/event_id"])
        except (OSError, KeyError):  # killed before its first flush: there is nothing in it
            assert path.stat().st_size < 100_000, f"{path.name} cannot be read"
    return events


def check_recorded(n, folder: Path) -> None:
    """Accepted = recorded + lost, and what is called recorded is in the files."""
    accepted = n("events_total", fate="accepted")
    assert n("recorded_events_total") + n("record_lost_total") == accepted
    assert in_files(folder) >= n("recorded_events_total")


def fail_and_mend(trial: Trial, folder: Path, fault: str, begin, mend) -> None:
    """Events flow; the disk fails, and is mended; the recorder finds that out by itself."""
    readout = trial.readout(rate=100)
    trial.wait(lambda n: n("recorded_events_total") > 20)
    begin()
    trial.wait(lambda n: n("record_failing") == 1)
    decided = trial.numbers()("decisions_published_total")
    trial.wait(lambda n: n("decisions_published_total") > decided + 50)  # it goes on
    mend()
    recorded = trial.numbers()("recorded_events_total")
    back = trial.wait(lambda n: n("recorded_events_total") > recorded + 10
                      and n("record_failing") == 0, 90)
    trial.settle()
    trial.wait(lambda n: n("recorded_events_total") + n("record_lost_total")
               == n("events_total", fate="accepted"))
    n = trial.close()
    check_recorded(n, folder)
    assert n("events_total", fate="accepted") == readout.event
    assert n("record_lost_total") > 0
    trial.row(fault, f"{n('record_lost_total'):.0f} of {readout.event} accepted events not "
              "recorded: `record_lost_total`; all decided", back)


@long
def test_the_disk_is_full(trial: Trial, disk: Path):
    """Another program fills it; then makes room again."""
    trial.start(ACCEPT_ALL, f"output.record.directory={disk}", *RECORD)
    hog = disk / "hog"

    def fill() -> None:
        with hog.open("wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
    fail_and_mend(trial, disk, "disk full, then not", fill, hog.unlink)


def test_the_disk_becomes_read_only(trial: Trial, disk: Path, tmp_path: Path):
    """As after an error of the file system. An open file keeps its right to be written to, so
    the fault begins with the next file. (A link that leads to a read-only file system stands for
    a remount, which the system refuses while a file is open.)"""
    folder, link = tmp_path / "writable", tmp_path / "records"
    folder.mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    def lead(to: Path) -> None:
        new = tmp_path / "new"
        new.symlink_to(to)
        new.replace(link)
    lead(folder)
    trial.start(ACCEPT_ALL, f"output.record.directory={link}", "output.record.rotate.time=1 s",
                *RECORD)
    fail_and_mend(trial, folder, "disk read-only, then not", lambda: lead(disk),
                  lambda: lead(folder))


def test_no_room_for_a_file(trial: Trial, tmp_path: Path):
    """The limit of a process's files (RLIMIT_FSIZE) is reached: SIGXFSZ must not kill it."""
    folder = tmp_path / "records"
    folder.mkdir()
    trial.start(ACCEPT_ALL, f"output.record.directory={folder}", *RECORD)
    limit = lambda n: resource.prlimit(trial.daemon.process.pid, resource.RLIMIT_FSIZE,  # noqa: E731
                                       (n, resource.RLIM_INFINITY))
    fail_and_mend(trial, folder, "files may not grow (RLIMIT_FSIZE), then may",
                  lambda: limit(30_000), lambda: limit(resource.RLIM_INFINITY))


@long
def test_the_disk_is_slow(trial: Trial, preload, tmp_path: Path):
    """Each write takes 200 ms: the queue of accepted events fills, what has no room is not
    recorded, and counted; decisions do not wait."""
    folder = tmp_path / "records"
    folder.mkdir()
    tell, environment = preload
    trial.start(ACCEPT_ALL, f"output.record.directory={folder}", *RECORD, environment=environment)
    readout = trial.readout(rate=100)
    trial.wait(lambda n: n("recorded_events_total") > 20)
    tell(write_ns=200_000_000)
    trial.wait(lambda n: n("record_lost_total") > 20)
    latency = trial.numbers()("stage_seconds", stage="latency", quantile="0.99")
    tell(write_ns=0)
    recorded = trial.numbers()("recorded_events_total")
    back = trial.wait(lambda n: n("recorded_events_total") > recorded + 50)
    trial.settle()
    trial.wait(lambda n: n("recorded_events_total") + n("record_lost_total")
               == n("events_total", fate="accepted"))
    n = trial.close()
    check_recorded(n, folder)
    assert n("events_total", fate="accepted") == readout.event and n("record_errors_total") == 0
    assert latency < 0.2  # one write alone would be that
    trial.row("disk slow, 200 ms a write", f"{n('record_lost_total'):.0f} of {readout.event} "
              "accepted events not recorded: `record_lost_total`; decisions do not wait", back)


@pytest.mark.parametrize("kills", [50 if LONG else 2])
def test_killed_again_and_again(trial: Trial, tmp_path: Path, kills: int):
    """SIGKILL at moments of nobody's choosing, in the middle of a write among them. What had
    been flushed is in files that HDF5 can read, and the next daemon takes over by itself."""
    folder = tmp_path / "records"
    folder.mkdir()
    settings = (ACCEPT_ALL, f"output.record.directory={folder}", *RECORD,
                f"readout.endpoints=['@ipc://{tmp_path}/readout']")
    trial.start(*settings)
    readout = trial.readout(f"ipc://{tmp_path}/readout", rate=200)
    flushed, slowest = 0, 0.0
    for kill in range(kills):
        trial.wait(lambda n: n("recorded_events_total") > 5)
        time.sleep((kill * 0.618) % 0.25)
        flushed += trial.numbers()("recorded_events_total")
        trial.daemon.process.kill()
        trial.daemon.process.wait()
        began = time.monotonic()
        trial.start(*settings, again=True)
        trial.wait_decided(1)
        slowest = max(slowest, time.monotonic() - began)
    trial.settle()
    trial.wait(lambda n: n("recorded_events_total") + n("record_lost_total")
               == n("events_total", fate="accepted"))
    flushed += trial.numbers()("recorded_events_total")
    trial.close()
    assert in_files(folder) >= flushed
    trial.row(f"SIGKILL, {kills} times", f"what was in flight or not flushed; {flushed:.0f} "
              f"flushed events all in files; {readout.event} sent", slowest)


@long
@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_file_damaged_by_a_kill_stops_nobody(trial: Trial, run, tmp_path: Path, cut: float):
    """The machine lost power: a file ends in the middle. sparse-replay names it and ends; the
    next run begins a new file beside it."""
    folder = tmp_path / "records"
    folder.mkdir()
    settings = (ACCEPT_ALL, f"output.record.directory={folder}", *RECORD)
    trial.start(*settings)
    trial.readout(rate=200)
    trial.wait(lambda n: n("recorded_events_total") > 20)
    trial.daemon.process.send_signal(signal.SIGKILL)
    trial.daemon.process.wait()
    path, = folder.glob("*.h5")
    os.truncate(path, int(path.stat().st_size * cut))
    done = run("sparse-replay", path, "--to", "tcp://127.0.0.1:1")
    assert done.returncode == 1 and path.name in done.stderr
    trial.start(*settings, again=True)
    back = trial.wait(lambda n: n("recorded_events_total") > 5)
    trial.close()
    assert len(list(folder.glob("*.h5"))) == 2
    if cut > 0.5:
        trial.row("a file is damaged", "that file; `sparse-replay` names it", back)
