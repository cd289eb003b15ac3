"""A crew's night, as one script: configure, start, ten faults, a new model, a reload, a pause, a
stop. At each step the page, sparse-top and sparsectl say the same, and say the fault; at the end
every event has its fate and no loss is without a reason."""
from __future__ import annotations

import json
import resource
import signal
import socket
import time

import pytest

from trial import *  # noqa: F401,F403
from trial import ACCEPT_ALL, LONG, PATIENT, Trial, small_model

RATE = 60


class Crew:
    """Who looks and who acts."""

    def __init__(self, trial: Trial, run, folder) -> None:
        self.trial, self.run, self.folder = trial, run, folder
        self.control = f"ipc://{folder}/control"
        self.metrics = f"ipc://{folder}/metrics"

    def ctl(self, *words: object, status: int = 0) -> str:
        done = self.run("sparsectl", "-e", self.control, *words)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stdout

    def top(self) -> dict:
        done = self.run("sparse-top", "--once", "--json", "--timeout", 10, self.metrics)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def page(self) -> dict:
        return json.loads(self.trial.daemon.page("status"))

    def states(self) -> tuple[str, str]:
        """Of the run, as page and sparse-top have it."""
        top = self.top()["run_state"]
        return self.page()["run"]["state"], next(name for name, on in top.items() if on)

    def look(self, *words: str, seconds: float = 30) -> None:
        """Until page and sparse-top say the same word, with these words among the reasons of
        both."""
        said = []

        def agree() -> bool:
            page, top = self.page()["health"], self.top()["health"]
            said[:] = [page, top]
            return page["state"] == top["state"] and all(
                any(word in reason for reason in health["reasons"])
                for word in words for health in (page, top))
        try:
            self.trial.daemon.wait(agree, seconds)
        except AssertionError:
            raise AssertionError(f"{words}: {said}") from None


@pytest.mark.skipif(not LONG, reason="one of the long ones (SPARSED_FAULTS_LONG=1)")
def test_a_crews_night(trial: Trial, run, tmp_path):
    crew = Crew(trial, run, tmp_path)
    (tmp_path / "records").mkdir()
    daemon = trial.start(ACCEPT_ALL, *PATIENT, "output.record.flush=20 ms",
                         f"output.record.directory={tmp_path}/records",
                         f"service.control=['@{crew.control}']",
                         f"service.metrics=['@{crew.metrics}']",
                         "service.metrics_interval=200 ms", alive="healthz")
    crew.ctl("start", "1207", status=3)  # not before it is configured
    crew.ctl("configure")
    crew.ctl("start", "1207", "--comment", "first beam")
    readout = trial.readout(rate=RATE)
    trial.wait(lambda n: n("decisions_published_total") > 100)
    assert crew.ctl("status").startswith("RUNNING  run 1207")
    assert crew.states() == ("running", "running")

    def numbers(name: str, **labels: str) -> float:
        return trial.numbers()(name, **labels)

    # 1. A source falls silent, and comes back.
    readout.do(lambda: readout.mute.add(2))
    trial.wait(lambda n: n("events_incomplete_total") > 0)
    crew.look("12")
    readout.do(lambda: readout.mute.discard(2))
    # 2. A source skips: its sequence has a gap.
    readout.do(lambda: setattr(readout.source[0], "sequence", readout.source[0].sequence + 50))
    trial.wait(lambda n: n("source_missed_total", source=10) == 50)
    # 3. A source is started again: its sequence begins at 0.
    readout.do(lambda: setattr(readout.source[1], "sequence", 0))
    trial.wait(lambda n: n("source_restarts_total", source=11) == 1)
    # 4. A source spoils a message.
    readout.do(lambda: readout.source[3].send(readout.event + 100_000, spoil=True))
    trial.wait(lambda n: n("fragments_total", fate="bad_encoding") == 1)
    # 5. A stranger knocks at the readout's door.
    with socket.create_connection(("127.0.0.1", daemon.ports["readout"])) as stranger:
        stranger.sendall(bytes(range(256)) * 40)
    # 6. A subscriber stops reading.
    deaf = run("sparse-decisions", daemon.address("decisions"), "--json", start=True)
    time.sleep(0.5)
    deaf.send_signal(signal.SIGSTOP)
    # 7. The disk takes no more, and then does.
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    trial.wait(lambda n: n("record_failing") == 1, 60)
    crew.look("recorder")
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
    trial.wait(lambda n: n("record_failing") == 0, 90)
    # 8. The daemon stands still for a while.
    daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    daemon.process.send_signal(signal.SIGCONT)
    trial.wait_decided(RATE)
    # 9. Far too many events for a moment.
    readout.do(lambda: setattr(readout, "rate", 0))
    time.sleep(1)
    readout.do(lambda: setattr(readout, "rate", RATE))
    # 10. An operator's program is killed in the middle of its question.
    asking = run("sparsectl", "-e", crew.control, "status", start=True)
    asking.kill()
    trial.wait_decided(RATE, 60)

    # A new network, between two events; then another prescale, out of the file.
    crew.ctl("model", small_model(tmp_path / "second.model.h5", seed=2))
    trial.wait_decided(RATE)
    assert "second.model.h5" in crew.ctl("config")
    crew.ctl("prescale", "first", "3")
    trial.wait(lambda n: n("events_total", fate="prescaled") > 0)
    crew.ctl("reload", status=0)
    # A pause, and on.
    crew.ctl("pause")
    assert crew.states() == ("paused", "paused")
    crew.ctl("resume")
    trial.wait_decided(RATE)
    crew.look()

    n = trial.settle()
    check_books(n)
    assert n("decisions_published_total") == n("events_in_total") >= readout.event
    assert n("record_lost_total") + n("recorded_events_total") == n("events_total",
                                                                    fate="accepted")
    incomplete = n.by("events_timed_out_total", "cause")
    crew.ctl("stop", status=6)  # it names the accepted events that the disk did not take
    assert crew.ctl("status").startswith("CONFIGURED")
    deaf.send_signal(signal.SIGCONT)
    last = daemon.stop()
    assert "lost 0" in last
    trial.row("a crew's night: ten faults, a new model, a reload, a pause",
              f"no event of {n('events_in_total'):.0f}; incomplete, by cause: {incomplete}; "
              f"{n('record_lost_total'):.0f} accepted events not recorded while the disk took none")
