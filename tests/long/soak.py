"""Faults for a soak (test_soak.py): a daemon as busy as it can be, and every few seconds one of
these, in the order of a seed. Each leaves things as it found them, so that any may follow any."""
from __future__ import annotations

import collections
import functools
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable

import h5py
import numpy as np

from fpga_kernel import small_model
from readout import PLANE, TICKS, Readout, zstd_frame
from trial import Trial

WIRES, SOURCES, EVENTS = 1024, 4, 8
HOSTILE = pathlib.Path(__file__).resolve().parents[1] / "faults" / "hostile.py"
SENDERS = os.environ.get("SPARSED_SOAK_SENDERS")  # folder of programs that send; else SPARSED_BIN


def simulated(program: pathlib.Path, path: pathlib.Path, sources: int) -> list[list[bytes]]:
    """[event][source]: the samples of a few simulated events as zstd frames; wires that the
    simulation left out are silent."""
    subprocess.run([program, path, "-n", str(EVENTS), "-q", *(
        f"--set={name}={value}" for name, value in (
            ("ticks", TICKS), ("wires_y", WIRES), ("wires_u", 8), ("wires_v", 8)))],
        check=True, capture_output=True)
    samples = np.zeros((EVENTS, WIRES, TICKS), "<i2")
    with h5py.File(path) as f:
        table = {name: f[f"wire_table/{name}"][()].squeeze()
                 for name in ("adc", "local_plane", "local_wire", "event_id")}
    used = table["local_plane"] == PLANE
    samples[table["event_id"][used, 2], table["local_wire"][used].astype(int)] = table["adc"][used]
    return [[zstd_frame(part.tobytes()) for part in np.split(event, sources)] for event in samples]


def load(readout: Readout, bank: list[list[bytes]], event: int) -> None:
    """What the sources send next."""
    for source, payload in zip(readout.source, bank[event % len(bank)]):
        source.payload = payload


class Soak:
    """The daemon of `trial`, whoever talks to it, and what may befall them."""

    def __init__(self, trial: Trial, run: Callable, bin_dir: pathlib.Path, folder: pathlib.Path,
                 disk: pathlib.Path, seed: int) -> None:
        self.trial, self.run, self.folder, self.disk = trial, run, folder, disk
        self.senders = pathlib.Path(SENDERS) if SENDERS else bin_dir
        self.dice = random.Random(seed)
        self.done: collections.Counter[str] = collections.Counter()
        self.control = f"ipc://{folder}/control"
        self.models = [trial.model, small_model(folder / "second.model.h5", seed=2)]
        self.runs = 1
        self.readouts: list[Readout] = []
        self.readers: list[subprocess.Popen] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=what, daemon=True)
                         for what in (self._look, self._clean)]

    # ---- who is there all the time ----

    def begin(self) -> None:
        """Configured, run 1 on; two readouts of four sources each send all they can."""
        bank = simulated(self.senders / "sparse-simulate", self.folder / "events.h5", SOURCES)
        self._plain = (self.folder / "trigger.toml").read_text()
        self.ctl("configure")
        self.ctl("start", self.runs)
        for k in range(2):
            self.add_reader()
            r = self.trial.readout(n=SOURCES, rate=0, wires=WIRES, high_water=8, begin=False,
                                   event=k * 1_000_000_000)
            for source in r.source:
                source.id += 10 * k
            r.each = functools.partial(load, r, bank)
            r.start()
            self.readouts.append(r)
        for thread in self._threads:
            thread.start()

    def ctl(self, *words: object, status: tuple[int, ...] = (0,)) -> int:
        done = self.run("sparsectl", "-e", self.control, "--timeout", 60, *words, timeout=200)
        assert done.returncode in status, (words, done.returncode, done.stdout, done.stderr)
        return done.returncode

    def add_reader(self) -> None:
        self.readers.append(self.run(
            "sparse-decisions", self.trial.daemon.address("decisions"), "--json", "--runs",
            start=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _look(self) -> None:
        """Every page, again and again, as a browser and Prometheus would."""
        while not self._end.wait(0.3):
            for page in ("", "status", "history", "accepted", "metrics"):
                self.trial.daemon.page(page)
            try:
                url = f"http://127.0.0.1:{self.trial.daemon.ports['http']}/events"
                with urllib.request.urlopen(url, timeout=5) as stream:
                    stream.read(2000)
            except OSError:
                pass

    def _clean(self) -> None:
        """Records would fill the disk: all but the newest go."""
        while not self._end.wait(1):
            for path in sorted(self.disk.glob("*.h5"), key=lambda p: p.name)[:-4]:
                path.unlink(missing_ok=True)

    def end(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)

    def resident_mib(self) -> float:
        pages = pathlib.Path(f"/proc/{self.trial.daemon.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize() / 2**20

    # ---- faults ----

    def any_source(self) -> tuple[Readout, int]:
        return self.dice.choice(self.readouts), self.dice.randrange(SOURCES)

    def fault_source_killed(self) -> None:
        """What it had not sent is gone; it comes back with its sequence at 0."""
        readout, which = self.any_source()
        readout.do(lambda: (readout.source[which].close(), readout.mute.add(which)))
        time.sleep(self.dice.uniform(0, 2))
        readout.do(lambda: (setattr(readout.source[which], "sequence", 0),
                            readout.mute.discard(which)))

    def fault_source_silent(self) -> None:
        readout, which = self.any_source()
        readout.do(lambda: readout.mute.add(which))
        time.sleep(1)
        readout.do(lambda: readout.mute.discard(which))

    def fault_source_confused(self) -> None:
        """It skips or goes back, and spoils a message."""
        readout, which = self.any_source()
        source = readout.source[which]
        readout.do(lambda: setattr(source, "sequence",
                                   max(0, source.sequence + self.dice.choice((50, -3)))))
        readout.do(lambda: source.send(readout.event + 1_000_000, lambda: True, spoil=True))

    def fault_garbage_at_every_door(self) -> None:
        port = self.trial.daemon.ports
        doors = (f"PUSH:127.0.0.1:{port['readout']}", f"SUB:127.0.0.1:{port['decisions']}",
                 f"HTTP:127.0.0.1:{port['http']}")
        done = subprocess.run([sys.executable, HOSTILE, "--connections", "20", "--seconds", "2",
                               *doors], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    def fault_frozen(self) -> None:
        self.trial.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        self.trial.daemon.process.send_signal(signal.SIGCONT)

    def fault_disk_full(self) -> None:
        hog = self.disk / "hog"
        try:
            with hog.open("wb", buffering=0) as f:
                while True:
                    f.write(bytes(1 << 20))
        except OSError:
            pass
        time.sleep(2)
        hog.unlink()

    def fault_model(self) -> None:
        self.models.reverse()
        self.ctl("model", self.models[0], status=(0, 1))  # 1: too many changes wait for the disk

    def fault_shadow(self) -> None:
        if self.ctl("shadow", self.models[1], "--share", 0.3, status=(0, 1)) == 0:
            time.sleep(1)
            self.ctl("shadow", "off", status=(0, 1))

    def fault_prescale(self) -> None:
        self.ctl("prescale", "first", self.dice.randint(1, 5), status=(0, 1))

    def fault_reload(self) -> None:
        self.ctl("reload", status=(0, 1))

    def fault_reload_refused(self) -> None:
        """A file that no reload may take, and one that nobody can read."""
        for text in (self._plain.replace("[output]", "[output]\nhigh_water_mark = 77"),
                     self._plain[:len(self._plain) // 2] + "\n= = ="):
            (self.folder / "wrong.toml").write_text(text)
            self.ctl("reload", self.folder / "wrong.toml", status=(1, 2))

    def fault_pause(self) -> None:
        self.ctl("pause")
        time.sleep(self.dice.uniform(0, 1))
        self.ctl("resume")

    def fault_slow_reader(self) -> None:
        reader = self.readers[self.dice.randrange(len(self.readers))]
        reader.send_signal(signal.SIGSTOP)
        time.sleep(3)
        reader.send_signal(signal.SIGCONT)

    def fault_reader_killed(self) -> None:
        reader = self.readers.pop(0)
        reader.kill()
        reader.wait()
        self.add_reader()

    def fault_operator_killed(self) -> None:
        asking = self.run("sparsectl", "-e", self.control, "config", start=True)
        time.sleep(self.dice.uniform(0, 0.05))
        asking.kill()
        asking.wait()

    def fault_calibration(self) -> None:
        """The run ends, another calibration is configured, the next run begins."""
        path = self.folder / f"calibration{self.runs}.h5"
        dice = np.random.default_rng(self.runs)
        with h5py.File(path, "w") as f:
            f.attrs.update(format="sparsed-calibration", format_version=1, sample_type="int16")
            g = f.create_group(f"plane_{PLANE}")
            g.attrs["wires"] = WIRES
            g["wire"] = np.arange(WIRES)
            g["pedestal"] = dice.normal(0, 2, WIRES)
            g["noise"] = np.full(WIRES, 3.0)
            g["status"] = (dice.random(WIRES) < 0.02).astype("u1")
        (self.folder / "trigger.toml").write_text(
            self._plain.replace("[detector]", f'[detector]\ncalibration = "{path}"'))
        self.ctl("stop", status=(0, 6))  # 6: accepted events that a full disk did not take
        self.ctl("configure")
        self.runs += 1
        self.ctl("start", self.runs)

    def any_fault(self) -> str:
        """One of them; its name."""
        faults = sorted(name for name in dir(self) if name.startswith("fault_"))
        name = self.dice.choice(faults)
        getattr(self, name)()
        self.done[name.removeprefix("fault_")] += 1
        return name

    def figures(self) -> str:
        return json.dumps(dict(sorted(self.done.items())))
