#!/usr/bin/python3
"""Measures all that docs/scaling.md multiplies, in one command, and writes the tables' inputs."""
from __future__ import annotations

import argparse
import json
import platform
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
KIB_FRAGMENT = 512_000
SENDERS = ("1/", "feeder", "sparse-bench")  # threads of the sending end


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="tests/bench/scaling.py build/release --rdkafka-performance FILE\n"
               "PYTHONPATH=build/release/python python3 -m sparsed.scaling need\n\n"
               "Of imaging, engine and tiers minima of --rounds rounds, of Kafka means, of the "
               "daemon one run;\nprocessor time where nothing else is said. docs/benchmarks.md "
               "says where rdkafka_performance comes\nfrom. On a machine that does nothing else: "
               "about five minutes.")
    parser.add_argument("build", type=Path, help="a Release build, with bin/sparse-bench")
    parser.add_argument("--rdkafka-performance", required=True, type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE",
                        default=SOURCE / "docs/figures/scaling.json")
    return parser.parse_args()


class Bench:
    """sparse-bench's subcommands, and what they said."""

    def __init__(self, a: argparse.Namespace):
        self.a, self.rows = a, {}

    def run(self, command: str, *more: str) -> list[dict]:
        """The lines of `sparse-bench COMMAND --json`; shown as they come."""
        if command not in self.rows:
            print(f"sparse-bench {command}", file=sys.stderr)
            done = subprocess.run([self.a.build / "bin/sparse-bench", command, "--json", "--rounds",
                                   str(self.a.rounds), *more], check=True, text=True,
                                  stdout=subprocess.PIPE)
            self.rows[command] = [json.loads(line) for line in done.stdout.splitlines()]
        return self.rows[command]

    def one(self, command: str, **want) -> dict:
        """The last row with these values. Raises ValueError naming them where there is none."""
        found = [row for row in self.run(command) if all(row.get(k) == v for k, v in want.items())]
        if not found:
            raise ValueError(f"sparse-bench {command}: no row with {want}")
        return found[-1]


def daemon_ns_kib(bench: Bench, name: str) -> float:
    """Processor time of the receiving end, ns a KiB of samples, over tcp."""
    return sum(row["ns_per_kib"] for row in bench.run("pipeline")
               if row["table"] == "processor time" and row["transport"] == "tcp"
               and row["name"] == name and "thread" in row
               and not row["thread"].startswith(SENDERS))


def least_ns(bench: Bench, command: str, **want) -> float:
    """The fastest kernel's best time of a model."""
    return min(row["best_ns"] for row in bench.run(command)
               if row.get("best_ns") and all(row.get(k) == v for k, v in want.items()))


def slot_bytes(build: Path) -> float:
    """Address space of an event slot: the difference of two numbers of slots, as the log says."""
    sizes = []
    for slots in (64, 320):
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [build / "bin/sparsed", "--config", SOURCE / "config/simulated.toml",
                 "--set", f"engine.model[0].file={SOURCE}/config/models/neutrino-l-16b.model.h5",
                 "--set", f"readout.event_slots={slots}",
                 "--set", f"readout.endpoints=['@ipc://{folder}/in']",
                 "--set", f"output.decisions=['@ipc://{folder}/out']", "--set", "service.http=",
                 "--set", "service.metrics=[]"], stderr=subprocess.PIPE, text=True)
            for line in process.stderr:
                if found := re.search(r"event slots, (\d+) MiB", line):
                    sizes.append(int(found[1]))
                if "ready in" in line:
                    break
            process.send_signal(signal.SIGTERM)
            process.communicate()
    return (sizes[1] - sizes[0]) / 256 * 2**20


def measure(a: argparse.Namespace) -> dict[str, tuple[float, str]]:
    """{name of sparsed.scaling.figures: (value, command)}."""
    bench = Bench(a)
    bench.run("kafka", "--rdkafka-performance", str(a.rdkafka_performance))

    def kafka(what: str, size: int, of: str) -> float:
        rows = [r for r in bench.run("kafka") if r["table"] == "kafka messages"
                and r["what"] == what and r["bytes"] == size
                and not r["name"].startswith("rdkafka")]
        return rows[-1][of]

    imaging = max(r["best_per_ns"] for r in bench.run("imaging")
                  if r["table"] == "int16" and "peer" in r)  # ours alone have one
    tiers = {r["what"]: r["best_ns"] for r in bench.run("tiers") if r["pixels"] < 1000}
    message = bench.one("tiers", what="first tier: packed", pixels=778)
    latency = bench.one("latency", table="latency", transport="tcp", where="inside",
                        quantile="p50")
    values = {
        "imaging_gb_s": (imaging, "imaging"),
        "window_ns": (least_ns(bench, "engine", model="neutrino-sparse_l-16b"), "engine"),
        "jet_ns": (least_ns(bench, "chains", model="jet-sparse_l-16b"), "chains"),
        "daemon_ns_kib": (daemon_ns_kib(bench, "daemon"), "pipeline"),
        "zmq_ns_kib": (daemon_ns_kib(bench, "ZeroMQ alone"), "pipeline"),
        "tier_pack_us": (tiers["first tier: packed"] * 1e-3, "tiers"),
        "tier_open_us": ((tiers["second tier: checked and opened"] +
                          tiers["second tier: into a slot"]) * 1e-3, "tiers"),
        "tier_bytes": (message["bytes"], "tiers"),
        "latency_us": (latency["median_ns"] * 1e-3, "latency"),
    }
    for name, what, size in (("fragment", "readout", KIB_FRAGMENT), ("window", "readout", 16384)):
        values[f"kafka_{name}_us"] = (kafka(what, size, "cpu_us"), "kafka")
        values[f"broker_fetch_{name}_us"] = (kafka(what, size, "broker_cpu_us"), "kafka")
    for name, size in (("fragment", KIB_FRAGMENT), ("window", 16384), ("decision", 1024)):
        values[f"broker_take_{name}_us"] = (kafka("decisions", size, "broker_cpu_us"), "kafka")
    values["kafka_decision_us"] = (kafka("decisions", 1024, "cpu_us"), "kafka")
    values = {name: (value, f"sparse-bench {command}") for name, (value, command) in
              values.items()}
    values["slot_bytes"] = (slot_bytes(a.build), "sparsed's log, 64 and 320 slots")
    return values


def main() -> int:
    a = arguments()
    sys.path.insert(0, str(a.build / "python"))
    from sparsed.scaling import figures
    cpu = next((line.split(":", 1)[1].strip() for line in
                Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
               platform.machine())
    try:
        figures.save(a.output, measure(a), cpu)
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as why:
        print(f"scaling.py: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
