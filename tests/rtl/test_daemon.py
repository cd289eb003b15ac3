"""The daemon with the kernel in SystemVerilog behind the real XRT: real windows get the vectors'
scores; another model is loaded while it runs, onto the same kernel, without anything being built;
a kernel that stops with an error code costs a sentence and no decision.

SPARSED_RTL_LIBRARY: libkernel_rtl.so (target kernel_rtl).
"""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from conftest import *  # noqa: E402,F401,F403  the fixtures of the black-box tests
from test_sparsed import (Daemon, check_real_windows, collect, decisions_of,  # noqa: E402
                          real_windows, vectors)

DETECTOR = {"ticks": 6400, "wires": 3456}
FIRST, SECOND = "neutrino-sparse_l-16b", "neutrino-sparse_s-8b"
LIBRARY = pathlib.Path(os.environ.get("SPARSED_RTL_LIBRARY", ""))


@pytest.fixture(scope="module")
def xclbin(bin_dir, tmp_path_factory) -> pathlib.Path:
    """One container for every model."""
    if not (bin_dir / "sparsed-xrt").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("without XRT")
    path = tmp_path_factory.mktemp("xclbin") / "rtl.xclbin"
    subprocess.run([bin_dir / "sparse-xclbin", LIBRARY, "-o", path], check=True,
                   capture_output=True)
    return path


@pytest.fixture
def start_card(run, free_port, bin_dir, shared_dir, tmp_path, xclbin):
    """Call it: a daemon with FIRST on the card, every window checked by the CPU; `options` are
    of the emulated card."""
    def call(*options: str, overrides: tuple[str, ...] = ()) -> Daemon:
        command = " ".join(map(str, (bin_dir / "sparse-device", *options, LIBRARY)))
        return Daemon(run, free_port, tmp_path, shared_dir / "golden" / f"{FIRST}.model.h5",
                      "neutrino", detector=DETECTOR, overrides=[
                          "engine.kind=fpga", f"engine.model[0].xclbin={xclbin}",
                          f"engine.model[0].device_command={command}", "engine.fpga.deadline=5 s",
                          "engine.fpga.cross_check=1", *overrides])
    return call


def up(daemon: Daemon) -> bool:
    """Whether the card has passed its self-test."""
    lines = (daemon.page("metrics") or "").splitlines()
    return any(line.startswith("sparsed_fpga_state{") and 'state="up"' in line
               and line.endswith(" 1") for line in lines)


def send(run, shared_dir, daemon: Daemon, name: str) -> None:
    """100 real windows; each decision has the vectors' scores of this model."""
    reader = collect(run, daemon, 100)
    done = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
               daemon.address("readout"), "--rate", "100Hz", timeout=120)
    assert done.returncode == 0, done.stderr
    check_real_windows(shared_dir, name, decisions_of(reader))


def ask(endpoint: str, **request: object) -> object:
    """One request to the control socket; its reply."""
    from sparsed import control_pb2
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 60000)
    socket.connect(endpoint)
    try:
        socket.send(control_pb2.ControlRequest(schema_version=1, **request).SerializeToString())
        return control_pb2.ControlReply.FromString(socket.recv())
    finally:
        socket.close()


DONE = 0  # ControlReply.Outcome


def begin(endpoint: str) -> None:
    """Run 1."""
    for command in ("CONFIGURE", "START"):
        reply = ask(endpoint, command=command, run=1 if command == "START" else 0)
        assert reply.outcome == DONE, reply.text


def start_run(start_card, control: str, overrides: tuple[str, ...] = ()) -> Daemon:
    """A daemon in run 1, told at this endpoint."""
    with ThreadPoolExecutor() as operator:  # the daemon is ready when its run is on
        begun = operator.submit(begin, control)
        daemon = start_card(overrides=(f"service.control=['@{control}']", *overrides))
    begun.result()
    return daemon


def flow(run, shared_dir, daemon: Daemon, output: pathlib.Path) -> tuple:
    """Real windows again and again, and what is decided of them, a line each in `output`: the
    processes of reader and sender. Of the sender, when it is told to end: its account, as JSON."""
    reader = run("sparse-decisions", daemon.address("decisions"), "--json", start=True,
                 stdout=output.open("w"))
    time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet
    sender = run("sparse-replay", shared_dir / "events" / "real-windows.h5", "--to",
                 daemon.address("readout"), "--rate", "40Hz", "--loops", 0, "--preload", "--quiet",
                 "--json", start=True)
    return reader, sender


def scores(shared_dir, decisions: list[dict]) -> list[tuple[int, list[int]]]:
    """Of each decision: which of the vectors it is, and the raw scores of the window that holds
    the event. Two events that are under way at once may be decided in any order."""
    where = {identity[1:]: (i, place)
             for i, (identity, place) in enumerate(real_windows(shared_dir))}
    found = []
    for d in decisions:
        i, place = where[int(d["subrun"]), int(d["event"])]
        at, = (w for w in d["windows"] if (w["plane"], w["first_bin"], w["first_wire"]) == place)
        found.append((i, [int(x) for x in at["score_raw"]]))
    return found


def test_another_model_in_a_running_daemon(run, shared_dir, tmp_path, start_card):
    """An experiment retrains its network at noon. Events flow; the daemon is told the file, and
    from one event on all have the new network's scores, on the same xclbin, and no event is
    without. A network that does not fit the kernel is refused, and changes nothing."""
    control = f"ipc://{tmp_path}/control"
    daemon = start_run(start_card, control)
    daemon.wait(lambda: up(daemon))
    output = tmp_path / "decisions.jsonl"
    reader, sender = flow(run, shared_dir, daemon, output)
    decided = lambda: output.read_text().count("\n")  # noqa: E731
    daemon.wait(lambda: decided() > 100, 60)
    beyond = shared_dir / "golden" / "neutrino-full-16b.model.h5"
    refused = ask(control, command="MODEL", file=str(beyond))
    assert refused.outcome != DONE and "zero_pad2d" in refused.text, refused.text
    before = decided()
    changed = ask(control, command="MODEL", file=str(shared_dir / f"golden/{SECOND}.model.h5"))
    assert changed.outcome == DONE, changed.text
    daemon.wait(lambda: up(daemon))
    after = decided()
    daemon.wait(lambda: decided() > after + 110, 60)
    sender.terminate()
    sender.wait(60)
    assert daemon.metric("sparsed_fpga_differing_total") == 0
    reader.terminate()
    reader.wait(60)
    daemon.stop()
    decisions = [json.loads(line) for line in output.read_text().splitlines()]
    first, second = vectors(shared_dir, FIRST).tolist(), vectors(shared_dir, SECOND).tolist()
    found = scores(shared_dir, decisions)
    old = [score == first[i] for i, score in found]
    new = [score == second[i] for i, score in found]
    change = old.index(False)
    assert before <= change and all(new[change:])
    assert any("fpga" in d["engine"] for d in decisions[after:])


def test_a_kernel_that_refuses_its_network(run, shared_dir, start_card):
    """A bit of the network flips on its way to the card: the kernel says so in a register, the
    daemon in its log, and the CPU decides as the card would have."""
    daemon = start_card("--fault", "bad-image")
    daemon.wait(lambda: "the kernel stopped with error code 8" in daemon.logged())
    send(run, shared_dir, daemon, FIRST)
    assert daemon.metric("sparsed_fpga_fallback_total") > 0
    daemon.stop()
