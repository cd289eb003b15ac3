"""Cores, links, brokers and disks of an experiment.

The arithmetic is multiplication: what comes a second times what one of it costs. A machine is
as many cores and links as `Site` says; what a table calls "first" is what is used up first when
one such machine is filled.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from .figures import Figures

KIB, FRAGMENT = 1024.0, 512_000.0  # bytes: 40 wires of 6,400 ticks


@dataclass(frozen=True)
class Site:
    """What a machine is, and how full it may be. Choices, not measurements."""
    cores: int = 64
    link_gb_s: float = 12.5    # 100 Gb/s
    disk_gb_s: float = 2.0     # one disk, written in sequence
    fill: float = 0.7          # of each, at most
    replicas: int = 3          # of each partition
    accept: float = 0.001      # share of events recorded with their samples


@dataclass(frozen=True)
class Case:
    """A detector's stream."""
    name: str
    source: str
    bytes_s: float           # samples
    events_s: float
    windows_s: float
    parts: int = 1           # streams that share no event, each with its own daemons


UBOONE_BYTES_S = 8256 * 2e6 * 2
UBOONE_WINDOWS_S = 312.5 * 85
DUNE_BYTES_S = 1.5e12

MICROBOONE = Case("MicroBooNE, whole", "8,256 wires x 2 MHz x 2 B, 312.5 readouts a second, "
                  "85 windows each (the project's mission)", UBOONE_BYTES_S, 312.5,
                  UBOONE_WINDOWS_S)
DUNE = Case("a DUNE module", "1.5 TB/s, 150 units of 10 GB/s (R. Sipos, The readout system of the "
            "DUNE experiment, 2021); readouts and windows a byte as in MicroBooNE: an assumption",
            DUNE_BYTES_S, 312.5 * DUNE_BYTES_S / UBOONE_BYTES_S,
            UBOONE_WINDOWS_S * DUNE_BYTES_S / UBOONE_BYTES_S, parts=150)


@dataclass(frozen=True)
class Need:
    """Of one way to run a case; rates in GB/s."""
    way: str
    cores: float             # of daemons, both tiers
    in_gb_s: float           # samples over the network to daemons
    between_gb_s: float      # to, from and between brokers; or between tiers
    broker_cores: float
    broker_in_gb_s: float    # into all brokers, replicas included
    broker_disk_gb_s: float
    record_gb_s: float
    per_machine: tuple[tuple[str, float], ...]  # resource, share of a machine's that one needs

    def machines(self, site: Site) -> int:
        return max(1, ceil(max(share for _, share in self.per_machine) / site.fill))

    def brokers(self, site: Site) -> int:
        if not self.broker_cores:
            return 0
        most = max(self.broker_cores / site.cores, self.broker_in_gb_s / site.link_gb_s,
                   self.broker_disk_gb_s / site.disk_gb_s)
        return max(site.replicas, ceil(most / site.fill))

    def first(self, site: Site) -> str:
        """What is used up first, daemons' and brokers' machines taken alike."""
        shares = dict(self.per_machine)
        shares["brokers' cores"] = self.broker_cores / site.cores
        shares["brokers' links"] = self.broker_in_gb_s / site.link_gb_s
        shares["brokers' disks"] = self.broker_disk_gb_s / site.disk_gb_s
        return max(shares, key=shares.get)


def daemon_cores(case: Case, f: Figures) -> float:
    """Samples over tcp to decisions."""
    return case.bytes_s / KIB * f.daemon_ns_kib * 1e-9 + case.windows_s * f.window_ns * 1e-9


def share(site: Site, cores: float, link_gb_s: float, disk_gb_s: float = 0.0):
    """What it takes of one machine's cores, links and disks."""
    return (("cores", cores / site.cores), ("links", link_gb_s / site.link_gb_s),
            ("disks", disk_gb_s / site.disk_gb_s))


def one_tier(case: Case, f: Figures, site: Site) -> Need:
    """Samples over ZeroMQ to daemons that do everything."""
    cores, gb_s = daemon_cores(case, f), case.bytes_s * 1e-9
    record = gb_s * site.accept
    return Need("one tier, ZeroMQ", cores, gb_s, 0, 0, 0, 0, record,
                share(site, cores, gb_s + record))


def one_tier_kafka(case: Case, f: Figures, site: Site) -> Need:
    """All samples through a broker: what not to do."""
    fragments_s, gb_s = case.bytes_s / FRAGMENT, case.bytes_s * 1e-9
    cores = (fragments_s * (f.kafka_fragment_us * 1e-6 + FRAGMENT / f.imaging_gb_s * 1e-9)
             + case.windows_s * f.window_ns * 1e-9 + case.events_s * f.kafka_decision_us * 1e-6)
    # Each replica takes it once and all but one fetch it; the group fetches it once.
    broker = fragments_s * (site.replicas * f.broker_take_fragment_us +
                            site.replicas * f.broker_fetch_fragment_us) * 1e-6
    record = gb_s * site.accept
    return Need("one tier, Kafka", cores, gb_s, 2 * site.replicas * gb_s, broker,
                site.replicas * gb_s, site.replicas * gb_s, record,
                share(site, cores, gb_s + record))


def two_tiers(case: Case, f: Figures, site: Site, kafka: bool) -> Need:
    """Imaging on the machines that have the samples; windows to others."""
    windows = case.events_s * f.tier_bytes * 1e-9
    first = case.bytes_s / KIB * f.daemon_ns_kib * 1e-9 + case.events_s * f.tier_pack_us * 1e-6
    second = case.events_s * f.tier_open_us * 1e-6 + case.windows_s * f.window_ns * 1e-9
    broker = 0.0
    if kafka:
        second += case.events_s * (f.kafka_window_us + f.kafka_decision_us) * 1e-6
        first += case.events_s * f.kafka_decision_us * 1e-6
        broker = case.events_s * site.replicas * (
            f.broker_take_window_us + f.broker_fetch_window_us + f.broker_take_decision_us) * 1e-6
    copies = site.replicas if kafka else 1
    return Need(f"two tiers, {'Kafka' if kafka else 'ZeroMQ'} between", first + second, 0,
                windows * (2 * copies if kafka else 1), broker, windows * copies * kafka,
                windows * copies * kafka, 0, share(site, first + second, windows))


def ways(case: Case, f: Figures, site: Site) -> list[Need]:
    return [one_tier(case, f, site), one_tier_kafka(case, f, site),
            two_tiers(case, f, site, False), two_tiers(case, f, site, True)]


# ---- images at the rate of collisions ----

@dataclass(frozen=True)
class Kernel:
    """The kernel in SystemVerilog (docs/figures/fpga-curve.jsonl), at a clock of `clock_hz`."""
    slots: int
    at_once: int
    lut: int
    latency: int             # cycles, last beat in to score out
    interval: int            # cycles from window to window
    clock_hz: float = 200e6
    reuse: int = 1           # slots that share a lane

    def units(self, rate: float) -> int:
        return ceil(rate * self.interval / self.clock_hz)

    def latency_us(self) -> float:
        return self.latency / self.clock_hz * 1e6


COLLISIONS_S, LATENCY_LIMIT_US = 40e6, 12.5


def kernels(rows: list[dict], form: str) -> list[Kernel]:
    """Of the curve's rows those of 20 slots; form: "list16", "image16", "image8"."""
    return [Kernel(r["slots"], r["at_once"], r["lut"], r[f"latency_{form}"],
                   r[f"interval_{form}"], reuse=r.get("reuse", 1))
            for r in rows if r["slots"] == 20]


# ---- tables, as Markdown ----

def number(value: float) -> str:
    """Two digits that mean something."""
    if value == 0:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.01 else f"{value:.1e}"


def exact(value: float) -> str:
    """As measured: four digits, or all of them before the point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def case_table(case: Case, f: Figures, site: Site) -> str:
    lines = ["| | daemons' cores | machines | samples over the network, GB/s | to and from "
             "brokers, or between tiers, GB/s | brokers' cores | brokers | their disks, GB/s | "
             "used up first |",
             "|---|---|---|---|---|---|---|---|---|"]
    for need in ways(case, f, site):
        brokers = need.brokers(site)
        lines.append(f"| {need.way} | {number(need.cores)} | {need.machines(site)} | "
                     f"{number(need.in_gb_s)} | {number(need.between_gb_s)} | "
                     f"{number(need.broker_cores)} | {brokers or '-'} | "
                     f"{number(need.broker_disk_gb_s)} | {need.first(site)} |")
    return "\n".join(lines)


def level_one_table(f: Figures, curve: list[dict]) -> str:
    cores = COLLISIONS_S * f.jet_ns * 1e-9
    lines = ["| 40 million images a second | units | latency | LUT | |", "|---|---|---|---|---|",
             f"| CPU, engine alone | {cores:.0f} cores | {f.latency_us:.0f} us, the daemon's "
             f"median | | {'met' if f.latency_us <= LATENCY_LIMIT_US else 'too late'} |"]
    for form, name in (("list16", "lists of active pixels"), ("image8", "images of 8 bits"),
                       ("image16", "images of 16 bits")):
        for k in kernels(curve, form):
            units = k.units(COLLISIONS_S)
            met = "met" if k.latency_us() <= LATENCY_LIMIT_US else "too late"
            speed = f"{k.at_once} a cycle" if k.reuse == 1 else f"1 in {k.reuse} cycles"
            lines.append(f"| kernel, N = {k.slots}, {speed}, {name} | {units} kernels | "
                         f"{k.latency_us():.2f} us | {units * k.lut / 1000:,.0f}k | {met} |")
    return "\n".join(lines)


def figure_table(f: Figures) -> str:
    from .figures import NAMES
    lines = ["| | | measured by |", "|---|---|---|"]
    for name, (unit, what) in NAMES.items():
        if name in f:
            lines.append(f"| {what} | {exact(f[name].value)} {unit} | `{f[name].command}` |")
    return "\n".join(lines)
