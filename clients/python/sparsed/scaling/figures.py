"""What was measured of one core and of one message: docs/figures/scaling.json, which
tests/bench/scaling.py writes."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

# One row is one figure: name, unit, what it is.
NAMES = {
    "imaging_gb_s": ("GB/s", "imaging: int16 samples to pixels, from memory"),
    "window_ns": ("ns", "engine: a window of the neutrino network, N = 20, 16 bits"),
    "jet_ns": ("ns", "engine: an image of the jet network sparse-l, 16 bits"),
    "daemon_ns_kib": ("ns/KiB", "a whole daemon fed over tcp, all its threads; its sender not"),
    "zmq_ns_kib": ("ns/KiB", "the same, ZeroMQ alone receives"),
    "kafka_fragment_us": ("us", "readout from Kafka: a fragment of 512 KB"),
    "kafka_window_us": ("us", "readout from Kafka: a message of 16 KB"),
    "kafka_decision_us": ("us", "a decision of 1 KB to Kafka, acknowledged"),
    "broker_fetch_fragment_us": ("us", "the broker, for a fragment of 512 KB that is read"),
    "broker_take_fragment_us": ("us", "the broker, for a fragment of 512 KB that is written"),
    "broker_fetch_window_us": ("us", "the broker, for a message of 16 KB that is read"),
    "broker_take_window_us": ("us", "the broker, for a message of 16 KB that is written"),
    "broker_take_decision_us": ("us", "the broker, for a decision of 1 KB that is written"),
    "tier_pack_us": ("us", "two tiers: an event's windows message packed"),
    "tier_open_us": ("us", "two tiers: checked, opened, put into a slot"),
    "tier_bytes": ("B", "two tiers: an event's windows message of 780 pixels"),
    "slot_bytes": ("B", "memory of one event slot, three planes of MicroBooNE"),
    "latency_us": ("us", "last fragment to decision over tcp, median"),
}


@dataclass(frozen=True)
class Figure:
    """One measured value and the command that measured it."""
    value: float
    unit: str
    command: str


class Figures(dict):
    """{name: Figure}; a figure that was not measured is named when it is asked for."""

    def __missing__(self, name: str) -> Figure:
        raise KeyError(f"{name} ({NAMES[name][1]}) was not measured: tests/bench/scaling.py")

    def __getattr__(self, name: str) -> float:
        if name not in NAMES:
            raise AttributeError(name)
        return self[name].value


def load(path: Path) -> Figures:
    """Raises ValueError naming the file where it is none of ours."""
    try:
        rows = json.loads(path.read_text())["figures"]
        return Figures({name: Figure(float(row["value"]), row["unit"], row["command"])
                        for name, row in rows.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as why:
        raise ValueError(f"{path}: no file of tests/bench/scaling.py: {why}") from why


def save(path: Path, values: dict[str, tuple[float, str]], machine: str) -> None:
    """values: {name: (value, command)}."""
    figures = {name: {"value": value, "unit": NAMES[name][0], "command": command}
               for name, (value, command) in values.items()}
    path.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
