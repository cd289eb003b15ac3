"""sparse-score: the daemon's stages over a file. What it says must be what sparsed says, and
the truth beside it must be that of the very windows."""
import json

import h5py
import numpy as np
import pytest

from sparsed.modelfile import FixedType, Layer, ModelFile, write_model
from sparsed.windows import Preprocessing, reduce
from test_sparsed import Daemon, collect, decisions_of
from wirefile import make_file

TICKS, WIRES = 41, {0: 24, 2: 33}  # a tick and a wire too many, as the real detector has
RECIPE = dict(time_rebin=2, window_time_bins=8, window_wires=8, pool_time=2, pool_wires=2,
              image_height=3, image_width=3, bin_floor=1.0, bin_clip=10.0, pixel_threshold=3.0,
              pixel_scale=8.0)
CONFIG = f"""
[detector]
name = "test"
ticks = {TICKS}
""" + "".join(f"[[detector.plane]]\nid = {p}\nwires = {w}\nscale = 0.0625\n"
              for p, w in WIRES.items())


def small_model(path, preprocessing=RECIPE, size=3):
    """Up to 4 pixels of a size x size image, each with a weight of its own, and a sigmoid."""
    pixel, wide = FixedType(8, 4, False), FixedType(20, 10, True)
    n = size * size
    layers = [
        Layer("input", "input", dict(height=size, width=size, channels=1, out_t=pixel)),
        Layer("reduce", "sparse_input_reduce",
              dict(n_max_pixels=4, threshold=0.0, threshold_raw=0, out_t=pixel)),
        Layer("flatten", "sparse_flatten",
              dict(height=size, width=size, channels=1, out_t=pixel)),
        Layer("dense", "dense", dict(n_in=n, n_out=1, accum_t=wide, out_t=wide, weight_t=wide,
                                     bias_t=wide),
              {"weight": (np.arange(n) * 331 % 700 - 150).reshape(n, 1), "bias": np.array([-300])}),
        Layer("sigmoid", "sigmoid")]
    write_model(path, ModelFile("small", ["signal"], layers, preprocessing))
    return path


@pytest.fixture
def model(tmp_path):
    return small_model(tmp_path / "small.h5")


def samples(seed, events=12):
    """Events on a 1/16 grid: a few wires, neighbours and alone, some events with nothing."""
    rng = np.random.default_rng(seed)
    out = []
    for e in range(events):
        rows = []
        for plane, wires in WIRES.items():
            some = [w for w in range(wires) if rng.random() < (0.5 if e % 4 else 0)]
            rows += [(plane, w, np.round(rng.random(TICKS) ** 6 * 160) / 16) for w in some]
        rng.shuffle(rows)
        out.append((5, e // 6, 100 + e, rows))
    return out


def truth_columns(file, events, labels=True):
    """Every third event holds no neutrino; the others' vertices walk through the planes."""
    n = len(events)
    neutrino = np.arange(n) % 3 > 0
    wire = np.where(neutrino[:, None], np.stack([np.arange(n) * 2] * 3, 1), -1)
    tick = np.where(neutrino, np.arange(n) * 3.4, 0)
    for name, values in {
            "nu_pdg": np.where(neutrino, 14, 0).astype("i4"),
            "nu_energy": np.linspace(0.1, 2, n).astype("f4"),
            "nu_vtx_wire_pos": wire.astype("i4"),
            "nu_vtx_corr": np.stack([(tick - 800) * 0.0548965, tick, tick], 1).astype("f4")}.items():
        file["event_table/" + name] = values.reshape(n, -1)
    if labels:
        file["event_table/label_bins"] = np.full((n, 3), 7, "i4")
    return neutrino, wire, tick


def pixel_file(path, events, recipe=RECIPE):
    """What sparse-simulate --windows writes of these events."""
    rows, counts = [], []
    for index, (run, subrun, event, wires) in enumerate(events):
        before = len(rows)
        for plane, width in WIRES.items():
            image = np.zeros((width, TICKS), "f4")
            for p, w, adc in wires:
                if p == plane:
                    image[w] = adc
            pooled = reduce(image, Preprocessing(**RECIPE))
            label = (np.arange(pooled.size).reshape(pooled.shape) % 5 == index % 5) * 3
            for r, c in np.argwhere((pooled > 0) | (label > 0)):
                rows.append((run, subrun, event, plane, r, c, pooled[r, c], label[r, c]))
        if len(rows) > before:
            counts.append((index, len(rows) - before))
    table = np.array(rows).reshape(-1, 8)
    with h5py.File(path, "w") as f:
        group = f.create_group("preprocessing")
        for key, value in recipe.items():
            group.attrs[key] = value
        f.create_group("detector").attrs.update(
            ticks=TICKS, plane_wires=[WIRES[0], 24, WIRES[2]], scale=0.0625)
        f["event_table/event_id"] = np.array([e[:3] for e in events], "i4")
        f["pixel_table/event_id"] = table[:, :3].astype("i4")
        f["pixel_table/event_id.seq_cnt"] = np.array(counts, "i8").reshape(-1, 2)
        for k, (name, kind) in enumerate({"local_plane": "u1", "row": "u2", "col": "u2",
                                          "value": "f4", "neutrino": "u1"}.items()):
            f["pixel_table/" + name] = table[:, 3 + k:4 + k].astype(kind)
        truth_columns(f, events)
    return path


def score(run, *arguments, rc=0, **more):
    p = run("sparse-score", *arguments, **more)
    assert p.returncode == rc, p.stderr
    assert rc != 0 or "ledger closes" in p.stderr
    return p


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_clock(decision):
    """A decision less what depends on when and where it was made."""
    return {k: v for k, v in decision.items() if k not in ("decided_time_ns", "times", "truth")}


def config_without_sockets(path, model, detector=CONFIG):
    """A configuration that is never run: for what reads files."""
    path.write_text(detector + f"""
[readout]
endpoints = ["@inproc://none"]
[[engine.model]]
file = "{model}"
[[trigger.rule]]
name = "any"
label = "signal"
""")
    return path


def tables(path):
    """{name: array} of a score file."""
    out = {}
    with h5py.File(path) as f:
        f.visititems(lambda n, o: out.update({n: o[()]}) if isinstance(o, h5py.Dataset) else None)
    return out


def replayed(run, free_port, tmp_path, model, label, path, detector, replay, overrides=()):
    """The decisions of sparsed for a file, in the order they came."""
    daemon = Daemon(run, free_port, tmp_path, model, label, detector=detector, overrides=overrides)
    with h5py.File(path) as f:
        count = len(f["event_table/event_id"])
    reader = collect(run, daemon, count)
    sent = run("sparse-replay", path, "--to", daemon.address("readout"), *replay, timeout=120)
    assert sent.returncode == 0, sent.stderr
    decisions = decisions_of(reader)
    daemon.stop()
    return decisions


@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_decides_as_sparsed_does(run, free_port, tmp_path, model, dtype):
    """Every field of every decision, with prescale, pass-through and an accept rate that
    throttles: an offline program that cuts, rounds or counts on its own finds another
    efficiency than the trigger has."""
    events = samples(1, 40)
    if dtype == "i2":
        events = [(*e[:3], [(p, w, adc * 16) for p, w, adc in e[3]]) for e in events]
    path = make_file(tmp_path / "e.h5", events, ticks=TICKS, dtype=dtype,
                     times=[10**18 + 10**7 * k for k in range(len(events))])
    overrides = ("imaging.workers=1", "trigger.rule[0].prescale=2", "trigger.pass_through=9",
                 "trigger.max_accept_rate=40 Hz", "trigger.accept_burst=2",
                 "trigger.rule[0].threshold=0.45")
    planes = [x for p, w in WIRES.items() for x in ("--plane", f"{p}:{w}")]
    expected = replayed(run, free_port, tmp_path, model, "signal", path, CONFIG,
                        (*planes, "--event-time", "recorded", "--wires-per-fragment", 7), overrides)
    sets = [x for o in overrides for x in ("--set", o)]
    p = score(run, "--config", tmp_path / "trigger.toml", *sets, path, "--jsonl",
              tmp_path / "s.jsonl", "--threads", 3)
    assert list(map(without_clock, lines(tmp_path / "s.jsonl"))) == \
        list(map(without_clock, expected))
    fates = {d["fate"] for d in expected}
    assert fates == {"accepted", "rejected", "prescaled", "throttled"}, fates
    for fate in fates:
        assert f"{fate} {sum(d['fate'] == fate for d in expected)}" in p.stderr


@pytest.mark.parametrize("name", ["neutrino-sparse_l-16b", "neutrino-full-8b"])
def test_real_windows(run, free_port, tmp_path, shared_dir, name):
    """The published networks over the published windows: no decision differs."""
    net, path = shared_dir / "golden" / f"{name}.model.h5", shared_dir / "events/real-windows.h5"
    detector = "[detector]\nname = \"test\"\nticks = 6400\n[[detector.plane]]\nid = 2\n" \
        "wires = 3456\n"
    expected = replayed(run, free_port, tmp_path, net, "neutrino", path, detector,
                        ("--event-time", "now"))
    score(run, "--config", tmp_path / "trigger.toml", path, "--jsonl", tmp_path / "s.jsonl",
          timeout=250)
    got = lines(tmp_path / "s.jsonl")
    assert len(got) == 100
    for ours, theirs in zip(got, expected):
        ours["event_time_ns"] = theirs["event_time_ns"]  # theirs is when it was sent
        assert without_clock(ours) == without_clock(theirs)


def test_pixels_score_as_their_wires(run, tmp_path, model):
    """A pixel file keeps what is left of the samples: every score must be the same, bit by bit,
    and a threshold that only looks at the first of them would not notice."""
    events = samples(2)
    wires = make_file(tmp_path / "wires.h5", events, ticks=TICKS)
    pixels = pixel_file(tmp_path / "pixels.h5", events)
    config = config_without_sockets(tmp_path / "c.toml", model)
    for path in (wires, pixels):
        score(run, "--config", config, path, "-o", tmp_path / f"{path.stem}.s.h5")
    a, b = tables(tmp_path / "wires.s.h5"), tables(tmp_path / "pixels.s.h5")
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], name)
    assert len(np.unique(a["window_table/score_raw"])) > 20
    assert "window_table/vertex" not in a and "event_table/nu_pdg" not in a


def test_truth_of_the_windows(run, tmp_path, model):
    """vertex and neutrino_bins are of the image, 3 x 3 pixels, not of the window, 4 x 4: a
    neutrino at the edge that no image holds is in no window. Counted a second way, in numpy."""
    events = samples(3)
    path = pixel_file(tmp_path / "p.h5", events)
    score(run, model, path, "-o", tmp_path / "s.h5", "--jsonl", tmp_path / "s.jsonl")
    got, t = tables(tmp_path / "s.h5"), tables(path)
    number = {tuple(e[:3]): k for k, e in enumerate(events)}
    wire, corr = t["event_table/nu_vtx_wire_pos"], t["event_table/nu_vtx_corr"]
    vertices = 0
    for i, identity in enumerate(got["window_table/event_id"]):
        k = number[tuple(identity)]
        plane = int(got["window_table/plane"][i, 0])
        row, col = got["window_table/first_bin"][i, 0] // 2, got["window_table/first_wire"][i, 0] // 2
        tick = float(corr[k, 0]) / 0.0548965 + 800
        inside = (t["event_table/nu_pdg"][k, 0] != 0 and tick < TICKS
                  and row <= int(tick) // 2 // 2 < row + 3
                  and col <= wire[k, plane] // 2 < col + 3)
        assert got["window_table/vertex"][i, 0] == inside
        vertices += inside
        here = ((t["pixel_table/event_id"] == identity).all(1)
                & (t["pixel_table/local_plane"][:, 0] == plane))
        r, c = t["pixel_table/row"][here, 0].astype(int), t["pixel_table/col"][here, 0].astype(int)
        held = (row <= r) & (r < row + 3) & (col <= c) & (c < col + 3)
        assert got["window_table/neutrino_bins"][i, 0] == \
            t["pixel_table/neutrino"][here, 0][held].sum()
    assert 0 < vertices < len(got["window_table/vertex"]) / 4
    for name, values in t.items():
        if name.startswith("event_table/"):
            np.testing.assert_array_equal(got[name], values, name)
    for k, line in enumerate(lines(tmp_path / "s.jsonl")):
        mine = (got["window_table/event_id"] == np.array(events[k][:3])).all(1)
        assert line["truth"]["nu_pdg"] == t["event_table/nu_pdg"][k, 0]
        assert line["truth"]["label_bins"] == [7, 7, 7]
        assert line["truth"]["vertex_windows"] == \
            np.flatnonzero(got["window_table/vertex"][mine, 0]).tolist()
        assert line["truth"]["neutrino_bins"] == got["window_table/neutrino_bins"][mine, 0].tolist()


def test_threads_change_nothing(run, tmp_path, model):
    """Lanes end in any order; what is written is in the file's."""
    path = pixel_file(tmp_path / "p.h5", samples(4, 60))
    for n in (1, 5):
        score(run, model, path, "-o", tmp_path / f"{n}.h5", "--threads", n, "--set",
              "trigger.max_accept_rate=5Hz", "--rate", 10, "--jsonl", tmp_path / f"{n}.jsonl")
    a, b = tables(tmp_path / "1.h5"), tables(tmp_path / "5.h5")
    assert a.keys() == b.keys() and len(set(a["decision_table/fate"][:, 0])) > 1
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], name)
    assert (tmp_path / "1.jsonl").read_text() == (tmp_path / "5.jsonl").read_text()


def test_some_events_and_no_empty_windows(run, tmp_path, model):
    """--events and --no-empty leave rows out and change none of the others."""
    path = pixel_file(tmp_path / "p.h5", samples(5))
    score(run, model, path, "-o", tmp_path / "all.h5")
    score(run, model, path, "-o", tmp_path / "some.h5", "--events", "3:9", "--no-empty")
    a, b = tables(tmp_path / "all.h5"), tables(tmp_path / "some.h5")
    for name in ("event_table/nu_energy", "event_table/event_id", "decision_table/fate"):
        np.testing.assert_array_equal(a[name][3:9], b[name], name)
    ids = [tuple(i) for i in b["event_table/event_id"]]
    keep = (a["window_table/n_active"][:, 0] > 0) & np.array(
        [tuple(i) in ids for i in a["window_table/event_id"]])
    assert 0 < keep.sum() < len(keep)
    for name in a:
        if name.startswith("window_table/") and not name.endswith("seq_cnt"):
            np.testing.assert_array_equal(a[name][keep], b[name], name)


def test_ready_made_images(run, tmp_path):
    """A model without preprocessing takes images as they are."""
    model = small_model(tmp_path / "m.h5", None, 3)
    images = np.random.default_rng(6).random((9, 3, 3, 1)).astype("f4") * 3
    with h5py.File(tmp_path / "i.h5", "w") as f:
        f["images"] = images
    score(run, model, tmp_path / "i.h5", "-o", tmp_path / "s.h5")
    got = tables(tmp_path / "s.h5")
    assert (got["window_table/n_active"][:, 0] ==
            (np.floor(images * 16) > 0).sum((1, 2, 3))).all()
    with h5py.File(tmp_path / "i.h5", "a") as f:
        del f["images"]
        f["images"] = np.zeros((2, 4, 3, 1), "f4")
    p = score(run, model, tmp_path / "i.h5", "-o", tmp_path / "s.h5", rc=1)
    assert "images are 4x3x1, the model takes 3x3x1" in p.stderr


def put(path, name, at, value):
    with h5py.File(path, "a") as f:
        f[name][at] = value


def swap(path):
    """Two neighbours of one event change places."""
    with h5py.File(path, "a") as f:
        rows = f["pixel_table/col"]
        a = rows[()].copy()
        a[[0, 1]] = a[[1, 0]]
        b = f["pixel_table/row"][()].copy()
        b[[0, 1]] = b[[1, 0]]
        rows[...] = a
        f["pixel_table/row"][...] = b


def drop(path, name):
    with h5py.File(path, "a") as f:
        del f[name]


def attribute(path, group, name, value):
    with h5py.File(path, "a") as f:
        f[group].attrs[name] = value


BAD = {
    "other threshold": (lambda p: attribute(p, "preprocessing", "pixel_threshold", 2.5),
                        "pixel_threshold = 2.5, model small was trained with 3"),
    "other window": (lambda p: attribute(p, "preprocessing", "window_wires", 16),
                     "window_wires = 16, model small was trained with 8"),
    "attribute missing": (lambda p: h5py.File(p, "a")["preprocessing"].attrs.pop("bin_clip"),
                          "preprocessing: no attribute bin_clip"),
    "other wires": (lambda p: attribute(p, "detector", "plane_wires", [24, 24, 40]),
                    "plane 2 has 40 wires"),
    "other ticks": (lambda p: attribute(p, "detector", "ticks", 43), "says 43 ticks a wire"),
    "no wires": (lambda p: attribute(p, "detector", "plane_wires", [24, 0, 33]),
                 "plane_wires of plane 1 = 0"),
    "no pixel_table": (lambda p: drop(p, "pixel_table"), "no pixel_table in it"),
    "no value": (lambda p: drop(p, "pixel_table/value"), "no pixel_table/value in it"),
    "no recipe": (lambda p: drop(p, "preprocessing"), "no preprocessing in it"),
    "NaN": (lambda p: put(p, "pixel_table/value", 3, np.nan), "pixel_table/value: row 3 is nan"),
    "row outside": (lambda p: put(p, "pixel_table/row", 2, 10), "pixel_table/row: row 2 is 10"),
    "column outside": (lambda p: put(p, "pixel_table/col", 2, 12), "plane 0 has 12 columns"),
    "plane outside": (lambda p: put(p, "pixel_table/local_plane", 0, 3),
                      "pixel_table/local_plane: row 0 is 3"),
    "not in order": (swap, "does not come after the one before it"),
    "another's rows": (lambda p: put(p, "pixel_table/event_id", 4, (5, 0, 101)),
                       "row 4 is not of event"),
    "short truth": (lambda p: (drop(p, "event_table/nu_pdg"), h5py.File(p, "a").create_dataset(
        "event_table/nu_pdg", data=np.zeros((3, 1), "i4"))), "event_table/nu_pdg has 3 rows"),
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:20000]), "truncated file"),
    "no HDF5": (lambda p: p.write_text("pixels"), "cannot be opened as HDF5"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pixel_files(run, tmp_path, model, name):
    """One sentence that names file, table, column and value; what was at OUT before stays."""
    damage, sentence = BAD[name]
    path = pixel_file(tmp_path / "bad.h5", samples(7))
    damage(path)
    out = tmp_path / "s.h5"
    out.write_text("of yesterday")
    config = config_without_sockets(tmp_path / "c.toml", model)
    p = score(run, "--config", config, path, "-o", out, rc=1)
    last = p.stderr.strip().splitlines()[-1]
    assert sentence in last and str(path) in last
    assert out.read_text() == "of yesterday" and not (tmp_path / "s.h5.part").exists()


def test_bad_wires(run, tmp_path, model):
    """Wires past their plane and other ticks are refused; what is no number counts as 0 and
    is said."""
    config = config_without_sockets(tmp_path / "c.toml", model)
    good = np.full(TICKS, 5.0)
    path = make_file(tmp_path / "w.h5", [(1, 0, 1, [(0, 24, good)])], ticks=TICKS)
    p = score(run, "--config", config, path, "-o", tmp_path / "s.h5", rc=1)
    assert "wire_table/local_wire: wire 24 in plane 0, which has 24 wires" in p.stderr
    path = make_file(tmp_path / "t.h5", [(1, 0, 1, [(0, 2, good[:9])])], ticks=9)
    p = score(run, "--config", config, path, "-o", tmp_path / "s.h5", rc=1)
    assert "wire_table/adc has 9 ticks a wire, detector.ticks = 41" in p.stderr
    good[:3] = np.nan
    path = make_file(tmp_path / "n.h5", [(1, 0, 1, [(0, 2, good), (1, 3, good)])], ticks=TICKS)
    p = score(run, "--config", config, path, "-o", tmp_path / "s.h5")
    assert "2 time bins that are no number" in p.stderr
    assert "1 wires left out, their plane is not configured" in p.stderr


@pytest.mark.parametrize("arguments,rc,sentence", [
    ((), 2, "nothing would be written"),
    (("-o", "IN"), 1, "is the file that is read"),
    (("-o", "OUT", "--events", "9:99"), 2, "has 12 events"),
    (("-o", "OUT", "--threads", "0"), 2, "must be 1 .. 256"),
    (("-o", "OUT", "--set", "trigger.max_accept_rate=5Hz"), 2, "no event_time_ns"),
    (("-o", "OUT", "--set", "trigger.rule[0].label=top"), 2, 'no model has the label "top"'),
    (("-o", "/nowhere/s.h5"), 1, "/nowhere/s.h5: cannot be written")])
def test_wrong_command_lines(run, tmp_path, model, arguments, rc, sentence):
    path = pixel_file(tmp_path / "p.h5", samples(8))
    names = {"IN": path, "OUT": tmp_path / "s.h5"}
    before = path.read_bytes()
    p = run("sparse-score", model, path, *(names.get(a, a) for a in arguments))
    assert p.returncode == rc and sentence in p.stderr, p.stderr
    assert path.read_bytes() == before
