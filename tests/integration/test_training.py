"""python -m sparsed.training: data, training, export and check in one go, and what it says
where the data are bad. Needs an environment with Keras (./bootstrap train makes it)."""
import json
import os
import pathlib
import shutil
import subprocess

import h5py
import pytest

import pixelfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def train(bin_dir):
    """Call it with arguments of sparsed.training: the finished process."""
    python = pathlib.Path(os.environ.get("SPARSED_TRAIN_PYTHON",
                                         SOURCE / "build" / "train" / "bin" / "python"))
    if not python.exists():
        if os.environ.get("CI"):
            pytest.fail(f"no training environment: {python}")
        pytest.skip(f"no training environment: {python} (./bootstrap train, "
                    "SPARSED_TRAIN_PYTHON)")
    environment = {**os.environ, "SPARSED_BIN": str(bin_dir), "PYTHONDONTWRITEBYTECODE": "1",
                   "PYTHONPATH": str(SOURCE / "clients" / "python")}

    def call(*arguments, script=None, module="sparsed.training"):
        command = [str(python), "-W", "ignore"]
        command += ["-c", script] if script else ["-m", module]
        command += map(str, arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False,
                              env=environment)
    return call


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "train.h5"
    pixelfile.write(path, 200)
    return path


@pytest.fixture(scope="module")
def trained(train, data, tmp_path_factory):
    """A small network trained with 8 bits: the finished process and its folder."""
    folder = tmp_path_factory.mktemp("out")
    return train("--data", data, "--pixels", 12, "--bits", 8, "--epochs", 6, "--batch", 16,
                 "--out", folder), folder


def test_a_network_is_trained_exported_and_exact(trained, bin_dir):
    """From a pixel file to a model that decides as Keras does, window by window, with a
    card that says how good it is and how it was made."""
    done, folder = trained
    assert done.returncode == 0, done.stderr
    name = "neutrino-s-8b"
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{name}.{what}" for what in ("card.json", "model.h5", "vectors.h5", "weights.h5")]
    card = json.loads((folder / f"{name}.card.json").read_text())
    assert card["check"]["differing_decisions"] == 0
    assert card["check"]["differing_values"] == 0
    # All windows of the three sides were compared; none is on two sides.
    assert card["check"]["windows"] == sum(card["windows"].values())
    assert card["figures"]["auc"] > 0.8
    assert card["command"] == ("python -m sparsed.training --data train.h5 --pixels 12 --bits 8 "
                               f"--epochs 6 --batch 16 --out {folder.name}")
    assert card["data"][0]["file"] == "train.h5" and card["data"][0]["events"] == 200
    assert card["data"][0]["command"] == "pixelfile.py"
    seed = card["seed"]
    assert [e["stage"] for e in card["epochs"]] == [f"first-{seed}"] * 6 + [f"narrow-{seed}"] * 3
    verified = subprocess.run([bin_dir / "sparse-verify", folder / f"{name}.model.h5"],
                              capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_eight_bits_are_eight_bits(trained):
    """What an 8-bit engine multiplies: weights of 8 bits with their sign, activations of 8
    without; a kernel chosen for bytes must not meet a ninth bit."""
    with h5py.File(trained[1] / "neutrino-s-8b.model.h5") as file:
        for name, layer in file["layers"].items():
            if "weight" in layer:
                width = int(layer.attrs["weight_t"].split("<")[1].split(",")[0])
                assert width <= 8, (name, layer.attrs["weight_t"])
            if "width" in layer:
                assert layer["width"][()].max() <= 8, name
        first = next(iter(file["layers"].values()))
        assert "fixed<8," in first.attrs["out_t"]


def test_compare_finds_a_model_that_is_not_its_weights(trained, train, data, tmp_path):
    """The table of config/models: each network is built again from its card and weights, and
    must decide as the model file does. With other weights it must not."""
    folder = tmp_path / "models"
    shutil.copytree(trained[1], folder)
    done = train(folder, "--data", data, "--windows", 300, module="sparsed.training.compare")
    assert done.returncode == 0, done.stderr
    row = done.stdout.splitlines()[-1].split()
    assert row[0] == "neutrino-s-8b" and row[2:5] == ["300", "0", "0"], done.stdout
    with h5py.File(folder / "neutrino-s-8b.weights.h5", "r+") as file:
        # The last layer's kernel: the smallest of those with one output.
        kernels = []
        file.visititems(lambda name, item: kernels.append(name)
                        if isinstance(item, h5py.Dataset) and item.shape == (16, 1)
                        and name.endswith("/0") else None)
        assert len(kernels) == 1, kernels
        file[kernels[0]][...] = -file[kernels[0]][()]
    done = train(folder, "--data", data, "--windows", 300, module="sparsed.training.compare")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert int(done.stdout.splitlines()[-1].split()[4]) > 0
    done = train(folder, module="sparsed.training.compare")
    assert done.returncode == 1 and "--data is needed for neutrino networks" in done.stderr


def test_slots_and_images_give_the_same_network(train):
    """Training runs on the N active pixels of a window, the exported network on images.
    Were they different functions, the trained one would not be the deployed one. Windows
    with more than N pixels, none, and pixels at the edges are in."""
    done = train(script="""
import numpy as np
from sparsed.training import networks, slots
for name, n in (("neutrino", 5), ("neutrino", 40), ("jet", 12)):
    arch = networks.ARCHITECTURES[name]
    model = networks.build(arch, n, networks.grids_16(arch), seed=3, threshold=0.3)
    random = np.random.default_rng(n)
    images = random.uniform(0, 1, (64, *arch.image)) * (random.random((64, *arch.image)) < 0.01)
    images[0] = 0
    images[1, 0, :] = images[1, -1, :] = images[1, :, 0] = images[1, :, -1] = 0.9
    images = np.floor(images * 2**10).astype(np.float32) / 2**10
    twin = slots.twin(arch, model)
    a = model.predict(images, verbose=0)
    b = twin.predict(slots.slots(images, n, 0.3), verbose=0)
    assert a.std() > 0
    # Before the sigmoid all sums are exact but the average, whose division may round.
    assert np.abs(a - b).max() < 1e-6, np.abs(a - b).max()
    # Training the one trains the other.
    twin.compile("adam", "mse")
    twin.fit(slots.slots(images, n, 0.3), np.ones((64, a.shape[1])), verbose=0)
    c = model.predict(images, verbose=0)
    assert np.abs(c - a).max() > 1e-6
    assert np.abs(c - twin.predict(slots.slots(images, n, 0.3), verbose=0)).max() < 1e-6
""")
    assert done.returncode == 0, done.stderr


def test_a_stopped_training_goes_on(train, tmp_path):
    """The same training takes up after the last whole epoch, and ends with the very weights
    of one that was not stopped: order and mirrors follow from the epoch, and the state of
    the optimizer is kept. A checkpoint of another plan is left alone."""
    done = train(tmp_path, script="""
import sys
from pathlib import Path
import numpy as np
from sparsed.training import fit, networks, recipes
random = np.random.default_rng(1)
label = random.integers(0, 2, 256)
images = (random.random((256, 63, 63, 1)) < 0.002 + 0.004 * label[:, None, None, None])
windows = recipes.Windows(images.astype(np.float32), label, np.arange(256), label,
                          np.zeros((256, 2), int))
arch = networks.ARCHITECTURES["neutrino"]
plan = fit.Plan(n_pixels=None, epochs=4, batch=32, augment="both", seed=5)
checkpoint = Path(sys.argv[1]) / "checkpoint.npz"

class Stopped(Exception):
    pass

def run(checkpoint, plan=plan, stop=None):
    said = []
    def show(text):
        # As a kill: an epoch is over, and its checkpoint is not yet written.
        if stop is not None and stop in text:
            raise Stopped
        said.append(text)
    model, _ = fit.train(arch, plan, windows, windows, checkpoint=checkpoint, show=show)
    return model.get_weights(), said

whole, _ = run(None)
try:
    run(checkpoint, stop="epoch  3/4")
except Stopped:
    pass
assert checkpoint.exists()
kept = checkpoint.read_bytes()
going_on, said = run(checkpoint)
assert said[0] == "resumed after epoch 2" and len(said) == 3, said
assert all(np.array_equal(a, b) for a, b in zip(whole, going_on))
assert not checkpoint.exists()
checkpoint.write_bytes(kept)
_, said = run(checkpoint, fit.Plan(n_pixels=None, epochs=4, batch=64, augment="both", seed=5))
assert not any("resumed" in text for text in said), said
""")
    assert done.returncode == 0, done.stderr


def test_windows_of_one_event_are_never_on_two_sides(train, data):
    """Two tiles of one readout hold the same muons: a network that has seen the one knows
    the other. Split by window, the figures came out too good."""
    done = train(data, script="""
import sys
import numpy as np
from sparsed.training import recipes
from sparsed.windows import PixelFile
for name in recipes.RECIPES:
    found = recipes.select([PixelFile(sys.argv[1])], name, seed=1)
    sides = recipes.split(found, (0.7, 0.1, 0.2), 1)
    assert sum(map(len, sides)) == len(found)
    for i in range(3):
        assert len(sides[i]) > 0
        for j in range(i):
            assert not set(sides[i].event) & set(sides[j].event)
    assert (found.label == 0).sum() == (found.label == 1).sum()
    if name == "tiles":
        # The same planes for both classes, or the plane alone would tell them apart.
        used = {label: {*zip(found.event[found.label == label], found.plane[found.label == label])}
                for label in (0, 1)}
        assert used[0] <= {(e, p) for e, p in used[1]} | used[0] and set(found.plane) == {0, 1, 2}
        # Empty tiles stay: a trigger sees them.
        assert (found.active[found.label == 0] == 0).any()
    else:
        assert set(found.plane[found.label == 0]) == {2}
    again = recipes.select([PixelFile(sys.argv[1])], name, seed=1)
    assert np.array_equal(again.images, found.images)
""")
    assert done.returncode == 0, done.stderr


def _no_signal(path):
    pixelfile.write(path, 20, neutrinos=0.0)


def _no_truth(path):
    pixelfile.write(path, 5)
    with h5py.File(path, "r+") as file:
        del file["event_table/nu_vtx_wire_pos"]


def _other_image(path):
    pixelfile.write(path, 5, preprocessing={**pixelfile.PREPROCESSING, "image_height": 62})


def _few(path):
    pixelfile.write(path, 2, neutrinos=1.0)


@pytest.mark.parametrize("make, sentence", [
    (_no_signal, "no signal: no plane of 20 events has 500 neutrino-labelled bins (--min-label)"),
    (_no_truth, "event_table has no column nu_vtx_wire_pos: a file without truth"),
    (_other_image, "/preprocessing gives images of 62 x 63, the neutrino network takes 63 x 63"),
    (_few, "window is left for"),
], ids=["signal", "truth", "size", "few"])
def test_bad_data_are_refused_in_one_sentence(train, tmp_path, make, sentence):
    make(tmp_path / "bad.h5")
    done = train("--data", tmp_path / "bad.h5", "--out", tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.model.h5"))


@pytest.mark.parametrize("arguments, sentence", [
    ([], "--data is needed"),
    (["jet", "--data", "x.h5"], "--data and --test are for neutrino windows"),
    (["--data", "x.h5", "--pixels", "0"], "--pixels 0: must be 1 .. 4096"),
    (["--data", "x.h5", "--epochs", "0"], "--epochs 0: must be at least 1"),
    (["--data", "x.h5", "--threshold", "1.5"], "--threshold 1.5: must be at least 0"),
    (["--data", "x.h5", "--standard", "--learn-n"], "--standard has no input reduction"),
    (["--data", "x.h5", "--quick"], "--quick simulates its own data"),
    (["--data", "x.h5", "--bits", "8", "--learn-n"], "--bits 8 begins as a 16-bit network"),
])
def test_wrong_use_is_said_at_once(train, arguments, sentence):
    done = train(*arguments)
    assert done.returncode == 2 and sentence in done.stderr


def test_a_dead_seed_is_said_and_the_next_one_tried(train, tmp_path):
    """One filter of the first convolution may begin where relu gives 0 everywhere: the loss
    then stays at 0.693 for ever. Here no seed can learn: the labels are drawn at random."""
    done = train(script="""
import numpy as np
from sparsed.training import fit, networks, recipes
random = np.random.default_rng(1)
images = (random.random((512, 63, 63, 1)) < 0.003).astype(np.float32)
none = np.zeros(512, int)
windows = recipes.Windows(images, random.integers(0, 2, 512), np.arange(512), none,
                          np.zeros((512, 2), int))
said = []
fit.DEAD_STEPS, fit.TRIES = 2, 2
plan = fit.Plan(n_pixels=4, epochs=8, batch=256, learning_rate=1e-6, seed=7)
try:
    fit.train(networks.ARCHITECTURES["neutrino"], plan, windows, windows, show=said.append)
except fit.TrainingError as error:
    assert "[7, 107]" in str(error)
else:
    raise AssertionError("learned from nothing")
assert any("seed 7 is dead: the loss stays at 0.69" in text for text in said), said
assert sum("epoch" in text for text in said) == 2, said
""")
    assert done.returncode == 0, done.stderr
