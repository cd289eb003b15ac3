"""The network between readout and daemon is slow, loses packets, is cut. TCP hides what it can:
then nothing is lost but time. What ZeroMQ gives up (SUB, full queues) is a gap, to the message."""
from __future__ import annotations

import time
from collections.abc import Iterator

from trial import *  # noqa: F401,F403
from trial import ACCEPT_NONE, LONG, Trial, long
from network import Network

CUT_S = 20 if LONG else 2


@pytest.fixture
def network() -> Iterator[Network]:
    """A network of the test's own; skipped where it may not make one."""
    try:
        n = Network()
    except OSError as why:
        pytest.skip(f"no network of our own: {why}")
    n.start()
    yield n
    n.close()


def begin(trial: Trial, network: Network, port: int, pattern: str, **more: object) -> Readout:
    """The daemon listens at the near end, the readout sends from the far one."""
    trial.start(ACCEPT_NONE, "security.plain=['readout']",
                f"readout.endpoints=['@tcp://{network.near}:{port}']",
                f"readout.pattern={'pull' if pattern == 'push' else 'sub'}",
                "readout.event_slots=256", timeout="500 ms")
    readout = trial.readout(f"tcp://{network.near}:{port}", pattern=pattern, enter=network.enter,
                            rate=100, mute={0}, **more)
    readout.do(readout.source[0].socket)
    time.sleep(0.5)  # a PUB socket sends nothing to who is not there yet

    def go() -> None:
        readout.event = 0
        readout.mute.clear()
    readout.do(go)
    trial.wait_decided(20)
    return readout


@pytest.mark.parametrize("delay_ms, loss", [(100, 0.0), (5, 0.05)])
def test_the_network_is_slow_or_lossy(trial: Trial, network: Network, free_port, delay_ms: int,
                                      loss: float):
    """Later, and in bursts, but all of it: TCP sends again what the network lost."""
    if loss == 0 and not LONG:
        pytest.skip("one of the long ones")
    readout = begin(trial, network, free_port(), "push", n=1)
    network.delay_s, network.loss = delay_ms / 1e3, loss
    trial.wait_decided(100, 60)
    network.delay_s, network.loss = 0, 0
    back = trial.wait_decided(20)
    trial.readouts[0].pause()
    trial.wait(lambda n: n("events_in_total") == readout.event)
    n = trial.close()
    assert n("source_missed_total") == 0 and n("events_total", fate="rejected") == readout.event
    assert loss == 0 or network.dropped > 10
    trial.row(f"network: {delay_ms} ms each way, {loss:.0%} of packets lost", "nothing", back)


@long
@pytest.mark.parametrize("pattern", ["push", "pub"])
def test_the_network_is_cut(trial: Trial, network: Network, free_port, pattern: str):
    """A cable is pulled, and put back. PUSH keeps what it has and waits; PUB drops what its queue
    has no room for, and the gap that the daemon sees is exactly that."""
    readout = begin(trial, network, free_port(), pattern, n=1, high_water=50,
                    send_buffer=4096)
    network.cut = True
    time.sleep(CUT_S)
    network.cut = False
    back = trial.wait_decided(20, 120)
    readout.pause()
    # the last message may be lost too: then only the next one tells
    for _ in range(3):
        readout.source[0].send(readout.event, lambda: True)
        readout.event += 1
        time.sleep(0.3)
    n = trial.close()
    missed = n("source_missed_total")
    assert n("fragments_received_total", source=10) + missed == readout.event
    assert n("source_restarts_total") == n("source_out_of_order_total") == 0
    if pattern == "push":
        assert missed == 0 and n("events_total", fate="rejected") == readout.event
    trial.row(f"network cut for {CUT_S} s, {'pull' if pattern == 'push' else 'sub'}",
              "nothing" if missed == 0 else
              f"{missed:.0f} of {readout.event} messages: `source_missed_total`", back)
