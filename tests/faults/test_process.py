"""What the machine does to the process: stops it, steps its clock, takes its descriptors and its
memory."""
from __future__ import annotations

import os
import resource
import signal
import socket
import time

from trial import *  # noqa: F401,F403
from trial import ACCEPT_ALL, ACCEPT_NONE, LONG, PATIENT, Trial, long

STOP_S = 30 if LONG else 3


@pytest.mark.parametrize("pattern", ["push", "pub"])
def test_the_process_is_stopped(trial: Trial, free_port, pattern: str):
    """SIGSTOP: a debugger, a snapshot of a virtual machine. The time is dead (`stalled`), not
    live. PUSH waits for it; PUB does not, and what its queue had no room for is a gap."""
    if pattern == "pub" and not LONG:
        pytest.skip("one of the long ones")
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    reads = "pull" if pattern == "push" else "sub"
    trial.start(ACCEPT_NONE, f"readout.endpoints=['>{endpoint}']", f"readout.pattern={reads}",
                "readout.high_water_mark=16", "readout.receive_buffer=64 KiB")
    readout = trial.readout("@" + endpoint, n=1, rate=200, pattern=pattern, high_water=16)
    trial.wait_decided(50)
    os.kill(trial.daemon.process.pid, signal.SIGSTOP)
    time.sleep(STOP_S)
    os.kill(trial.daemon.process.pid, signal.SIGCONT)
    back = trial.wait_decided(20)
    n = trial.close()
    stalled = n("dead_seconds_total", cause="stalled")
    assert STOP_S - 1.5 < stalled < STOP_S + 3
    assert n("source_restarts_total") == 0
    sent = readout.event
    missed = n("source_missed_total")
    if pattern == "push":
        assert missed == 0 and n("events_total", fate="rejected") == sent
    lost = "nothing" if missed == 0 else f"{missed:.0f} messages: `source_missed_total`"
    trial.row(f"SIGSTOP for {STOP_S} s, {reads}", f"{lost}; {stalled:.1f} s dead time `stalled`",
              back)


@pytest.mark.parametrize("step_s", [3600, -3600, -400 * 86400])
def test_the_wall_clock_steps(trial: Trial, preload, tmp_path, step_s: int):
    """An hour forth, an hour back, more than a year back: time-outs, rates, dead time and the
    recorder's rotation are measured on a clock that does not step. Only the times in decisions
    and in names of files follow."""
    if step_s == -3600 and not LONG:
        pytest.skip("one of the long ones")
    folder = tmp_path / "records"
    folder.mkdir()
    tell, environment = preload
    trial.start(ACCEPT_ALL, *PATIENT, f"output.record.directory={folder}",
                "output.record.flush=20 ms", environment=environment)
    readout = trial.readout(rate=200)
    trial.wait_decided(50)
    tell(wall_ns=step_s * 1_000_000_000)
    back = trial.wait_decided(50)
    trial.settle()
    trial.wait(lambda n: n("recorded_events_total") == n("events_total", fate="accepted"))
    n = trial.close()
    assert n("events_total", fate="accepted") == readout.event and not n("events_incomplete_total")
    assert n("dead_seconds_total", cause="stalled") < 1
    trial.row(f"wall clock steps by {step_s:+,} s", "nothing", back)


@long
def test_no_descriptor_is_left(trial: Trial, tmp_path):
    """Every descriptor is taken: who connects now is not let in, the recorder cannot begin a
    file, events are decided all the same. When there are some again both go on."""
    folder = tmp_path / "records"
    folder.mkdir()
    trial.start(ACCEPT_ALL, f"output.record.directory={folder}", "output.record.flush=20 ms",
                "output.record.rotate.time=1 s")
    readout = trial.readout(rate=100)
    trial.wait(lambda n: n("recorded_events_total") > 20)
    pid = trial.daemon.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    decided = trial.numbers()("decisions_published_total")
    # below what is open already: no call gets a new one
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    knocks = []
    for _ in range(20):
        knock = socket.socket()
        knock.settimeout(1)
        knock.connect_ex(("127.0.0.1", trial.daemon.ports["readout"]))
        knocks.append(knock)
    time.sleep(2.5)
    assert trial.daemon.process.poll() is None, trial.daemon.logged()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for knock in knocks:
        knock.close()
    recorded = trial.wait(lambda n: n("decisions_published_total") > decided + 150)
    failed = trial.numbers()
    assert failed("record_errors_total") > 0 or failed("record_lost_total") > 0
    back = trial.wait(lambda n: n("record_failing") == 0 and
                      n("recorded_events_total") > failed("recorded_events_total") + 20, 60)
    del recorded
    trial.settle()
    trial.wait(lambda n: n("recorded_events_total") + n("record_lost_total")
               == n("events_total", fate="accepted"))
    n = trial.close()
    assert n("events_total", fate="accepted") == readout.event
    trial.row("out of file descriptors for 2.5 s",
              f"{n('record_lost_total'):.0f} accepted events not recorded: `record_lost_total`; "
              "all decided", back)


def test_no_memory_at_the_start(trial: Trial, run):
    """What a run needs is taken when it is configured: too little (RLIMIT_AS) is said then, in
    one sentence, and not in the night."""
    trial.start(ACCEPT_NONE)
    trial.daemon.stop()
    path = trial._folder / "trigger.toml"
    done = run("sparsed", "--config", path, "--set", "readout.event_slots=60000",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)))
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "readout.event_slots = 60000: no memory" in last, done.stderr
    trial.row("not enough memory (RLIMIT_AS 1 GiB) at the start",
              "it does not start: exit status 1, one sentence that names the setting")


@long
def test_no_memory_in_the_night(trial: Trial, tmp_path):
    """The limit falls to what is in use while a run goes on (RLIMIT_AS). The path of an event
    takes none; messages are libzmq's, whose way with an empty hand is to abort: then the next
    daemon goes on, and no flushed event is gone."""
    folder = tmp_path / "records"
    folder.mkdir()
    settings = (ACCEPT_ALL, f"output.record.directory={folder}", "output.record.flush=20 ms",
                f"readout.endpoints=['@ipc://{tmp_path}/readout']")
    trial.start(*settings)
    readout = trial.readout(f"ipc://{tmp_path}/readout", rate=100)
    trial.wait(lambda n: n("recorded_events_total") > 20)
    pid = trial.daemon.process.pid
    used = int(open(f"/proc/{pid}/statm").read().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
    deadline = time.monotonic() + 3
    while trial.daemon.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    died = trial.daemon.process.poll() is not None
    if died:
        trial.start(*settings, again=True)
    else:
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    back = trial.wait_decided(20)
    trial.close()
    assert readout.event > 0
    trial.row("no more memory (RLIMIT_AS) in a run",
              "what was in flight; libzmq aborts, the service manager starts it again"
              if died else "nothing: a run takes no more", back)
