"""What the black-box tests share: where the programs are, the shared data, a free port.

SPARSED_BIN      folder of the programs (default: build/bin of this source)
SPARSED_PYTHON   folder of the generated message classes (default: beside SPARSED_BIN)
SPARSED_SHARED   shared data; without it a test is skipped, on CI it fails
"""
import os
import pathlib
import subprocess
import sys

import pytest

from ports import find_port

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPARSED_BIN", SOURCE / "build" / "bin"))
sys.path.insert(0, os.environ.get("SPARSED_PYTHON", str(BIN.parent / "python")))


@pytest.fixture(scope="session")
def bin_dir():
    """Folder of the programs under test."""
    assert BIN.is_dir(), f"no programs in {BIN}: build first, or set SPARSED_BIN"
    return BIN


@pytest.fixture(scope="session")
def shared_dir():
    """Folder of the shared data; skips where it is absent, fails on CI."""
    path = pathlib.Path(os.environ.get("SPARSED_SHARED", SOURCE.parent / "shared"))
    if not path.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no shared data at {path}")
        pytest.skip(f"no shared data at {path}")
    return path


@pytest.fixture
def free_port():
    """Call it: find_port, for tests."""
    return find_port


@pytest.fixture
def run(bin_dir):
    """Call it with a program's name and arguments: the finished process, output as text.

    `start=True` gives the running process instead; it is ended after the test."""
    started = []

    def call(program, *arguments, start=False, timeout=60, **more):
        command = [str(bin_dir / program), *map(str, arguments)]
        if not start:
            return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **more)
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        process = subprocess.Popen(command, **more)
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def replay(run):
    """Call it: (fragments, finished process) of one replay into a PULL socket."""
    from receiver import Receiver  # here: it needs the message classes, which not all tests have

    def call(*arguments, rc=0):
        receiver = Receiver()
        try:
            p = run("sparse-replay", *arguments, "--to", receiver.endpoint, "--json", "--wait", 20)
        finally:
            receiver.ended.set()
        fragments = receiver.fragments()
        assert p.returncode == rc, p.stderr
        return fragments, p
    return call
