"""The daemon with the kernel in SystemVerilog behind the real XRT: real windows get the vectors'
scores; another model is loaded while it runs, onto the same kernel, without anything being built;
a kernel that stops with an error code costs a sentence and no decision.

SPARSED_RTL_LIBRARY: libkernel_rtl.so (target kernel_rtl).
"""
from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from conftest import *  # noqa: E402,F401,F403  the fixtures of the black-box tests
from test_sparsed import Daemon, check_real_windows, collect, decisions_of  # noqa: E402

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


def test_another_model_in_a_running_daemon(run, shared_dir, tmp_path, start_card):
    """An experiment retrains its network at noon. The daemon is told the file, and the card goes
    on with the new network: the same xclbin, the same process of the daemon, no event lost."""
    control = f"ipc://{tmp_path}/control"
    daemon = start_card(overrides=(f"service.control=[@{control}]",))
    done = 0  # ControlReply.DONE
    started = ask(control, command="START", run=1)
    assert started.outcome == done, started.text
    daemon.wait(lambda: up(daemon))
    send(run, shared_dir, daemon, FIRST)
    model = shared_dir / "golden" / f"{SECOND}.model.h5"
    changed = ask(control, command="MODEL", file=str(model))
    assert changed.outcome == done, changed.text
    daemon.wait(lambda: up(daemon))
    send(run, shared_dir, daemon, SECOND)
    for name in ("differing", "fallback"):
        assert daemon.metric(f"sparsed_fpga_{name}_total") == 0
    # what does not fit the kernel is refused with the limit, and the model in force stays
    beyond = shared_dir / "golden" / "neutrino-full-16b.model.h5"
    refused = ask(control, command="MODEL", file=str(beyond))
    assert refused.outcome != done and "zero_pad2d" in refused.text
    send(run, shared_dir, daemon, SECOND)
    daemon.stop()


def test_a_kernel_that_refuses_its_network(run, shared_dir, start_card):
    """A bit of the network flips on its way to the card: the kernel says so in a register, the
    daemon in its log, and the CPU decides as the card would have."""
    daemon = start_card("--fault", "bad-image")
    daemon.wait(lambda: "the kernel stopped with error code 8" in daemon.logged())
    send(run, shared_dir, daemon, FIRST)
    assert daemon.metric("sparsed_fpga_fallback_total") > 0
    daemon.stop()
