"""A crew changes networks and settings while two emulated cards score: real XRT, the kernel in
SystemVerilog on each card, events all the time.

A new network is a new engine: its cards can only start when the old one's processes are gone, and
the CPU scores meanwhile. What can go wrong there is an event that is lost between two engines, a
window that one card scored with the network of the other, a card that does not come back.

SPARSED_RTL_LIBRARY: libkernel_rtl.so (target kernel_rtl). SPARSED_CARD_SWAPS: changes (default 4).
"""
from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re

import pytest
from test_daemon import (DONE, FIRST, SECOND, ask, bin_dir, flow, free_port,  # noqa: F401
                         run, scores, shared_dir, start_card, start_run, vectors, xclbin)

SWAPS = int(os.environ.get("SPARSED_CARD_SWAPS", "4"))
CARDS = ("3", "8")  # emulated cards may have any numbers


def of_cards(daemon, name: str, *labels: str) -> dict[str, float]:
    """{device: value} of a metric, of the samples that have all `labels`."""
    found = {}
    for line in (daemon.page("metrics") or "").splitlines():
        if re.match(rf"{name}\{{", line) and all(label in line for label in labels):
            found[re.search(r'device="(\d+)"', line)[1]] = float(line.split()[-1])
    return found


def all_up(daemon) -> bool:
    return of_cards(daemon, "sparsed_fpga_state", 'state="up"') == dict.fromkeys(CARDS, 1.0)


@pytest.fixture
def bench(run, shared_dir, tmp_path, start_card):
    """A daemon whose two cards are up, a reader of its decisions, and events that flow."""
    control = f"ipc://{tmp_path}/control"
    daemon = start_run(start_card, control, (f"engine.fpga.devices=[{', '.join(CARDS)}]",))
    daemon.wait(lambda: all_up(daemon), 120)
    output = tmp_path / "decisions.jsonl"
    return daemon, control, output, *flow(run, shared_dir, daemon, output)


def digest(shared_dir: pathlib.Path, name: str) -> str:
    path = shared_dir / "golden" / f"{name}.model.h5"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_cards_come_back_after_each_change(shared_dir, bench):
    """Swaps, and between them a prescale and a reload, which must not cost a card its network."""
    daemon, control, output, reader, sender = bench

    def decided() -> int:
        return output.read_text().count("\n")

    def changed(command: str, **request: object) -> None:
        before = decided()
        daemon.wait(lambda: decided() > before + 30, 60)  # the change meets events
        reply = ask(control, command=command, **request)
        assert reply.outcome == DONE, reply.text

    for swap in range(SWAPS):
        name = (SECOND, FIRST)[swap % 2]
        changed("MODEL", file=str(shared_dir / "golden" / f"{name}.model.h5"))
        daemon.wait(lambda: all_up(daemon), 120)
        windows = of_cards(daemon, "sparsed_fpga_windows_total")
        starts = of_cards(daemon, "sparsed_fpga_starts_total")
        changed("PRESCALE", name="first", prescale=swap + 2)
        daemon.wait(lambda: all(value > windows[card] for card, value in of_cards(
            daemon, "sparsed_fpga_windows_total").items()), 60)  # both of them work
        assert of_cards(daemon, "sparsed_fpga_starts_total") == starts, "a prescale restarts none"
    changed("RELOAD")  # back to the file: the first network, no prescale
    daemon.wait(lambda: all_up(daemon), 120)

    sender.terminate()
    sent = json.loads(sender.communicate(timeout=60)[0])["events"]
    daemon.wait(lambda: decided() >= sent, 60)
    assert daemon.metric("sparsed_fpga_differing_total") == 0
    reader.terminate()
    reader.wait(60)
    daemon.stop()

    decisions = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(decisions) == sent, "each event is decided once"
    by_model = {digest(shared_dir, name): vectors(shared_dir, name).tolist()
                for name in (FIRST, SECOND)}
    names = [d["models"][0]["sha256"] for d in decisions]
    for d, name, (i, score) in zip(decisions, names, scores(shared_dir, decisions)):
        assert score == by_model[name][i], f"event {d['event']}"
    assert len({(d["run"], d["subrun"], d["event"]) for d in decisions}) == sent
    boundaries = sum(a != b for a, b in zip(names, names[1:]))
    assert boundaries == SWAPS + SWAPS % 2, "one a swap, and the reload's where one is left"
    assert sum("fpga" in d["engine"] for d in decisions) > sent / 4
