"""The live page in a headless browser, on a running daemon: what a shifter sees must be
what the daemon counts, and must not look well when it is not."""
import json
import os
import signal
import urllib.request

import pytest

import browser
from conftest import SOURCE
from test_sparsed import Daemon

MODEL = SOURCE / "config" / "models" / "neutrino-n48-16b.model.h5"
PLANES = "".join(f"[[detector.plane]]\nid = {i}\nwires = {w}\nscale = 0.0625\n"
                 for i, w in ((0, 2400), (1, 2400), (2, 3456)))
EVENTS = 12

pytestmark = pytest.mark.skipif(browser.PROGRAM is None and not os.environ.get("CI"),
                                reason="chromium is not installed")


@pytest.fixture
def start(run, free_port, tmp_path):
    def call(name="page test", **more):
        detector = f"[detector]\nname = {json.dumps(name)}\nticks = 6400\n{PLANES}"
        more.setdefault("detector", detector)
        metrics = free_port()
        overrides = [f"service.metrics=['@tcp://127.0.0.1:{metrics}']", *more.pop("overrides", ())]
        daemon = Daemon(run, free_port, tmp_path, MODEL, "neutrino", overrides=overrides, **more)
        daemon.metrics_address = f"tcp://127.0.0.1:{metrics}"
        return daemon
    return call


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("browser")) as b:
        b.prefer("dark")
        yield b


@pytest.fixture
def page(one_browser):
    """The browser's page, empty, of the size of a control room's screen."""
    one_browser.size(1280, 800)
    one_browser.open("about:blank")
    one_browser.errors.clear()
    return one_browser


def url(daemon):
    return f"http://127.0.0.1:{daemon.ports['http']}/"


def simulate(run, daemon, events=EVENTS):
    done = run("sparse-simulate", "--events", events, "--seed", "7", "--to",
               daemon.address("readout"), "--quiet", timeout=120)
    assert done.returncode == 0, done.stderr


def fates(daemon):
    """Fate -> events, from /metrics."""
    return {line.split('"')[1]: float(line.split()[-1])
            for line in daemon.page("metrics").splitlines()
            if line.startswith("sparsed_events_total{")}


def test_the_page_shows_what_metrics_say(start, run, page):
    daemon = start(overrides=["trigger.rule[0].threshold=0.98"])
    page.open(url(daemon))
    page.wait(lambda: page.text("word") == "IDLE"
              and "no fragment has come yet" in page.text("reasons"), "nothing has come")
    simulate(run, daemon)
    daemon.wait(lambda: daemon.metric("sparsed_events_total{") == EVENTS)
    page.wait(lambda: page.data("ledger-text") == EVENTS
              and page.data("ledger-text", "rejected") == fates(daemon)["rejected"],
              "the ledger is not that of /metrics")
    counted = fates(daemon)
    assert counted["accepted"] > 0 and counted["rejected"] > 0
    for fate in ("accepted", "rejected", "prescaled", "throttled"):
        assert page.data("ledger-text", fate) == counted[fate]
        assert f"{fate} {counted[fate]:.0f}" in page.text("ledger-text")
    assert page.data("ledger-text", "lost") == 0
    assert f"accepted  {counted['accepted']:.0f}" in page.value(
        "document.getElementById('flow').textContent")
    assert page.text("event-run") == "1" and page.text("instance") == "page test"
    assert page.value("document.querySelector('#source-rows tr').dataset.received") == str(
        int(daemon.metric("sparsed_fragments_received_total")))
    latency = [line for line in daemon.page("metrics").splitlines()
               if line.startswith('sparsed_stage_seconds{stage="latency",quantile="0.99"}')]
    assert page.data("p99") == pytest.approx(float(latency[0].split()[-1]), rel=1e-6)
    assert page.text("word") in ("HEALTHY", "IDLE")

    # The events that were accepted, as images.
    with urllib.request.urlopen(url(daemon) + "accepted") as answer:
        accepted = json.load(answer)["accepted"]
    assert accepted and len(accepted) <= counted["accepted"]
    newest = accepted[0]
    page.wait(lambda: page.value("document.getElementById('picture-title').dataset.event")
              == newest["event"], "the newest accepted event is not drawn")
    w = newest["window"]
    assert w["score"] > 0.98 and len(w["pixels"]) >= 4 * w["n_active"]
    assert f"neutrino {w['score']:.3f}" in page.text("picture-text")
    lit = page.value("""(() => { const c = document.getElementById('window-image');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()""")
    assert lit > 0
    if len(accepted) > 1:  # keys go through them
        page.key("j")
        assert page.value("document.getElementById('picture-title').dataset.event"
                          ) == accepted[1]["event"]
        page.key("0")
    page.key("?")
    assert page.value("document.getElementById('help').open")
    page.key("?")
    assert not page.value("document.getElementById('help').open")
    for key in ("t", "l", "n"):
        page.key(key)
    assert page.errors == []
    if os.environ.get("SPARSED_PICTURES"):  # to be looked at
        page.picture(SOURCE / "build" / "page.png")
    daemon.stop()


def test_trouble_is_the_same_word_on_page_terminal_and_metrics(start, run, page):
    """A shifter who reads two different words believes neither."""
    import numpy

    import sparsed
    daemon = start(overrides=["readout.incomplete=drop"], timeout="200 ms")
    page.open(url(daemon))
    with sparsed.Sender(daemon.address("readout"), source_id=4) as sender:
        sender.send(numpy.zeros((40, 6400), dtype="<i2"), run=3, subrun=0, event=9, plane=2,
                    first_wire=0, event_time_ns=1)
        page.wait(lambda: page.text("word") == "TROUBLE", "a lost event is no trouble")
    assert "1 events lost in the last" in page.text("reasons")
    assert "timeout 1" in page.text("reasons")
    assert "LOST timeout  1" in page.value("document.getElementById('flow').textContent")
    assert page.data("ledger-text", "lost") == 1
    top = run("sparse-top", "--once", "--json", "--timeout", "10", daemon.metrics_address)
    health = json.loads(top.stdout)["health"]
    assert health["state"] == "trouble" and "timeout 1" in health["reasons"][0]
    assert daemon.metric('sparsed_health{state="trouble"}') == 1
    assert page.value("document.title").startswith("▲ trouble")
    changes = page.text("change-rows")
    assert "source 4 heard for the first time" in changes and "trouble: 1 events lost" in changes
    assert page.errors == []


def test_a_page_without_its_daemon_says_so_and_comes_back(start, page):
    """Numbers of an hour ago under a green HEALTHY: the worst that a page can do."""
    daemon = start()
    page.open(url(daemon))
    page.wait(lambda: page.text("word") == "IDLE", "the page does not come up")
    daemon.process.send_signal(signal.SIGSTOP)  # connected, but silent
    page.wait(lambda: page.text("word") == "NO CONNECTION", "a stopped daemon looks alive")
    assert "has not answered for" in page.text("reasons") and "s old" in page.text("age")
    daemon.process.send_signal(signal.SIGCONT)
    page.wait(lambda: page.text("word") != "NO CONNECTION", "the page does not come back")
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    page.wait(lambda: page.text("word") == "NO CONNECTION", "a dead daemon looks alive")
    start(replaces=daemon)
    page.wait(lambda: page.text("word") == "IDLE", "the page does not find the new daemon")
    page.key(" ")  # held still: the panels grow old, the word does not
    page.value("page.at -= 10000")
    page.wait(lambda: "held still, 1" in page.text("age"), "a page held still looks fresh")
    assert page.text("word") == "IDLE"


def test_names_are_text_and_nothing_sticks_out(start, page):
    """A detector's name from a configuration must not run in the shifter's browser; and the
    verdict is seen first, in the control room and on a phone at three in the morning."""
    name = '<img src=x onerror="evil=1"><b id=evil>x</b>'
    daemon = start(name=name)
    page.open(url(daemon))
    page.wait(lambda: page.text("instance") == name, "the name is not shown")
    assert page.value("document.getElementById('evil')") is None
    assert page.value("typeof evil") == "undefined"
    for width, height, phone in ((1280, 800, False), (390, 844, True)):
        page.size(width, height, phone)
        assert page.value("document.documentElement.scrollWidth") <= width
        assert page.value("document.getElementById('word').getBoundingClientRect().bottom"
                          ) < height / 4
    assert page.errors == []
    daemon.stop()
