"""`./bootstrap demo`, which is a new user's first minute: it must end with success only
when every event came back as a decision and the ledger closed. It uses the ports of
config/demo.toml, so another daemon on this machine makes these tests skip."""
import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import BIN, SOURCE

PORTS = (5555, 5556, 5557, 9464)


def demo(*arguments, rate="100Hz", events="40"):
    """The finished demo; what it started and left behind is ended with its process group."""
    process = subprocess.Popen([str(SOURCE / "bootstrap"), "demo", *map(str, arguments)], text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={**os.environ, "SPARSED_BIN": str(BIN), "SPARSED_DEMO_RATE": rate, "SPARSED_DEMO_EVENTS": events},
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, output


@pytest.fixture
def ports():
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is in use")


def test_demo_decides_every_event_and_closes_its_ledger(ports, shared_dir):
    status, output = demo(shared_dir / "events" / "real-windows.h5",
                          shared_dir / "golden" / "neutrino-sparse_l-16b.model.h5")
    assert status == 0, output
    assert "100 events sent, 100 decisions read, 71 accepted" in output
    assert re.search(r"in 100 = accepted 71 \+ rejected 29 .* in flight 0   ledger closes\n$", output)
    assert re.search(r"^rate +\d", output, re.M), "no rates were shown"


def test_a_demo_that_cannot_start_says_so_and_fails(shared_dir):
    """A script that goes on after its daemon died would wait for decisions for ever."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", 9464))
            s.listen()
        except OSError:
            pass # somebody else has it: as good
        status, output = demo(shared_dir / "events" / "real-windows.h5",
                              shared_dir / "golden" / "neutrino-sparse_l-16b.model.h5")
    assert status == 1
    assert "9464" in output and "did not come up" in output


def test_demo_without_arguments_simulates_judges_and_draws(ports):
    """What a new user runs first. Efficiency and accept rate come from the truth; the model
    is ours."""
    picture = SOURCE / "build" / "demo" / "accepted.png"
    picture.unlink(missing_ok=True)
    status, output = demo(rate="20", events="40")
    assert status == 0, output
    assert "40 events sent, 40 decisions read" in output
    assert re.search(r"events with a neutrino accepted +\d+ of \d+ \(", output), output
    assert re.search(r"events of cosmics alone accepted +\d+ of \d+ \(", output), output
    assert picture.stat().st_size > 20000


@pytest.mark.parametrize("arguments, sentence", [
    (("only-one.h5",), "demo needs two files, or none"),
    (("no-such.h5", "no-model.h5"), "no-such.h5: cannot be read"),
])
def test_a_demo_without_its_files_says_what_it_needs(arguments, sentence):
    status, output = demo(*arguments)
    assert status == 1 and sentence in output
