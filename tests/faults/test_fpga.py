"""Cards, from outside: the real daemon on the real XRT in hardware emulation, with an emulated
card that is told to fail. Whatever it does, every event gets the decision of the CPU engine,
the ledger closes, and a card that is well again is taken back.

Each fault prints a row of the table in docs/operations.md. SPARSED_FPGA_KILLS: how often the
process that holds the card is killed (default 5).
"""
from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from conftest import *  # noqa: E402,F401,F403  the fixtures of the black-box tests
from fpga_kernel import Kernel, build, need_xrt, pack, small_model  # noqa: E402
from test_sparsed import (COMMON, DETECTOR as DETECTOR_TOML, Daemon,  # noqa: E402
                          check_real_windows, collect, decisions_of)

KILLS = int(os.environ.get("SPARSED_FPGA_KILLS", "5"))
DETECTOR = {"ticks": 6400, "wires": 3456}
EVENTS, RATE = 12, 25
THRESHOLD = "trigger.rule[0].threshold=0.65"  # the network of the tests accepts some, not all
PATIENT = {"deadline": "2 s"}  # a busy machine is no fault


# ---- what all tests share ----

@pytest.fixture(scope="module")
def small(bin_dir, tmp_path_factory) -> Kernel:
    """A small network of our own, and its kernel."""
    need_xrt(bin_dir)
    folder = tmp_path_factory.mktemp("small")
    return build(bin_dir, small_model(folder / "small.model.h5"), folder / "hls")


@pytest.fixture(scope="module")
def simulated(bin_dir, tmp_path_factory) -> pathlib.Path:
    """Simulated events, samples of all planes; the tests replay plane 2."""
    path = tmp_path_factory.mktemp("events") / "simulated.h5"
    subprocess.run([bin_dir / "sparse-simulate", path, "--events", str(EVENTS), "--seed", "5",
                    "--quiet"], check=True, timeout=300)
    return path


def answers(decisions: list[dict]) -> dict:
    """What a decision says of its event, whatever scored it and in whichever loop it was sent."""
    return {(d["run"], d["event"]): (d["accept"], d["rules_fired"], [
        (w["plane"], w["first_bin"], w["first_wire"], w["n_active"], w["score_raw"], w["score"])
        for w in d["windows"]]) for d in decisions}


@pytest.fixture(scope="module")
def expected(bin_dir, small, simulated, tmp_path_factory) -> dict:
    """By event: the answer of the CPU engine, the judge of all that follows."""
    folder = tmp_path_factory.mktemp("cpu")
    config = folder / "score.toml"
    config.write_text((DETECTOR_TOML + COMMON).format(
        **DETECTOR, model=small.model, label="neutrino", timeout="20 s", readout=1, decisions=2,
        http=3))
    done = subprocess.run([bin_dir / "sparse-score", "--config", config, simulated, "--quiet",
                           "--set", THRESHOLD, "--jsonl", "-"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    decisions = [json.loads(line) for line in done.stdout.splitlines()]
    found = {event: answer for (_, event), answer in answers(decisions).items()}
    assert len(found) == EVENTS and {a[0] for a in found.values()} == {True, False}, \
        "the network must accept some events and reject others, else a wrong answer looks right"
    return found


@dataclass
class Trial:
    """A daemon with cards, events that flow into it at a rate, and what came of them."""
    daemon: Daemon
    reader: subprocess.Popen
    decisions: pathlib.Path  # what the reader writes
    born: float              # when the daemon was started, monotonic
    sender: subprocess.Popen | None = None

    def metric(self, name: str, *labels: str) -> float:
        """Sum over the samples of a metric that have all `labels`."""
        lines = (self.daemon.page("metrics") or "").splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}[{{ ]", line)
                   and all(label in line for label in labels))

    def up(self) -> float:
        return self.metric("sparsed_fpga_state", 'state="up"')

    def windows(self) -> float:
        """Windows that cards were given; the self-tests among them."""
        return self.metric("sparsed_fpga_windows_total")

    def stop_sending(self) -> int:
        """The events that were sent, once all of them are decided."""
        self.sender.terminate()
        out, err = self.sender.communicate(timeout=60)
        sent = json.loads(out)["events"]
        self.daemon.wait(lambda: self.metric("sparsed_decisions_published_total") == sent)
        return sent

    def finish(self, expected: dict, sent: int | None = None) -> int:
        """Every event that was sent has the CPU's answer, and the ledger closes."""
        sent = self.stop_sending() if sent is None else sent
        self.daemon.wait(lambda: self.decisions.read_text().count("\n") >= sent)
        self.reader.terminate()
        self.reader.wait(30)
        found = answers([json.loads(line) for line in self.decisions.read_text().splitlines()])
        assert len(found) == sent > 0
        for (_, event), answer in found.items():
            assert answer == expected[event]
        self.daemon.stop()
        return sent


@pytest.fixture
def flow(run, free_port, tmp_path, small, simulated):
    """Call it with settings of cards: a Trial whose events are under way, and whose first
    `wait_up` cards are up."""
    def start(settings, wait_up=1, rate=RATE):
        born = time.monotonic()
        daemon = Daemon(run, free_port, tmp_path, small.model, "neutrino", detector=DETECTOR,
                        overrides=[*settings, THRESHOLD])
        decisions = tmp_path / "decisions.jsonl"
        reader = run("sparse-decisions", daemon.address("decisions"), "--json", start=True,
                     stdout=decisions.open("w"))
        trial = Trial(daemon, reader, decisions, born)
        daemon.wait(lambda: trial.up() >= wait_up)
        time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet
        trial.sender = run("sparse-replay", simulated, "--to", daemon.address("readout"),
                           "--plane", "2:3456", "--preload", "--rate", f"{rate}Hz", "--loops", 0,
                           "--quiet", "--json", start=True)
        daemon.wait(lambda: trial.metric("sparsed_events_in_total") > 0)
        return trial
    return start


def flaky(small: Kernel, folder: pathlib.Path, *fault: str, mended: bool = False) -> str:
    """A device command that fails in its first life and is sound in all later ones; or
    (`mended`) fails until the file FOLDER/mended is there."""
    script = folder / "device.sh"
    fails = f"[ ! -e {folder}/mended ]" if mended else f"mkdir {folder}/first 2>/dev/null"
    script.write_text(f"if {fails}\nthen exec {small.command(*fault)}\n"
                      f"else exec {small.command()}\nfi\n")
    return f"sh {script}"


def children(pid: int) -> list[int]:
    """Of all its threads."""
    out = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            out += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return out


def wait_gone(*pids: int) -> None:
    """Until all have ended; who adopted an orphan may take its time to reap it."""
    def runs(pid):
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rsplit(")", 1)[1].split()[0] != "Z"
    deadline = time.monotonic() + 30
    while any(map(runs, pids)):
        assert time.monotonic() < deadline, f"one of {pids} still runs"
        time.sleep(0.05)


# ---- the right answers ----

def test_real_windows_are_scored_as_by_the_cpu(run, free_port, bin_dir, shared_dir, tmp_path):
    """100 real windows, the published network, real XRT: each score is the vectors', bit for
    bit, and the card, not the CPU, gave it."""
    need_xrt(bin_dir)
    name = "neutrino-sparse_l-16b"
    kernel = build(bin_dir, shared_dir / "golden" / f"{name}.model.h5", tmp_path / "hls")
    daemon = Daemon(run, free_port, tmp_path, kernel.model, "neutrino", detector=DETECTOR,
                    overrides=kernel.settings(**PATIENT, cross_check=0.25))
    daemon.wait(lambda: daemon.metric('sparsed_fpga_state{card="0",device="0",model="'
                                      f'{name}",state="up"') == 1)
    reader = collect(run, daemon, 100)
    done = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
               daemon.address("readout"), "--rate", "50Hz", timeout=120)
    assert done.returncode == 0, done.stderr
    decisions = decisions_of(reader)
    check_real_windows(shared_dir, name, decisions)
    for d in decisions:  # a window without pixels has one answer, made at the start
        assert ("fpga" in d["engine"]) == any(w["n_active"] > 0 for w in d["windows"])
    assert daemon.metric("sparsed_fpga_differing_total") == 0
    assert daemon.metric("sparsed_fpga_cross_checked_total") > 0
    assert daemon.metric("sparsed_fpga_fallback_total") == 0
    daemon.stop()


@pytest.mark.parametrize("form", ["list", "image"])
def test_simulated_events_get_the_cpus_decisions(flow, small, expected, bin_dir, tmp_path, form):
    """As lists of active pixels, and as whole images that the kernel reduces itself."""
    kernel = small if form == "list" else build(
        bin_dir, small.model, tmp_path / "hls", "--form", "image")
    trial = flow(kernel.settings(**PATIENT, cross_check=1))
    trial.daemon.wait(lambda: trial.metric("sparsed_events_in_total") > 2 * EVENTS)
    sent = trial.stop_sending()
    windows = trial.windows() - 100  # less the self-test
    assert windows > 0 and trial.metric("sparsed_fpga_cross_checked_total") == windows
    assert trial.metric("sparsed_fpga_differing_total") == 0
    trial.finish(expected, sent)


def test_units_and_cards_share_the_work(flow, small, expected, bin_dir, tmp_path):
    """Two cards of two compute units each: all of them work, and no answer is mixed up."""
    two = pack(bin_dir, small.library, tmp_path / "two.xclbin", 2)
    kernel = Kernel(small.model, small.library, two, small.device)
    command = kernel.command("--units", 2, "--fault", "slow=30")
    trial = flow(kernel.settings(command=command, **PATIENT, devices="[0,1]", cross_check=1,
                                 batch_windows=4), wait_up=2, rate=60)
    trial.daemon.wait(lambda: trial.metric("sparsed_events_in_total") > 5 * EVENTS)
    for card in ("0", "1"):
        assert trial.metric("sparsed_fpga_windows_total", f'card="{card}"') > 100 + EVENTS
    assert trial.metric("sparsed_fpga_differing_total") == 0
    trial.finish(expected)


# ---- faults ----

@dataclass(frozen=True)
class Fault:
    """What is done wrong; the cause that must be counted; how long it may take to be seen."""
    name: str
    option: str | None      # of sparse-device, in its first life
    cause: str
    detected_s: float       # after which the daemon must have noticed, from the fault on
    act: str | None = None  # a signal to the process, or to the device behind it
    wait_up: int = 1
    launch: int = 0         # the launch in which it happens; 0: at the start, or when told
    more: dict = field(default_factory=dict)


QUICK = {"restart": "200 ms"}
FAULTS = [
    Fault("never connects", "never-connects", "refused", 10, wait_up=0,
          more={"start_limit": "2 s"}),
    # XRT in emulation does not say that memory was refused: the results are not there
    Fault("refuses memory", "refuses-memory", "test", 10, wait_up=0),
    Fault("slow", "slow=900", "late", 10, launch=2, more={"deadline": "300 ms"}),
    Fault("hangs in a launch", "hangs=20", "late", 10, launch=20, more={"deadline": "300 ms"}),
    Fault("dies in a launch", "dies=20", "died", 10, launch=20),
    Fault("wrong bits", "wrong-bits=20", "differed", 10, launch=20, more={"cross_check": 1}),
    Fault("wrong bits at once", "wrong-bits", "test", 10, wait_up=0),
    Fault("stale results", "stale=20", "lied", 10, launch=20),
    Fault("process killed", None, "died", 10, act="kill process"),
    Fault("process stopped", None, "late", 10, act="stop process", more={"deadline": "300 ms"}),
    Fault("device killed", None, "died", 10, act="kill device"),
    Fault("device stopped", None, "late", 10, act="stop device", more={"deadline": "300 ms"}),
]


def act(trial: Trial, what: str) -> None:
    """A signal to sparsed-xrt, or to the device process that it started."""
    process, = children(trial.daemon.process.pid)
    verb, whom = what.split()
    os.kill(process if whom == "process" else children(process)[0],
            signal.SIGKILL if verb == "kill" else signal.SIGSTOP)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name.replace(" ", "-"))
def test_a_fault_costs_no_decision(flow, small, expected, tmp_path, fault):
    """Events flow while the card fails: the CPU scores in its place, and when the next process
    has passed its self-test the card scores again."""
    command = flaky(small, tmp_path, "--fault", fault.option,
                    mended=not fault.wait_up) if fault.option else None
    trial = flow(small.settings(command=command, **{**PATIENT, **QUICK, **fault.more}),
                 wait_up=fault.wait_up)
    falls = lambda: trial.metric("sparsed_fpga_down_total", f'cause="{fault.cause}"')  # noqa: E731
    trial.daemon.wait(lambda: falls() > 0
                      or trial.metric("sparsed_fpga_launches_total") >= fault.launch)
    began = time.monotonic() if fault.act or fault.launch else trial.born
    if fault.act:
        act(trial, fault.act)
    trial.daemon.wait(lambda: falls() >= 1)
    seen = time.monotonic() - began
    assert seen < fault.detected_s
    if not fault.wait_up:  # until now the CPU alone has scored
        decided = trial.metric("sparsed_events_total")
        trial.daemon.wait(lambda: trial.metric("sparsed_events_total") > decided + EVENTS)
        tmp_path.joinpath("mended").touch()
        began = time.monotonic()
    trial.daemon.wait(lambda: trial.up() == 1)
    back = time.monotonic() - began
    before = trial.windows()
    trial.daemon.wait(lambda: trial.windows() > before)
    fallback = trial.metric("sparsed_fpga_fallback_total")
    sent = trial.finish(expected)
    print(f"\n| {fault.name} | `{fault.cause}` | {seen:.2f} s | {back:.1f} s | "
          f"{fallback:.0f} windows of {sent} events |")


def test_a_killed_process_loses_nothing(flow, small, expected):
    """Again and again, at any moment: batches out, in the self-test, at the start. No event is
    lost, no descriptor, no folder, no zombie is left."""
    trial = flow(small.settings(**PATIENT, restart="10 ms"))
    pid = trial.daemon.process.pid
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    killed = []
    for kill in range(KILLS):
        trial.daemon.wait(lambda: children(pid))
        if kill % 2 == 0:  # with batches out; the others while it starts or is tested
            trial.daemon.wait(lambda: trial.up() == 1)
            launches = trial.metric("sparsed_fpga_launches_total")
            trial.daemon.wait(lambda: trial.metric("sparsed_fpga_launches_total") > launches + 5)
        for process in children(pid):
            os.kill(process, signal.SIGKILL)
            killed.append(process)
        falls = kill + 1
        trial.daemon.wait(lambda: trial.metric("sparsed_fpga_down_total") >= falls, seconds=90)
    trial.daemon.wait(lambda: trial.up() == 1, seconds=90)
    assert trial.metric("sparsed_fpga_down_total") == KILLS
    assert len(os.listdir(f"/proc/{pid}/fd")) <= descriptors
    alive = {p for c in children(pid) for p in (c, *children(c))}
    left = [p for p in killed if pathlib.Path(f"/tmp/sparsed-xrt-{p}").exists()]
    assert not left and len(alive) == 2  # sparsed-xrt and its device
    fallback = trial.metric("sparsed_fpga_fallback_total")
    sent = trial.finish(expected)
    print(f"\nkilled {KILLS} times: {sent} events, {fallback:.0f} windows fell back to the CPU")
    wait_gone(*alive)


def test_nothing_is_left_of_a_killed_daemon(flow, small):
    """SIGKILL of sparsed: the processes behind it end, hung or not, and the folder goes."""
    trial = flow(small.settings(**PATIENT))
    process, = children(trial.daemon.process.pid)
    device, = children(process)
    trial.daemon.process.kill()
    trial.daemon.process.wait()
    wait_gone(process, device)
    assert not pathlib.Path(f"/tmp/sparsed-xrt-{process}").exists()
    trial.sender.kill()
    trial.reader.kill()


def test_a_card_that_lies_is_saved_and_replayed(flow, run, small, expected, tmp_path):
    """What differed can be computed again: sparse-verify finds the CPU where it was, and the
    card off by the bit that was turned."""
    saved = tmp_path / "saved"
    saved.mkdir()
    trial = flow(small.settings(command=flaky(small, tmp_path, "--fault", "wrong-bits=20"),
                                **PATIENT, restart="200 ms", cross_check=1, save_directory=saved))
    trial.daemon.wait(lambda: trial.metric("sparsed_fpga_differing_total") > 0)
    trial.daemon.wait(lambda: trial.up() == 1)
    trial.finish(expected)
    lines = [json.loads(line) for line in (saved / "differing.jsonl").read_text().splitlines()]
    assert lines and all(abs(a - b) == 1 for d in lines for a, b in zip(d["cpu"], d["card"]))
    done = run("sparse-verify", "--windows", saved / "differing.jsonl", small.model)
    assert done.returncode == 1 and f"{len(lines)} windows" in done.stdout
    assert "the CPU again: 0 differ from what the CPU gave" in done.stdout
    assert f"{len(lines)} from what the card gave" in done.stdout


# ---- what is configured wrongly ----

def test_what_is_wrong_is_said_at_the_start(run, small, bin_dir, tmp_path):
    """One sentence and exit status 2, before anything is listened to: XRT would crash on these
    files, or take them."""
    other = build(bin_dir, small_model(tmp_path / "other.model.h5", seed=2), tmp_path / "other")
    good = small.xclbin.read_bytes()
    tmp_path.joinpath("cut.xclbin").write_bytes(good[:len(good) // 2])
    tmp_path.joinpath("empty.xclbin").touch()
    config = tmp_path / "trigger.toml"
    config.write_text((DETECTOR_TOML + COMMON).format(
        **DETECTOR, model=small.model, label="neutrino", timeout="20 s", readout=1, decisions=2,
        http=3))
    for words, settings in (
            ("no model has an xclbin", ["engine.kind=fpga"]),
            ("No such file", small.settings() + ["engine.model[0].xclbin=/nowhere.xclbin"]),
            ("empty", small.settings() + [f"engine.model[0].xclbin={tmp_path}/empty.xclbin"]),
            ("truncated", small.settings() + [f"engine.model[0].xclbin={tmp_path}/cut.xclbin"]),
            ("made from a model with sha256",
             small.settings() + [f"engine.model[0].xclbin={other.xclbin}"]),
            ("asks for a card", small.settings() + ["engine.model[0].device_command=''"]),
            ("engine.fpga.program: /nowhere/sparsed-xrt: not there",
             small.settings(program="/nowhere/sparsed-xrt"))):
        arguments = [a for s in settings for a in ("--set", s)]
        done = run("sparsed", "--config", config, *arguments)
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 2 and words in last, done.stderr


@pytest.mark.parametrize("command,words", [
    ("/nowhere/sparse-device x", "no such command"),
    ("sparse-device /nowhere.so", "no such command"),  # not in the PATH of the test
    ("true", "ended before the card was open"),
])
def test_a_device_command_that_does_nothing_is_named(flow, small, expected, command, words):
    """XRT would wait for it for five minutes and end its process; the log says within a
    second what was wrong with it, and the CPU scores."""
    trial = flow(small.settings(command=command, restart="100 ms"), wait_up=0)
    trial.daemon.wait(lambda: words in trial.daemon.logged())
    assert f"engine.model[].device_command: {command}: " in trial.daemon.logged()
    assert "degraded: 1 of 1 cards not up" in trial.daemon.page("readyz")
    trial.finish(expected)


def test_a_program_that_is_not_sparsed_xrt(flow, small, expected):
    """Whatever is started in its place, and however quickly it ends: the CPU scores, and
    nobody is started more often than the back-off says."""
    trial = flow(small.settings(program="/bin/true", restart="500 ms"), wait_up=0)
    trial.daemon.wait(lambda: trial.metric("sparsed_fpga_down_total", 'cause="died"') > 1)
    assert trial.metric("sparsed_fpga_starts_total") < 8
    trial.finish(expected)
