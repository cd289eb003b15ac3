"""sparse-calibrate, and what the daemon makes of its file: from raw samples to decisions that
say which wires were left out, online and offline alike."""
import hashlib
import json
import struct

import h5py
import numpy as np
import pytest

from sparsed.modelfile import FixedType, Layer, ModelFile, write_model
from test_score import config_without_sockets, lines, replayed, score, without_clock
from wirefile import make_file

TICKS, WIRES = 96, {0: 32, 2: 40}
RECIPE = dict(time_rebin=2, window_time_bins=48, window_wires=32, pool_time=4, pool_wires=4,
              image_height=12, image_width=8, bin_floor=40.0, bin_clip=400.0,
              pixel_threshold=160.0, pixel_scale=400.0)
CONFIG = f"""
[detector]
name = "test"
ticks = {TICKS}
""" + "".join(f"[[detector.plane]]\nid = {p}\nwires = {w}\npedestal = 900\n"
              for p, w in WIRES.items())
DEAD, HOT = {(0, 5), (2, 39)}, {(0, 9), (2, 0)}


def pedestal(plane, wire):
    return 900.5 + 3 * wire - 20 * plane


def raw(seed, events, hot=lambda event: HOT, signal=True, scale=1.0, first=0):
    """Raw samples of every wire: pedestal, noise of 4 counts, 120 of hot wires, and a track of
    300 counts along a few wires of each plane."""
    rng = np.random.default_rng(seed)
    out = []
    for e in range(first, first + events):
        rows = []
        for plane, wires in WIRES.items():
            for wire in range(wires):
                noise = 120 if (plane, wire) in hot(e) else 4
                x = pedestal(plane, wire) + noise * rng.standard_normal(TICKS)
                if signal and (wire + e) % 8 < 3:
                    x[(7 * e + wire) % 80:][:9] += 300
                if (plane, wire) in DEAD:
                    x[:] = pedestal(plane, wire)
                rows.append((plane, wire, np.round(x) * scale))
        out.append((5, 0, e, rows))
    return out


@pytest.fixture
def model(tmp_path):
    pixel, wide = FixedType(8, 4, False), FixedType(20, 10, True)
    layers = [
        Layer("input", "input", dict(height=12, width=8, channels=1, out_t=pixel)),
        Layer("reduce", "sparse_input_reduce",
              dict(n_max_pixels=20, threshold=0.0, threshold_raw=0, out_t=pixel)),
        Layer("flatten", "sparse_flatten",
              dict(height=12, width=8, channels=1, out_t=pixel)),
        Layer("dense", "dense", dict(n_in=96, n_out=1, accum_t=wide, out_t=wide, weight_t=wide,
                                     bias_t=wide),
              {"weight": (np.arange(96) * 331 % 700 - 250).reshape(96, 1),
               "bias": np.array([-300])}),
        Layer("sigmoid", "sigmoid")]
    write_model(tmp_path / "m.h5", ModelFile("m", ["signal"], layers, RECIPE))
    return tmp_path / "m.h5"


@pytest.fixture
def config(tmp_path, model):
    return config_without_sockets(tmp_path / "c.toml", model, CONFIG)


def calibrate(run, *arguments, rc=0):
    p = run("sparse-calibrate", *arguments, "-q")
    assert p.returncode == rc, p.stderr
    return p


def masked_of(answer):
    return {(p["plane"], m["wire"]): m["status"] for p in answer["planes"] for m in p["masked"]}


def replay_options():
    planes = [x for p, w in WIRES.items() for x in ("--plane", f"{p}:{w}")]
    return (*planes, "--event-time", "recorded", "--wires-per-fragment", 6)


@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_pedestals_noise_and_status(run, tmp_path, config, dtype):
    """Of samples with tracks in them: the truth is known here, wire by wire."""
    scale = 1 if dtype == "i2" else 0.25
    path = make_file(tmp_path / "n.h5", raw(1, 40, scale=scale), ticks=TICKS, dtype=dtype)
    p = calibrate(run, "--config", config, path, "-o", tmp_path / "cal.h5", "--json")
    answer = json.loads(p.stdout)
    assert answer["events"] == 40
    assert answer["sha256"] == hashlib.sha256((tmp_path / "cal.h5").read_bytes()).hexdigest()
    assert masked_of(answer) == {**{w: "dead" for w in DEAD}, **{w: "hot" for w in HOT}}
    with h5py.File(tmp_path / "cal.h5") as f:
        assert f.attrs["format"] == b"sparsed-calibration"
        assert f.attrs["sample_type"] == (b"int16" if dtype == "i2" else b"float32")
        for plane, wires in WIRES.items():
            g = f[f"plane_{plane}"]
            assert g["wire"][:].tolist() == list(range(wires))
            for w in range(wires):
                off = abs(g["pedestal"][w] / scale - pedestal(plane, w))
                if (plane, w) in HOT:
                    assert off < 15 and abs(g["noise"][w] / scale - 120) < 30
                elif (plane, w) in DEAD:
                    assert off <= 0.5 and g["noise"][w] == 0
                else:
                    assert off < 0.6 and abs(g["noise"][w] / scale - 4) < 1, (plane, w)


def test_decides_with_it_as_sparse_score_does(run, free_port, tmp_path, model, config):
    """Pedestals of single wires, masks, and wires that become hot on the way: every field of
    every decision the same online and offline, on any number of threads."""
    calibrate(run, "--config", config, make_file(tmp_path / "n.h5", raw(2, 20, signal=False),
                                                 ticks=TICKS, dtype="i2"),
              "-o", tmp_path / "cal.h5")
    late = {(2, 17)}  # hot from event 15 to 34
    path = make_file(tmp_path / "e.h5",
                     raw(3, 60, hot=lambda e: HOT | late if 15 <= e < 35 else HOT),
                     ticks=TICKS, dtype="i2", times=[10**18 + 10**7 * k for k in range(60)])
    overrides = ("imaging.workers=1", f"detector.calibration={tmp_path / 'cal.h5'}",
                 "imaging.hot.events=5", "imaging.hot.hits=6", "imaging.hot.release=3")
    expected = replayed(run, free_port, tmp_path, model, "signal", path, CONFIG, replay_options(),
                        overrides)
    sets = [x for o in overrides for x in ("--set", o)]
    for threads in (1, 3):
        score(run, "--config", tmp_path / "trigger.toml", *sets, path, "--jsonl",
              tmp_path / "s.jsonl", "--threads", threads)
        assert list(map(without_clock, lines(tmp_path / "s.jsonl"))) == \
            list(map(without_clock, expected))
    sha256 = hashlib.sha256((tmp_path / "cal.h5").read_bytes()).hexdigest()
    calibrated = sorted(DEAD | HOT)
    name = hashlib.sha256(b"".join(struct.pack("<II", *w) for w in calibrated)).hexdigest()
    hot = [d["hot_wires"] for d in expected]
    for d in expected:
        assert d["calibration_sha256"] == sha256
        assert d["masked_wires"] == 4 + d["hot_wires"]
        assert (d["masked_sha256"] == name) == (d["hot_wires"] == 0)
        for w in d["windows"]:
            inside = sum(p == w["plane"] and w["first_wire"] <= wire < w["first_wire"] + 32
                         for p, wire in calibrated)
            assert w["masked_wires"] in (inside, inside + 4)
    # the column of wire 17 is 16 .. 19: blind for a while, and only for a while
    assert set(hot) == {0, 4}
    first, last = hot.index(4), len(hot) - 1 - hot[::-1].index(4)
    assert 16 <= first <= 20 and 35 <= last <= 45 and all(h == 4 for h in hot[first:last + 1])
    without = tmp_path / "without.jsonl"
    score(run, "--config", config, path, "--jsonl", without)
    assert [d["windows"] for d in lines(without)] != [d["windows"] for d in expected]
    assert all(d["calibration_sha256"] == d["masked_sha256"] == "" for d in lines(without))


def test_score_takes_it_by_its_own_option(run, tmp_path, config):
    path = make_file(tmp_path / "e.h5", raw(4, 6), ticks=TICKS, dtype="i2")
    calibrate(run, "--config", config, path, "-o", tmp_path / "cal.h5")
    score(run, "--config", config, "--calibration", tmp_path / "cal.h5", path, "-o",
          tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5") as f:
        assert f.attrs["calibration_sha256"] == \
            hashlib.sha256((tmp_path / "cal.h5").read_bytes()).hexdigest().encode()
        assert set(f["decision_table/masked_wires"][:, 0]) == {4}
        assert f["window_table/masked_wires"][:].max() > 0


def test_live_fragments(run, free_port, tmp_path, config):
    """A readout that publishes: as many events as asked for, and the same answer."""
    path = make_file(tmp_path / "n.h5", raw(5, 12, signal=False), ticks=TICKS, dtype="i2",
                     times=[10**18 + 10**7 * k for k in range(12)])
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    p = run("sparse-calibrate", "--config", config, "--live", endpoint, "-n", 10, "-o",
            tmp_path / "cal.h5", "--json", "-q", start=True)
    sent = run("sparse-replay", path, "--to", "@" + endpoint, "--pattern", "pub",
               *replay_options(), timeout=60)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 0, err + sent.stderr
    answer = json.loads(out)
    assert answer["events"] == 10
    assert masked_of(answer) == {**{w: "dead" for w in DEAD}, **{w: "hot" for w in HOT}}


def test_simulated_wires_are_found(run, tmp_path):
    """Dead and hot wires of sparse-simulate, in a file that says itself what its planes are."""
    sets = ["ticks=384", "wires_u=64", "wires_v=64", "wires_y=96", "pedestal=500",
            "pedestal_spread=4", "wire_noise=3", "dead_fraction=0.05", "hot_fraction=0.05",
            "hot_noise=40", "cosmic_muons=0"]
    p = run("sparse-simulate", tmp_path / "n.h5", "--events", 6, "--cosmic-only", "-q",
            *[x for s in sets for x in ("--set", s)])
    assert p.returncode == 0, p.stderr
    answer = json.loads(calibrate(run, tmp_path / "n.h5", "--json").stdout)
    with h5py.File(tmp_path / "n.h5") as f:
        adc = f["wire_table/adc"][:].astype(float)
        where = list(zip(f["wire_table/local_plane"][:, 0], f["wire_table/local_wire"][:, 0]))
    spread = {}
    for place, samples in zip(where, adc):
        spread.setdefault(place, []).append(samples.std())
    want = {(int(p), int(w)): "dead" if max(s) == 0 else "hot"
            for (p, w), s in spread.items() if max(s) == 0 or min(s) > 20}
    assert masked_of(answer) == want and set(want.values()) == {"dead", "hot"}
    assert all(abs(p["median_noise"] - 3) < 0.2 for p in answer["planes"])


@pytest.mark.parametrize("arguments, rc, sentence", [
    (["n.h5"], 2, "nothing would come of it"),
    (["n.h5", "--json", "--dead", "2"], 2, "--dead 2: must be 0 .. 1"),
    (["n.h5", "--json", "--live", "tcp://127.0.0.1:1"], 2, "FILEs or --live, not both"),
    (["--live", "tcp://127.0.0.1:1", "--json"], 2, "--live needs --config"),
    (["n.h5", "--json"], 1, "no group /detector: give --config"),
    (["none.h5", "--json", "--config", "c.toml"], 1, "none.h5"),
    (["zero.h5", "--json", "--config", "c.toml"], 1, "zero-suppressed"),
    (["n.h5", "--config", "c.toml", "-o", "no/such/folder.h5"], 1, "folder.h5: cannot be written"),
    (["--live", "tcp://127.0.0.1:1", "--json", "--config", "c.toml", "--wait", "0.1"], 1,
     "no fragment for 0.1 s"),
    (["wide.h5", "--json", "--config", "c.toml"], 1, "wire 32 in plane 0, which has 32 wires"),
])
def test_what_cannot_be_calibrated(run, tmp_path, config, arguments, rc, sentence):
    make_file(tmp_path / "n.h5", raw(6, 2), ticks=TICKS, dtype="i2")
    make_file(tmp_path / "zero.h5", [(1, 0, 0, [(p, w, np.zeros(TICKS)) for p in WIRES
                                                for w in range(30)])], ticks=TICKS)
    make_file(tmp_path / "wide.h5", [(1, 0, 0, [(0, 32, np.ones(TICKS))])], ticks=TICKS)
    p = calibrate(run, *(tmp_path / a if a.endswith((".h5", ".toml")) else a for a in arguments),
                  rc=rc)
    assert sentence in p.stderr


def test_the_daemon_refuses_what_is_not_its_own(run, tmp_path, config):
    """Another detector's calibration, and a file that is none, before a fragment is taken."""
    path = make_file(tmp_path / "e.h5", raw(7, 4), ticks=TICKS, dtype="i2")
    calibrate(run, "--config", config, path, "-o", tmp_path / "cal.h5")
    check = ("sparsed", "--config", config, "--check", "--set")
    assert run(*check, f"detector.calibration={tmp_path / 'cal.h5'}").returncode == 0
    with h5py.File(tmp_path / "cal.h5", "a") as f:
        f["plane_2"].attrs["wires"] = np.int32(3456)
    p = run(*check, f"detector.calibration={tmp_path / 'cal.h5'}")
    assert p.returncode == 1
    assert "plane_2: attribute wires = 3456: detector.plane 2 has 40 wires" in p.stderr
    p = run(*check, f"detector.calibration={path}")
    assert p.returncode == 1 and "attribute format is missing" in p.stderr
    p = run(*check, "imaging.hot.release=50")
    assert p.returncode == 2 and "imaging.hot.release = 50 is above imaging.hot.hits" in p.stderr


def test_a_picture_of_it(run, tmp_path, config, capsys):
    """One of every wire, and a sentence instead of a picture of another file."""
    pytest.importorskip("matplotlib")
    from sparsed import calibration

    path = make_file(tmp_path / "n.h5", raw(8, 6), ticks=TICKS, dtype="i2")
    calibrate(run, "--config", config, path, "-o", tmp_path / "cal.h5")
    assert calibration.main([str(tmp_path / "cal.h5"), "-o", str(tmp_path / "p.png")]) == 0
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    read = calibration.read_calibration(tmp_path / "cal.h5")
    assert {(p.plane, int(w)) for p in read.planes for w in p.masked()} == DEAD | HOT
    assert "plane 2: 40 wires" in capsys.readouterr().out
    assert calibration.main([str(path), "-o", str(tmp_path / "q.png")]) == 1
    assert "must be sparsed-calibration" in capsys.readouterr().err
