"""sparse-decisions, sparse-top and the Python package against publishers of our
own: what they show, what they survive. No sparsed runs here.

A publisher sends only after the client has subscribed (XPUB says so), so no test
depends on how fast a machine is.
"""

import json
import time
import signal
import subprocess

import numpy as np
import pytest
import zmq

import sparsed

WAIT_S = 20


@pytest.fixture
def publisher():
    """(socket, endpoint) of an XPUB that tells of every subscription."""
    socket = zmq.Context.instance().socket(zmq.XPUB)
    socket.xpub_verbose = 1
    socket.rcvtimeo = WAIT_S * 1000
    socket.linger = 0
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    yield socket, f"tcp://127.0.0.1:{port}"
    socket.close()


@pytest.fixture
def start(bin_dir):
    """Starts a client; whatever still runs at the end is killed."""
    running = []

    def start_one(program, *arguments):
        running.append(
            subprocess.Popen(
                [str(bin_dir / program), *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        )
        return running[-1]

    yield start_one
    for p in running:
        p.kill()
        p.communicate()


def decision(event, accept=True, **fields):
    fields.setdefault("schema_version", 1)
    return sparsed.Decision(
        run=1207,
        event=event,
        accept=accept,
        fate=sparsed.ACCEPTED if accept else sparsed.REJECTED,
        windows=[
            sparsed.WindowScore(
                plane=2,
                first_bin=512,
                first_wire=1024,
                n_active=31,
                truncated=True,
                score=[0.981 if accept else 0.112],
                score_raw=[-5],
            )
        ],
        models=[
            sparsed.ModelUsed(name="nu", sha256=bytes(range(32)), labels=["nu"], planes=[2])
        ],
        engine="cpu scalar",
        times=sparsed.StageTimes(latency_ns=3_200_000),
        **fields,
    )


def send(socket, message, topic=b"decision.accepted"):
    socket.send_multipart([topic, message.SerializeToString()])


def metrics(second, health=None, **values):
    """A Metrics message; values: name -> number, or {label=value: number}; health: state and
    reasons."""
    m = sparsed.Metrics(schema_version=1, instance="TestTPC", version="0", time_ns=second * 10**9)
    if health:
        m.health.state = health[0]
        m.health.reasons.extend(health[1:])
    for name, value in values.items():
        family = m.families.add(name="sparsed_" + name)
        for labels, number in value.items() if isinstance(value, dict) else [("", value)]:
            sample = family.samples.add(value=number)
            for pair in filter(None, labels.split(",")):
                key, text = pair.split("=")
                sample.labels.add(name=key, value=text)
    return m


def steady(second, **more):
    """A healthy daemon's metrics: 300 events a second, one source."""
    values = {
        "health": ("healthy",),
        "ready": 1,
        "uptime_seconds": second,
        "run": 1207,
        "events_in_total": 300 * second,
        "events_total": {"fate=accepted": 2 * second, "fate=rejected": 298 * second,
                         "fate=timeout": 0},
        "events_in_flight": 0,
        "dead_seconds_total": {"cause=no_slot": 0},
        "fragments_received_total": {"source=3": 300 * second},
        "source_silent_seconds": {"source=3": 0},
    }
    values.update(more)
    return metrics(second, **values)


# ---- sparse-decisions


def test_decisions_as_lines(publisher, start):
    """A person reads why an event was kept; the verdict must not depend on JSON tools."""
    socket, endpoint = publisher
    p = start("sparse-decisions", endpoint, "--count", "2")
    socket.recv()
    send(socket, decision(41184, rules_fired=["neutrino"]))
    send(socket, decision(41185, accept=False), b"decision.rejected")
    out, err = p.communicate(timeout=WAIT_S)
    first, second = out.splitlines()
    assert p.returncode == 0
    assert first.startswith("run 1207 event 41,184  ACCEPT neutrino")
    assert "best 0.981 plane 2 bin 512 wire 1,024" in first
    assert "31 active (cut)" in first and "3.2 ms" in first and "cpu scalar" in first
    assert "reject" in second and "plane" not in second
    assert first.index("best") == second.index("best")
    assert "2 decisions, 1 accepted" in err


def test_decisions_as_json_have_every_field(publisher, start):
    """A field added to decision.proto and forgotten in --json would be lost to scripts."""
    socket, endpoint = publisher
    p = start("sparse-decisions", ">" + endpoint, "--json", "--count", "1")
    socket.recv()
    sent = decision(2**63 + 1, configuration_sha256=b"\xab\xcd", incomplete=True,
                    missing=[sparsed.WireRange(plane=2, first_wire=1, wires=5)])
    sent.windows[0].score.append(float("nan"))
    send(socket, sent)
    out, _ = p.communicate(timeout=WAIT_S)
    got = json.loads(out)
    assert set(got) == {f.name for f in sparsed.Decision.DESCRIPTOR.fields}
    for key, message in (("windows", sparsed.WindowScore), ("models", sparsed.ModelUsed),
                         ("missing", sparsed.WireRange)):
        assert {f.name for f in message.DESCRIPTOR.fields} <= set(got[key][0])
    assert set(got["times"]) == {f.name for f in sparsed.StageTimes.DESCRIPTOR.fields}
    assert got["event"] == str(2**63 + 1)
    assert got["configuration_sha256"] == "abcd"
    assert got["models"][0]["sha256"] == bytes(range(32)).hex()
    assert got["windows"][0]["score"] == [0.981, None]
    assert got["windows"][0]["score_raw"] == [-5]


def test_decisions_survive_garbage(publisher, start):
    """Another program on the same port must neither crash the printer nor silence it,
    nor write escape sequences to the shifter's terminal."""
    socket, endpoint = publisher
    p = start("sparse-decisions", endpoint, "--count", "1")
    socket.recv()
    socket.send_multipart([b"decision.accepted", b"\xff\xff\xff"])
    socket.send_multipart([b"decision.accepted"])
    socket.send_multipart([b"decision.accepted", b"", b""])
    send(socket, decision(1, schema_version=2))
    send(socket, decision(7, rules_fired=["\x1b[2Jevil"]))
    out, err = p.communicate(timeout=WAIT_S)
    assert p.returncode == 0
    assert "event 7" in out and "event 1 " not in out and "\x1b" not in out
    assert "3 messages unreadable" in err and "1 of another schema version" in err
    assert err.count("said once") == 2


def test_decisions_ignore_unknown_fields(publisher, start):
    """A newer sparsed adds fields; an older printer goes on."""
    socket, endpoint = publisher
    p = start("sparse-decisions", endpoint, "--count", "1", "--json")
    socket.recv()
    unknown = b"\xa2\x7d\x03abc"  # field 2004, three bytes
    socket.send_multipart([b"decision.x", decision(9).SerializeToString() + unknown])
    out, _ = p.communicate(timeout=WAIT_S)
    assert json.loads(out)["event"] == 9


def test_decisions_accepted_only(publisher, start):
    """--accepted subscribes to that topic, so that rejected ones never cross the network."""
    socket, endpoint = publisher
    p = start("sparse-decisions", endpoint, "--accepted", "--count", "1", "--json")
    assert socket.recv() == b"\x01decision.accepted"
    send(socket, decision(1, accept=False), b"decision.rejected")
    send(socket, decision(2))
    assert json.loads(p.communicate(timeout=WAIT_S)[0])["event"] == 2


def test_decisions_pull_and_bind(start, free_port):
    """PUSH has no topics to subscribe to: --accepted is done by the reader."""
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    p = start("sparse-decisions", "@" + endpoint, "--pattern", "pull", "--accepted",
              "--count", "1", "--json")
    with zmq.Context.instance().socket(zmq.PUSH) as socket:
        socket.linger = WAIT_S * 1000
        socket.connect(endpoint)
        send(socket, decision(1, accept=False), b"decision.rejected")
        send(socket, decision(2))
        assert json.loads(p.communicate(timeout=WAIT_S)[0])["event"] == 2


def test_decisions_timeout_says_that_nothing_came(start, free_port):
    p = start("sparse-decisions", f"tcp://127.0.0.1:{free_port()}", "--timeout", "0.3")
    _, err = p.communicate(timeout=WAIT_S)
    assert p.returncode == 1 and "0 decisions" in err


def test_decisions_end_cleanly_on_sigint(publisher, start):
    """Ctrl-C is how a person leaves: counts, no traceback, status 0. The line before it
    was there at once, not in a buffer."""
    socket, endpoint = publisher
    p = start("sparse-decisions", endpoint)
    socket.recv()
    send(socket, decision(1))
    assert "event 1 " in p.stdout.readline()
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=WAIT_S)
    assert p.returncode == 0 and "1 decisions, 1 accepted" in err


def test_decisions_end_when_the_reader_is_gone(publisher, start):
    """`sparse-decisions | head -1` must not stay behind until the next decision."""
    socket, endpoint = publisher
    p = start("sparse-decisions", endpoint)
    socket.recv()
    send(socket, decision(1))
    p.stdout.readline()
    p.stdout.close()
    assert p.wait(timeout=WAIT_S) == 0


@pytest.mark.parametrize("bad", [["--count", "0"], ["--count", "-1"], ["--timeout", "nan"],
                                 ["--pattern", "req"], ["--nonsense"], ["a", "b"]])
def test_decisions_refuse_a_bad_command_line(start, bad):
    p = start("sparse-decisions", *bad)
    out, err = p.communicate(timeout=WAIT_S)
    assert p.returncode == 2 and out == "" and "sparse-decisions" in err


def test_an_endpoint_that_is_none_gets_one_sentence(start):
    for program in ("sparse-decisions", "sparse-top"):
        p = start(program, "tcp//nowhere")
        _, err = p.communicate(timeout=WAIT_S)
        assert p.returncode == 1
        assert "tcp//nowhere: cannot connect" in err and err.count("\n") == 1


# ---- sparse-top


def top_json(publisher, start, messages):
    socket, endpoint = publisher
    p = start("sparse-top", endpoint, "--json")
    socket.recv()
    lines = []
    for m in messages:
        send(socket, m, b"metrics")
        lines.append(json.loads(p.stdout.readline()))
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=WAIT_S)
    assert p.returncode == 0
    return lines


def test_top_rates_are_differences(publisher, start):
    """Rates come from two messages and their own times, not from when they arrived."""
    first, second = top_json(publisher, start, [steady(100), steady(102)])
    assert first["rate"] is None
    assert second["rate"]["in_hz"] == 300 and second["rate"]["accepted_hz"] == 2
    assert second["rate"]["live_fraction"] == 1
    assert second["health"] == {"state": "healthy", "reasons": []}
    assert second["event_fates"]["rejected"] == 298 * 102


def test_top_says_what_the_daemon_says(publisher, start):
    """Page and terminal must not contradict each other: the daemon judges, both repeat it
    (its judgement: tests/unit/test_health.c)."""
    lines = top_json(publisher, start, [
        steady(100, health=("trouble", "18 events lost in the last 10 s: timeout 18",
                            "source 3 silent for 12 s")),
        steady(101, health=("idle", "no source has sent for 60 s")),
        steady(102, health=None),
        steady(103, health=("\x1b[31mred", *["x\x1b" * 500] * 50))])
    assert lines[0]["health"] == {"state": "trouble", "reasons": [
        "18 events lost in the last 10 s: timeout 18", "source 3 silent for 12 s"]}
    assert lines[1]["health"] == {"state": "idle", "reasons": ["no source has sent for 60 s"]}
    assert lines[2]["health"] == {"state": "unknown", "reasons": []}
    assert len(lines[3]["health"]["reasons"]) == 12
    assert "\x1b" not in lines[3]["health"]["state"] + "".join(lines[3]["health"]["reasons"])


def test_top_shouts_trouble_and_gives_the_reason(publisher, start):
    socket, endpoint = publisher
    p = start("sparse-top", endpoint, "--once")
    socket.recv()
    send(socket, steady(100, health=("trouble", "source 3 silent for 12 s")), b"metrics")
    out, _ = p.communicate(timeout=WAIT_S)
    assert out.splitlines()[0].startswith("sparsed   TROUBLE   TestTPC")
    assert out.splitlines()[1] == "why       source 3 silent for 12 s !"


def test_top_restart_gives_no_negative_rates(publisher, start):
    """Counters of a daemon started again begin at 0: a rate of -30,000 Hz helps nobody."""
    lines = top_json(publisher, start, [steady(100), metrics(101, uptime_seconds=1,
                                                             events_in_total=5), steady(102)])
    assert lines[1]["rate"] is None
    assert lines[1]["latency"]["p50_seconds"] is None


def test_top_survives_an_empty_and_a_hostile_message(publisher, start):
    """Absent metrics are unknown, not 0; too many, too long and broken ones are bounded."""
    many = metrics(100, events_total={f"fate=f{i}": 1 for i in range(1000)},
                   fragments_received_total={f"source={'x' * 200}{i}": 1 for i in range(1000)},
                   run=float("nan"), slots=1e300, events_in_total=float("inf"))
    lines = top_json(publisher, start, [metrics(1), many])
    assert lines[0]["events_in"] is None and lines[1]["run"] is None


def test_top_plain_once(publisher, start):
    """Not a terminal: text without escape sequences, so that it can go into a log or a mail."""
    socket, endpoint = publisher
    p = start("sparse-top", endpoint, "--once")
    socket.recv()
    socket.send_multipart([b"metrics", b"\xff\xff"])
    send(socket, steady(100, disk_free_bytes=412e9), b"metrics")
    out, err = p.communicate(timeout=WAIT_S)
    assert p.returncode == 0 and "\x1b" not in out
    assert out.splitlines()[0] == "sparsed   healthy   TestTPC  run 1207  running 00:01:40"
    assert "412 GB free" in out and "not metrics" in err


def bind_when_free(socket, endpoint):
    """A closed socket's port is free only when libzmq's own thread has let go of it."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return socket.bind(endpoint)
        except zmq.ZMQError:
            assert time.monotonic() < deadline, f"{endpoint} is never free"
            time.sleep(0.02)


def test_top_reconnects(start, free_port):
    """sparsed is started again: the view left open comes back by itself."""
    port = free_port()
    p = start("sparse-top", f"tcp://127.0.0.1:{port}", "--json")
    for second in (100, 200):
        with zmq.Context.instance().socket(zmq.XPUB) as socket:
            socket.rcvtimeo = WAIT_S * 1000
            bind_when_free(socket, f"tcp://127.0.0.1:{port}")
            socket.recv()
            send(socket, steady(second), b"metrics")
            assert json.loads(p.stdout.readline())["uptime_seconds"] == second


def test_top_without_a_daemon(start, free_port):
    port = free_port()
    p = start("sparse-top", f"tcp://127.0.0.1:{port}", "--timeout", "3.5")
    out, err = p.communicate(timeout=WAIT_S)
    assert p.returncode == 1 and out == ""
    assert f"is sparsed running at tcp://127.0.0.1:{port}?" in err


# ---- the Python package


def test_python_decisions(publisher):
    socket, endpoint = publisher
    with sparsed.decisions(endpoint, timeout=WAIT_S) as messages:
        socket.recv()
        socket.send_multipart([b"decision.x", b"\xff\xff\xff"])
        send(socket, decision(1, schema_version=9))
        send(socket, decision(5))
        d = next(messages)
        assert d.accept and d.event == 5 and max(w.score[0] for w in d.windows) == 0.981
        assert (messages.unreadable, messages.other_version) == (1, 1)
        assert messages.receive(timeout=0.05) is None


def test_python_metrics(publisher):
    socket, endpoint = publisher
    with sparsed.metrics(endpoint, timeout=WAIT_S) as messages:
        socket.recv()
        send(socket, steady(10), b"metrics")
        values = sparsed.values(next(messages))
    assert values["sparsed_events_total", "accepted"] == 20
    assert values["sparsed_ready",] == 1


@pytest.mark.parametrize("cut", [None, 4, [1, 2, 7]])
def test_python_events_arrive_whole(cut):
    """The fragments of a plane, put together by their headers, are the plane."""
    plane = np.arange(10 * 6, dtype=np.int16).reshape(10, 6)
    with zmq.Context.instance().socket(zmq.PULL) as socket:
        socket.rcvtimeo = WAIT_S * 1000
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        with sparsed.Sender(f"tcp://127.0.0.1:{port}", source_id=3) as sender:
            n = sender.send_event({2: plane}, run=1, event=8, wires_per_fragment=cut)
        got = np.full_like(plane, -1)
        for sequence in range(n):
            topic, header, payload = socket.recv_multipart()
            h = sparsed.FragmentHeader.FromString(header)
            assert (topic, h.sequence, h.source_id, h.plane) == (b"fragment", sequence, 3, 2)
            assert h.payload_bytes == len(payload) == h.wires * h.ticks * 2
            got[h.first_wire : h.first_wire + h.wires] = np.frombuffer(payload, "<i2").reshape(
                h.wires, h.ticks
            )
    assert (got == plane).all()


def test_python_refuses_what_cannot_be_sent():
    with pytest.raises(ValueError, match="float64"):
        sparsed.fragment(np.zeros((2, 3)), event=1, plane=0)
    with pytest.raises(ValueError, match="axes"):
        sparsed.fragment(np.zeros(3, np.int16), event=1, plane=0)
    _, header, payload = sparsed.fragment(
        np.zeros((2, 3), ">i2"), event=1, plane=0, encoding="empty"
    )
    assert payload == b"" and sparsed.FragmentHeader.FromString(header).wires == 2
    _, header, payload = sparsed.image(np.ones((4, 5), np.float32), event=1)
    h = sparsed.FragmentHeader.FromString(header)
    assert (h.height, h.width, h.channels, len(payload)) == (4, 5, 1, 80)
