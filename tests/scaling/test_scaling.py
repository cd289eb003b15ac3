"""The simulated consumer group keeps its books, and is like the measured one; the arithmetic of
docs/scaling.md is what is done by hand."""
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, os.environ.get("SPARSED_PYTHON", str(HERE.parents[1] / "build/release/python")))
if not os.environ.get("CI"):
    pytest.importorskip("simpy", reason="no SimPy: python3-simpy3")

from sparsed.scaling import figures, need, study  # noqa: E402
from sparsed.scaling.group import share  # noqa: E402
from sparsed.scaling.member import Daemon  # noqa: E402
from sparsed.scaling.stories import Plan, play, three  # noqa: E402
from sparsed.scaling.world import Partition  # noqa: E402

SMALL = Plan(members=6, partitions=24, blow_s=20.0, end_s=60.0, kills=2)
DAEMON = Daemon(rate=50, step_s=0.1, start_s=2.0)


def test_the_measured_case():
    """Three members, three kills: every event decided; as many decided again, and as late, as
    the real ones, within the bounds that docs/scaling.md states."""
    again, late = study.compare(kills=3, runs=200)
    assert again.distance() < again.bound()
    assert late.distance() < late.bound()
    measured, simulated = late.quantiles()[1]
    assert simulated == pytest.approx(measured, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cooperative", [True, False])
def test_every_event_is_decided(seed, cooperative):
    """Whoever dies, and whatever the protocol."""
    protocol = replace(study.QUICK, cooperative=cooperative)
    for plan in (SMALL, replace(SMALL, kills=0, rolling_s=4.0),
                 replace(SMALL, brokers=3, broker_away_s=10.0),
                 replace(SMALL, burst=4.0, burst_s=5.0)):
        out = play(plan, protocol, DAEMON, seed)
        assert out.events > 1000 and out.undecided == 0


def test_offsets_committed_too_early_lose_events():
    """The mistake that receipts are there for: what was taken is committed, and whoever takes
    it dies. The books must show it, or they would show nothing."""
    early = replace(DAEMON, commits_what="taken", acknowledge_s=0.5, commit_interval_s=0.1)
    assert any(play(SMALL, study.QUICK, early, seed).undecided > 0 for seed in range(5))
    right = replace(early, commits_what="acknowledged")
    assert all(play(SMALL, study.QUICK, right, seed).undecided == 0 for seed in range(5))


def test_nothing_is_made_again_without_need():
    """A member that is told to go commits first: none of its events comes again. Once two
    members read one partition, because one had joined before its first message."""
    for seed in range(4):
        out = play(replace(SMALL, kills=0, rolling_s=4.0), study.QUICK, DAEMON, seed)
        assert out.again == 0


def test_an_eager_group_stands_still():
    """A successor comes before the dead one's session is over: an eager group waits for the dead
    with empty hands, a cooperative one works on."""
    plan = replace(SMALL, kills=1, replace_after_s=0.5)
    lags = [play(plan, replace(study.QUICK, cooperative=c), DAEMON, 1).most_lag
            for c in (True, False)]
    assert lags[1] > 2 * lags[0]


def test_a_seed_is_a_run():
    """The same seed gives the same run, another another."""
    runs = [three(3, seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_shares_are_even_and_stay():
    """Every partition has one owner, nobody has two more than another, and what may stay
    stays."""
    rng = random.Random(3)
    for _ in range(200):
        partitions, members = rng.randrange(1, 40), rng.randrange(1, 12)
        owner = [rng.randrange(members + 2) for _ in range(partitions)]  # two have gone
        held = {m: {p for p in range(partitions) if owner[p] == m} for m in range(members)}
        target = share(held, partitions)
        assert sorted(p for own in target.values() for p in own) == list(range(partitions))
        sizes = [len(target[m]) for m in held]
        assert max(sizes) - min(sizes) <= 1
        assert all(len(target[m] & held[m]) >= min(len(held[m]), min(sizes)) for m in held)


def test_the_books_of_a_partition():
    """What is decided twice is counted once more, what is passed over is a hole, until it is
    decided after all."""
    log = Partition(0)
    log.arrivals.extend(float(i) for i in range(10))
    log.decide(0, 4, 10.0)
    log.decide(2, 6, 11.0)
    assert (log.decided, log.again, log.longest_wait_s) == (6, 2, 10.0)
    log.decide(8, 10, 12.0)
    assert log.holes == [(6, 8)]
    log.decide(5, 9, 13.0)
    assert log.holes == [] and log.again == 6


def test_the_arithmetic():
    """MicroBooNE by hand: 33 GB/s at 200 ns a KiB are 6.45 cores, and the engine 0.0027."""
    values = {name: (1.0, "by hand") for name in figures.NAMES}
    values |= {"daemon_ns_kib": (200.0, ""), "window_ns": (100.0, ""), "tier_bytes": (6400.0, "")}
    f = figures.Figures({n: figures.Figure(v, "", c) for n, (v, c) in values.items()})
    site = need.Site()
    whole = need.one_tier(need.MICROBOONE, f, site)
    assert whole.cores == pytest.approx(33.024e9 / 1024 * 200e-9 + 26562.5 * 100e-9)
    assert whole.machines(site) == 4 and whole.first(site) == "links"  # 33 GB/s of 0.7 x 12.5
    tiers = need.two_tiers(need.MICROBOONE, f, site, kafka=True)
    assert tiers.between_gb_s == pytest.approx(312.5 * 6400e-9 * 2 * 3)
    assert tiers.brokers(site) == 3  # as many as replicas
    assert need.Kernel(20, 1, 65000, 99, 20).units(40e6) == 4


def test_figures_are_kept(tmp_path):
    """What is written is read again; what is not there is named, and so is another file."""
    path = tmp_path / "f.json"
    figures.save(path, {"window_ns": (99.5, "sparse-bench engine")}, "a machine")
    f = figures.load(path)
    assert f.window_ns == 99.5 and f["window_ns"].unit == "ns"
    with pytest.raises(KeyError, match="slot_bytes"):
        f.slot_bytes
    path.write_text("[]")
    with pytest.raises(ValueError, match="f.json"):
        figures.load(path)
