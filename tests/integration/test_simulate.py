"""sparse-simulate: the same event whichever way it comes out, and windows like real ones."""
import os
import pathlib
import re
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest

from receiver import Receiver
from sparsed import readout_pb2 as readout
from sparsed import realism
from sparsed.windows import PixelFile, reduce

EVENTS = 5


def readable(path):
    """All data sets and attributes of a file, by name."""
    out = {}

    def take(name, thing):
        if isinstance(thing, h5py.Dataset):
            out[name] = thing[()]
        for key, value in thing.attrs.items():
            out[f"{name}@{key}"] = value
    with h5py.File(path, "r") as file:
        file.visititems(take)
    return out


@pytest.fixture(scope="module")
def simulated(bin_dir, tmp_path_factory):
    """The same five events as a pixel file and as a file of samples."""
    folder = tmp_path_factory.mktemp("simulated")
    for name, *more in (("pixels.h5", "--windows"), ("samples.h5",)):
        p = subprocess.run([bin_dir / "sparse-simulate", name, *more, "--events", str(EVENTS),
                            "--seed", "11", "--threads", "2"],
                           cwd=folder, capture_output=True, text=True, timeout=240)
        assert p.returncode == 0, p.stderr
    return folder


def planes(plane_wires, ticks, rows):
    """Samples [plane][wire][tick] of rows (plane, wire, samples in counts)."""
    out = [np.zeros((wires, ticks), np.float32) for wires in plane_wires]
    for plane, wire, samples in rows:
        out[plane][wire] = samples.astype(np.float32) / 16
    return out


def file_rows(file, index):
    """(plane, wire, samples) of event `index`."""
    wires = file["wire_table"]
    counts = {event: n for event, n in wires["event_id.seq_cnt"][()]}
    first = sum(n for event, n in counts.items() if event < index)
    rows = slice(first, first + counts.get(index, 0))
    return zip(wires["local_plane"][rows, 0], wires["local_wire"][rows, 0].astype(int),
               wires["adc"][rows])


def test_pixels_are_those_of_the_samples(simulated):
    """--windows never makes whole planes: it goes column by column, with blocks used again.
    A block not cleared, or noise of another stream, and training sees another detector."""
    pixels = PixelFile(simulated / "pixels.h5")
    pre, seen = pixels.preprocessing, 0
    with h5py.File(simulated / "samples.h5") as file:
        assert np.array_equal(file["event_table/label_bins"], pixels.truth("label_bins"))
        for event in range(EVENTS):
            samples = planes(pixels.plane_wires, pixels.ticks, file_rows(file, event))
            for plane, wires in enumerate(samples):
                expected = reduce(wires, pre) / np.float32(pre.pixel_scale)
                assert np.array_equal(pixels.image(event, plane).pixels, expected)
                seen += np.count_nonzero(expected)
    assert seen > 1000


def test_threads_and_parts_change_nothing(run, tmp_path, simulated):
    """A run made by seven threads, and its last two events made alone, are the same rows."""
    whole = readable(simulated / "pixels.h5")
    p = run("sparse-simulate", "--windows", tmp_path / "seven.h5", "--events", EVENTS, "--seed", 11,
            "--threads", 7, timeout=240)
    assert p.returncode == 0, p.stderr
    seven = readable(tmp_path / "seven.h5")
    assert whole.keys() == seven.keys()
    for name in whole:
        assert name.endswith("@command") or np.array_equal(whole[name], seven[name]), name
    p = run("sparse-simulate", "--windows", tmp_path / "last.h5", "--events", 2, "--seed", 11,
            "--first-event", EVENTS - 2, timeout=240)
    assert p.returncode == 0, p.stderr
    last = readable(tmp_path / "last.h5")
    rows = whole["pixel_table/event_id"][:, 2] >= EVENTS - 2
    for column in ("row", "col", "value", "neutrino", "event_id"):
        assert np.array_equal(whole[f"pixel_table/{column}"][rows], last[f"pixel_table/{column}"])
    assert np.array_equal(whole["event_table/label_bins"][-2:], last["event_table/label_bins"])


def test_truth_agrees_with_itself(simulated):
    """Hits and edeps name rows that exist; a neutrino's vertex is where its primaries begin."""
    truth = readable(simulated / "samples.h5")
    for table in ("hit", "edep", "particle", "wire", "event"):
        counts = truth[f"{table}_table/event_id.seq_cnt"]
        ids = truth[f"{table}_table/event_id"]
        assert counts[:, 1].sum() == len(ids) and (np.diff(counts[:, 0]) > 0).all()
    energy, fraction = (truth[f"edep_table/{name}"][:, 0] for name in ("energy",
                                                                      "energy_fraction"))
    assert len(energy) and (energy > 0).all() and (fraction > 0).all() and (fraction < 1.001).all()
    neutrinos = 0
    for row, event_id in enumerate(truth["event_table/event_id"]):
        mine = {t: (truth[f"{t}_table/event_id"] == event_id).all(1)
                for t in ("hit", "edep", "particle")}
        hits = truth["hit_table/hit_id"][mine["hit"], 0]
        assert np.array_equal(hits, np.arange(len(hits)))
        particle = {name: truth[f"particle_table/{name}"][mine["particle"]]
                    for name in ("g4_id", "parent_id", "from_neutrino", "start_position")}
        from_neutrino = particle["from_neutrino"][:, 0] == 1
        edeps = truth["edep_table/g4_id"][mine["edep"], 0]
        assert set(edeps) <= set(particle["g4_id"][from_neutrino, 0])
        assert (truth["edep_table/hit_id"][mine["edep"], 0] < len(hits)).all()
        pdg = truth["event_table/nu_pdg"][row, 0]
        assert from_neutrino.any() == (pdg != 0)
        wires = truth["event_table/nu_vtx_wire_pos"][row]
        assert (wires >= 0).all() if pdg else (wires == -1).all()
        primaries = from_neutrino & (particle["parent_id"][:, 0] == 0)
        if pdg:
            neutrinos += 1
            start = particle["start_position"][primaries]
            assert np.array_equal(start, np.tile(truth["event_table/nu_vtx"][row],
                                                 (len(start), 1)))
    assert 0 < neutrinos < EVENTS, "choose another seed: both kinds are needed"


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_the_source_sends_what_the_file_holds(run, simulated, kind):
    """Every wire exactly once, empty ones declared; samples as in the file of the same seed."""
    receiver = Receiver()
    try:
        p = run("sparse-simulate", "--to", receiver.endpoint, "--events", 2, "--seed", 11,
                "--type", kind, "--event-time", "simulated", "--source-id", 3, timeout=240)
    finally:
        receiver.close()
    assert p.returncode == 0, p.stderr
    wires, times = [2400, 2400, 3456], []
    sent = {event: [np.full((n, 6400), np.nan, np.float32) for n in wires] for event in (0, 1)}
    for sequence, (topic, header, payload) in enumerate(receiver.messages):
        h = readout.FragmentHeader.FromString(header)
        assert (topic, h.schema_version, h.source_id, h.sequence) == (b"fragment", 1, 3, sequence)
        assert h.payload_bytes == len(payload) and h.ticks == 6400 and h.first_wire % 8 == 0
        part = sent[h.event][h.plane][h.first_wire:h.first_wire + h.wires]
        assert len(part) == h.wires and np.isnan(part).all(), "a wire was sent twice"
        assert (h.encoding == readout.EMPTY) == (payload == b"")
        samples = np.frombuffer(payload, "<i2" if kind == "int16" else "<f4")
        part[:] = samples.reshape(-1, 6400) / (16 if kind == "int16" else 1) if payload else 0
        times.append(h.event_time_ns)
    assert sorted(set(times)) == [1577836800_000000000, 1577836800_003200000]
    with h5py.File(simulated / "samples.h5") as file:
        for event in (0, 1):
            expected = planes(wires, 6400, file_rows(file, event))
            for plane in range(3):
                assert np.array_equal(sent[event][plane], expected[plane])


def test_a_stop_leaves_whole_events(run, tmp_path):
    """^C in the middle of a long run: the file can be read and holds what was made."""
    p = run("sparse-simulate", "--windows", tmp_path / "long.h5", "--events", 100000, start=True)
    deadline = time.monotonic() + 60
    while not ((tmp_path / "long.h5").exists() and (tmp_path / "long.h5").stat().st_size > 100000):
        assert p.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    p.send_signal(signal.SIGINT)
    _, errors = p.communicate(timeout=60)
    assert p.returncode == 1
    made = int(re.search(r"stopped after (\d+) of 100000 events", errors).group(1))
    assert len(PixelFile(tmp_path / "long.h5")) == made > 0


@pytest.mark.parametrize("arguments, sentence", [
    ([], "needs a FILE to write, or --to"),
    (["a.h5", "--to", "tcp://127.0.0.1:1"], "a FILE or --to, not both"),
    (["a.h5", "b.h5"], "b.h5: one FILE is enough"),
    (["a.h5", "--events", "0"], "--events 0: must be 1"),
    (["a.h5", "--events", "ten"], "--events ten: must be 1"),
    (["a.h5", "--set", "gravity=9.8"], 'no constant "gravity"'),
    (["a.h5", "--set", "noise=-1"], "--set noise=-1: must be 0 .. 100 units"),
    (["a.h5", "--set", "y_min=300"], "y_min = 300 is not below y_max = 117.5"),
    (["a.h5", "--set", "pulse_sigma=20", "--set", "diffusion_long=100", "--set", "x_max=2000"],
     "make pulses of"),
    (["a.h5", "--windows", "--set", "roi_bin=5"], "time_rebin = 6, but roi_bin = 5"),
    (["a.h5", "--windows", "--set", "wires_u=100"], "100"),
    (["a.h5", "--windows", "--type", "float32"], "made of int16 samples"),
    (["a.h5", "--type", "int8"], "--type int8: must be int16 or float32"),
    (["a.h5", "--first-event", "2147483647"], "event numbers end at 2147483647"),
    (["--to", "tcp://127.0.0.1:1", "--wires-per-fragment", "12"], "must be a multiple of 8"),
    (["a.h5", "--constants=html"], "must be markdown"),
])
def test_a_wrong_command_line_is_one_sentence(run, tmp_path, arguments, sentence):
    """Each mistake by its name and value, exit status 2, and no file left behind."""
    p = run("sparse-simulate", *arguments, cwd=tmp_path)
    assert p.returncode == 2 and sentence in p.stderr, p.stderr
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_or_reached_is_said(run, tmp_path):
    """A folder that is not there, a model that is none, a socket nobody reads."""
    p = run("sparse-simulate", tmp_path / "no" / "a.h5")
    assert p.returncode == 1 and "no/a.h5: cannot be made" in p.stderr
    (tmp_path / "model.h5").write_text("not HDF5")
    p = run("sparse-simulate", tmp_path / "a.h5", "--model", tmp_path / "model.h5")
    assert p.returncode == 1 and "model.h5" in p.stderr
    p = run("sparse-simulate", "--to", "tcp://127.0.0.1:1", "--wait", 0.2)
    assert p.returncode == 1 and "no peer within 0.2 s" in p.stderr
    p = run("sparse-simulate", "--to", "nonsense")
    assert p.returncode == 1 and "--to nonsense: cannot connect" in p.stderr


def test_the_page_has_the_constants_that_the_program_has(run):
    """docs/simulation.md was once one release behind the table it shows."""
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "simulation.md"
    printed = run("sparse-simulate", "--constants=markdown").stdout
    assert printed.startswith("| name |") and page.read_text().endswith(printed)


def compared(run, shared_dir, path, events, *more):
    """Each quantity with its distance between simulated windows and the real ones."""
    p = run("sparse-simulate", "--windows", path, "--events", events, "--seed", 4, *more,
            timeout=1000)
    assert p.returncode == 0, p.stderr
    windows = np.concatenate(realism.simulated_windows(PixelFile(path)))
    real = realism.real_windows(shared_dir / "events" / "real-windows.h5")
    assert len(windows) >= events and len(real) == 100
    return realism.compare(windows, real)


def test_windows_look_like_the_real_ones(run, shared_dir, tmp_path):
    """The five distributions lie within what 100 real windows can tell. 150 events here;
    SPARSED_SIMULATE_EVENTS=2500 makes the comparison of docs/simulation.md."""
    events = int(os.environ.get("SPARSED_SIMULATE_EVENTS", "150"))
    for quantity, distance in compared(run, shared_dir, tmp_path / "sim.h5", events):
        assert distance <= quantity.limit, (quantity.name, distance)


def test_the_comparison_sees_a_wrong_detector(run, shared_dir, tmp_path):
    """A comparison that passes everything proves nothing: a third of the charge lost, as
    with a wrong unit of adc, must be seen in the count of active pixels."""
    distances = compared(run, shared_dir, tmp_path / "sim.h5", 100, "--set",
                         "electrons_per_unit=300")
    quantity, distance = distances[0]
    assert quantity.name == "active pixels" and distance > quantity.limit
