"""sparsed.windows cuts what the daemon cuts: a network trained on anything else would be
judged on other windows than it runs on."""
import dataclasses

import h5py
import numpy as np
import pytest

import pixelfile
from sparsed import windows as w
from test_score import small_model


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    path = tmp_path_factory.mktemp("pixels") / "events.h5"
    pixelfile.write(path, 6)
    return path


def test_the_recipe_gives_the_published_windows(shared_dir):
    """Wires of 100 real windows, through reduce and the division, are the 16-bit inputs of
    the published networks, bit for bit. Another order of the float sums changes the last
    place of half of the pixels, and a window near the threshold its decision."""
    with h5py.File(shared_dir / "golden" / "neutrino-sparse_l-16b.vectors.h5") as vectors, \
            h5py.File(shared_dir / "golden" / "neutrino-sparse_l-16b.model.h5") as model, \
            h5py.File(shared_dir / "events" / "real-windows.h5") as file:
        expected = vectors["input"][()]
        kind = [layer.attrs["out_t"] for layer in model["layers"].values()][0]
        pre = w.Preprocessing.read(model["preprocessing"], "model")
        wires = file["wire_table"]
        event = np.unique(wires["event_id"][()], axis=0, return_inverse=True)[1].ravel()
        first = file["window_table/plane_tick_wire"][()]
        samples, wire = wires["adc"][()], wires["local_wire"][()].ravel()
    kind = kind.decode() if isinstance(kind, bytes) else kind
    bits, integer = map(int, kind.split("<")[1].split(",")[:2])
    assert len(expected) == 100
    for i, (_, first_bin, first_wire) in enumerate(first):
        plane = np.zeros((512, samples.shape[1]), np.float32)
        mine = event == i
        plane[wire[mine].astype(int) - first_wire] = samples[mine]
        pixels = w.reduce(plane, pre) / np.float32(pre.pixel_scale)
        window = w.cut(pixels, np.array([[first_bin // pre.pool_time, 0]]), pre)[0]
        raw = np.floor(window.astype(np.float64) * 2.0 ** (bits - integer))
        np.testing.assert_array_equal(raw, expected[i, :, :, 0])


@pytest.mark.parametrize("factors", [(6, 4, 8), (5, 3, 2), (1, 1, 1), (7, 2, 3)])
def test_sums_are_made_pairwise_and_wires_in_order(factors):
    """On samples off any coarse grid the order of sums shows; here it is written out."""
    rebin, pool_time, pool_wires = factors
    pre = dataclasses.replace(w.NEUTRINO, time_rebin=rebin, pool_time=pool_time,
                              pool_wires=pool_wires, bin_floor=0.5, bin_clip=9.0,
                              pixel_threshold=1.0)
    samples = np.random.default_rng(4).normal(0.4, 1, (2 * pool_wires + 1, 67)).astype(np.float32)
    samples[0, 3] = np.inf

    def pairwise(values):
        while len(values) > 1:
            values = [np.float32(values[i] + values[i + 1]) if i + 1 < len(values) else values[i]
                      for i in range(0, len(values), 2)]
        return values[0]

    rows, cols = pre.plane_shape(67, len(samples))
    expected = np.zeros((rows, cols), np.float32)
    for row, col in np.ndindex(rows, cols):
        total = np.float32(0)
        for wire in range(col * pool_wires, (col + 1) * pool_wires):
            bins = []
            for time in range(row * pool_time, (row + 1) * pool_time):
                value = pairwise(list(samples[wire, time * rebin:(time + 1) * rebin]))
                value = value if np.isfinite(value) else np.float32(0)
                bins.append(np.float32(0) if value < 0.5 else min(value, np.float32(9)))
            total = np.float32(total + pairwise(bins))
        expected[row, col] = total if total >= 1 else 0
    np.testing.assert_array_equal(w.reduce(samples, pre), expected)


def test_the_daemon_cuts_the_same_windows(run, tmp_path, events):
    """sparse-score is the daemon's own imaging and engine over a pixel file. A network that
    adds up the first 4 pixels, each place with a weight of its own, must see in every window
    what the twin sees: place, number of active pixels, and the pixels themselves."""
    model = small_model(tmp_path / "small.h5", w.NEUTRINO.attributes(), size=63)
    done = run("sparse-score", model, events, "-o", tmp_path / "scores.h5")
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "scores.h5") as file:
        table = {name: values[()] for name, values in file["window_table"].items()}
        numbers = table["event_id"][:, 2]
    file = w.PixelFile(events)
    pre = file.preprocessing
    weights = (np.arange(63 * 63) * 331 % 700 - 150).reshape(63, 63)
    row = 0
    for event in range(len(file)):
        for plane in range(3):
            corners = file.tiles(plane)
            image = file.image(event, plane)
            for corner, pixels in zip(corners, w.cut(image.pixels, corners, pre)):
                assert numbers[row] == event and table["plane"][row, 0] == plane
                assert table["first_bin"][row, 0] == corner[0] * pre.pool_time
                assert table["first_wire"][row, 0] == corner[1] * pre.pool_wires
                raw = np.floor(pixels.astype(np.float64) * 16).astype(int)
                at = np.argwhere(raw > 0)
                assert table["n_active"][row, 0] == len(at)
                # Sums are on 2^-14 of pixel and weight, kept on 2^-10, each rounded down.
                sum_raw = -300
                for r, c in at[:4]:
                    sum_raw += raw[r, c] * weights[r, c] >> 4
                assert table["score_raw"][row, 0] == sum_raw
                assert table["vertex"][row, 0] == w.holds(corner[None],
                                                          file.vertex(event, plane), pre)[0]
                row += 1
    assert row == len(numbers) == len(file) * 85


def test_a_plane_is_tiled_as_the_daemon_tiles_it(events):
    file = w.PixelFile(events)
    assert [len(file.tiles(plane)) for plane in range(3)] == [25, 25, 35]
    assert np.unique(file.tiles(2)[:, 0]).tolist() == [0, 64, 128, 192, 202]
    assert np.unique(file.tiles(2)[:, 1]).tolist() == [0, 64, 128, 192, 256, 320, 368]
    # A plane that the stride fills has no tile twice.
    assert w.starts(128, 64, 64).tolist() == [0, 64]
    assert w.starts(64, 64, 64).tolist() == [0]


def test_pixels_below_the_threshold_are_truth_but_no_pixels(events):
    """The file also lists labelled pixels below the threshold, so that truth can be
    counted. Taken for pixels they would be active in training and not in the daemon."""
    with h5py.File(events) as file:
        value = file["pixel_table/value"][()]
        assert (value < 700).any()
    file = w.PixelFile(events)
    total = 0
    for event in range(len(file)):
        for plane in range(3):
            image = file.image(event, plane)
            lit = image.pixels[image.pixels > 0]
            assert (lit * 3200 >= 700 - 1e-3).all()
            total += len(lit)
            assert image.neutrino.sum() == file.truth("label_bins")[event, plane]
    assert total == (value >= 700).sum()


def test_a_window_is_the_first_63_of_its_64_pixels(events):
    """The vertex in the 64th column is in the window but not in its image: the network
    does not see it, so it is no signal."""
    file = w.PixelFile(events)
    corners = np.array([[0, 0], [0, 64]])
    assert w.holds(corners, (5, 62), file.preprocessing).tolist() == [True, False]
    assert w.holds(corners, (5, 63), file.preprocessing).tolist() == [False, False]
    assert w.holds(corners, (5, 64), file.preprocessing).tolist() == [False, True]
    assert w.holds(corners, None, file.preprocessing).tolist() == [False, False]
    pixels = np.arange(266 * 432, dtype=np.float32).reshape(266, 432)
    image = w.cut(pixels, np.array([[202, 368]]), file.preprocessing)[0]
    assert image.shape == (63, 63) and image[0, 0] == 202 * 432 + 368


def test_the_vertex_lies_where_the_pixels_are(events):
    """From cm to tick to pixel: half a tick off is another pixel for one vertex in 24."""
    file = w.PixelFile(events)
    for event in np.flatnonzero(file.truth("nu_pdg")):
        for plane in range(3):
            row, col = file.vertex(event, plane)
            image = file.image(event, plane)
            assert image.neutrino[max(0, row - 8):row + 9, max(0, col - 8):col + 9].sum() > 0
            at = np.argwhere(image.neutrino)
            assert abs(at.mean(0) - (row, col)).max() < 3
    assert file.vertex(int(np.flatnonzero(file.truth("nu_pdg") == 0)[0]), 0) is None


def test_sums_over_rectangles():
    values = np.random.default_rng(1).integers(0, 9, (30, 40))
    corners = np.array([[0, 0], [3, 5], [20, 30]])
    expected = [values[r:r + 10, c:c + 10].sum() for r, c in corners]
    assert w.sums(values, corners, (10, 10)).tolist() == expected


def _without(table):
    def change(file):
        del file[table]
    return change


def _put(column, value):
    def change(file):
        file[column][0] = value
    return change


def _attribute(group, name, value):
    def change(file):
        if value is None:
            del file[group].attrs[name]
        else:
            file[group].attrs[name] = value
    return change


REFUSED = [
    (_without("preprocessing"), "no group /preprocessing: not a pixel file"),
    (_without("detector"), "no group /detector"),
    (_without("pixel_table"), "no pixel_table: not a pixel file"),
    (_without("event_table"), "no event_table: a file without truth"),
    (_without("pixel_table/neutrino"), "pixel_table has no column neutrino: a file without truth"),
    (_without("pixel_table/value"), "pixel_table has no column value"),
    (_attribute("preprocessing", "pool_time", None), "/preprocessing has no attribute pool_time"),
    (_attribute("preprocessing", "pool_time", 0), "/preprocessing/pool_time = 0"),
    (_attribute("preprocessing", "pixel_scale", 0.0), "/preprocessing/pixel_scale = 0"),
    (_attribute("preprocessing", "pixel_scale", float("nan")), "/preprocessing/pixel_scale = nan"),
    (_attribute("detector", "ticks", 600), "plane 0 is 25 x 300 pixels, smaller than a window"),
    (_put("pixel_table/row", 266), "pixel_table/row = 266 of row 0: plane 0 has 266"),
    (_put("pixel_table/col", 300), "pixel_table/col = 300 of row 0: plane 0 has 300"),
    (_put("pixel_table/local_plane", 3), "pixel_table/local_plane = 3: the detector has 3 planes"),
    (_put("pixel_table/value", float("nan")), "pixel_table/value: not every value is finite"),
    (_put("pixel_table/event_id.seq_cnt", (0, 1)), "pixel_table/event_id.seq_cnt counts"),
    (_put("pixel_table/event_id.seq_cnt", (9, 1)), "names event 9 of 6"),
]


@pytest.mark.parametrize("change, sentence", REFUSED, ids=[s for _, s in REFUSED])
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, change, sentence):
    path = tmp_path / "bad.h5"
    pixelfile.write(path, 6)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(w.DataError) as refused:
        w.PixelFile(path)
    assert str(refused.value).startswith(str(path)) and sentence in str(refused.value)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(w.DataError, match="no such file"):
        w.PixelFile(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(w.DataError, match="not a whole HDF5 file"):
        w.PixelFile(tmp_path / "text.h5")
