"""python -m sparsed.report: a page that physicists quote. Its arithmetic against counting by
hand, and the whole page from simulated events."""
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest

from conftest import BIN, SOURCE
from sparsed.report import curves, judge
from sparsed.report.scores import NoTruth, Scores, load

MODELS = [SOURCE / "config/models" / f"neutrino-{name}-16b" for name in ("t", "n48")]


def some_scores(rng, events=60, planes=3, windows=4):
    """Scores of few values, so that there are ties; vertices in window 0 of neutrino events."""
    event, plane, window = np.meshgrid(*map(np.arange, (events, planes, windows)), indexing="ij")
    event, plane, window = event.ravel(), plane.ravel(), window.ravel()
    neutrino = np.arange(events) % 2 == 0
    vertex = neutrino[event] & (window == 0)
    return Scores(
        path=None, event=event, plane=plane, n_active=rng.integers(0, 30, len(event)),
        truncated=np.zeros(len(event), bool), vertex=vertex,
        score=np.round(rng.random(len(event)) + 0.5 * vertex, 1),
        neutrino_bins=np.where(neutrino[event] & (window < 2), 400, 0), neutrino=neutrino,
        energy=np.full(events, 1.0), interaction=np.where(neutrino, 1, -1),
        label_bins=np.where(neutrino, rng.choice([100, 800], events), 0)[:, None] * np.ones(planes))


def test_area_counts_pairs_and_ties_half():
    rng = np.random.default_rng(1)
    signal, background = (np.round(rng.normal(m, 1, n), 1) for m, n in ((1, 70), (0, 90)))
    pairs = signal[:, None] - background[None, :]
    area = curves.area(signal, background)
    assert area.value == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    # Every entry twice, each pair an event: no more is known than before.
    twice = curves.area(np.repeat(signal, 2), np.repeat(background, 2), np.repeat(np.arange(70), 2),
                        np.repeat(np.arange(70, 160), 2))
    assert twice.value == pytest.approx(area.value)
    assert twice.error == pytest.approx(area.error)


def test_a_rate_is_never_exceeded():
    """Ties at the threshold must not let more cosmics through than was asked."""
    rng = np.random.default_rng(2)
    for _ in range(100):
        background = rng.integers(0, 8, rng.integers(50, 400)) / 8
        signal = rng.integers(0, 10, 200) / 8
        rate = rng.choice([0.1, 0.3])
        threshold = curves.threshold_at(background, rate)
        assert (background > threshold).mean() <= rate
        lower = background[background < threshold]
        assert not len(lower) or (background > lower.max()).mean() > rate
        kept = curves.efficiency_at(signal, background, rate)
        assert kept.value == (signal > threshold).mean()
    assert np.isnan(curves.efficiency_at(signal, background[:40], 0.1).value)


def test_events_and_windows_are_those_the_page_says():
    scores = some_scores(np.random.default_rng(3))
    signal, background = judge.windows(scores)
    for i in range(len(scores.event)):
        kept = scores.label_bins[scores.event[i], scores.plane[i]] >= judge.MIN_LABEL
        assert signal[i] == (scores.vertex[i] and kept)
        assert background[i] == (kept and scores.neutrino_bins[i] == 0)
    for rule in judge.RULES:
        neutrinos, cosmics = judge.event_values(scores, scores, rule)
        assert len(neutrinos) == sum(scores.neutrino & (scores.label_bins[:, 0] >= judge.MIN_LABEL))
        assert len(cosmics) == (~scores.neutrino).sum()
        by_hand = []
        for event in np.flatnonzero(~scores.neutrino):
            best = sorted(scores.score[(scores.event == event) & (scores.plane == plane)].max()
                          for plane in (rule.planes or range(3)))
            by_hand.append(best[-rule.nth])
        assert cosmics.tolist() == by_hand


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Two small files, with neutrinos and without, as --windows writes them."""
    folder = tmp_path_factory.mktemp("events")
    for name, more in (("neutrino", ["-n40"]), ("cosmic", ["-n60", "--cosmic-only", "-s2"])):
        subprocess.run([BIN / "sparse-simulate", "-q", "--windows", *more, folder / f"{name}.h5"],
                       check=True)
    return folder


def report(*arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
                   "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run([sys.executable, "-m", "sparsed.report", *map(str, arguments)],
                          env=environment, capture_output=True, text=True, timeout=120)


def test_the_page_is_whole(events, tmp_path):
    """Two networks, their cards, windows that overlap: every section with a row for each, no
    external part, the same page for the same files."""
    pages = []
    for _ in range(2):
        done = report(*(f"{m}.model.h5" for m in MODELS), "--neutrino", events / "neutrino.h5",
                      "--cosmic", events / "cosmic.h5", "--work", tmp_path / "scores", "--overlap",
                      "--cards", *(f"{m}.card.json" for m in MODELS),
                      SOURCE / "config/models/digit-l-16b.card.json", "-o", tmp_path / "page.html")
        assert done.returncode == 0, done.stderr
        pages.append((tmp_path / "page.html").read_text())
    assert pages[0] == pages[1]
    assert "sparse-score" not in done.stdout and "scoring" not in done.stdout  # scored once
    page = pages[0]
    assert not re.search(r'(src|href)="https?:', page)
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "By event", "Windows that overlap", "By window", "Active pixels", "Seeds and recipes"]
    assert page.count("<svg") == 9
    tiles, overlap = (int(n) for n in re.findall(
        r"<td>(?:side by side|overlapping by half)</td><td>(\d+)</td><td>any plane", page))
    assert overlap > 2 * tiles
    with h5py.File(tmp_path / "scores/neutrino-n48-16b.neutrino.overlap.h5") as file:
        assert len(file["window_table/score"]) == overlap * 40


def test_scores_without_truth_are_refused(tmp_path):
    with h5py.File(tmp_path / "blind.h5", "w") as file:
        file["event_table/event_id"] = np.zeros((1, 3), int)
    with pytest.raises(NoTruth, match="window_table/event_id"):
        load(tmp_path / "blind.h5")
