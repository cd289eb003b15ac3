"""From Keras to a model file: nothing may differ, and what would differ must be refused.

Needs the training environment: SPARSED_TRAIN_PYTHON, or build/train/bin/python of this
source; skipped where there is none. SPARSED_EXPORT_NETWORKS is the number of random
networks (default 8), SPARSED_EXPORT_WINDOWS that of windows for the shapes of the three
demonstrations (default 300).
"""
import json
import os
import pathlib
import subprocess

import h5py
import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = SOURCE / "tests" / "export"
NETWORKS = int(os.environ.get("SPARSED_EXPORT_NETWORKS", "8"))
WINDOWS = int(os.environ.get("SPARSED_EXPORT_WINDOWS", "300"))

NAMES = ("neutrino", "standard", "jet", "digit", "fine")  # of tests/export/shapes.py


@pytest.fixture(scope="session")
def train_python():
    """The Python with Keras, HGQ2 and sparsepixels."""
    path = pathlib.Path(os.environ.get("SPARSED_TRAIN_PYTHON",
                                       SOURCE / "build" / "train" / "bin" / "python"))
    if not path.is_file():
        pytest.skip(f"no training environment at {path}: ./bootstrap train makes it")
    return path


@pytest.fixture(scope="session")
def keras_run(train_python, bin_dir):
    """Call it with arguments of that Python: the finished process."""
    def call(*arguments, status=0):
        path = f"{SOURCE / 'clients' / 'python'}:{SCRIPTS}"
        done = subprocess.run(
            [train_python, *map(str, arguments)], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": path, "SPARSED_BIN": str(bin_dir),
                 "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == status, f"exit {done.returncode}: {done.stderr[-3000:]}"
        return done
    return call


def rows(done):
    """The JSON objects that a script printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def shapes(keras_run, bin_dir, tmp_path_factory):
    """Networks of the demonstrations, exported: {name: row}."""
    folder = tmp_path_factory.mktemp("shapes")
    done = keras_run(SCRIPTS / "shapes.py", "--verify", bin_dir / "sparse-verify", "--out", folder,
                     "--windows", WINDOWS)
    return {row["name"]: row for row in rows(done)}


def test_random_networks_do_not_differ(keras_run, bin_dir):
    """Each rounding and overflow mode, shape of a quantizer, pool and kernel that is
    mistranslated changes some value of some network; networks that always say the same
    would hide it, so their outputs must vary."""
    found = rows(keras_run(SCRIPTS / "random_models.py", "--first", 10, "--models", NETWORKS,
                           "--verify", bin_dir / "sparse-verify"))
    assert len(found) == NETWORKS
    refused = [(row["seed"], row["refused"]) for row in found if "refused" in row]
    assert not refused
    # exact values always; Keras' own wherever no note says that float32 may round
    differ = [(row["seed"], row["mismatches"], row["check"]) for row in found
              if row["mismatches"] or (row["check"]["differing_values"] and not row["notes"])]
    assert not differ
    assert sum(not row["notes"] for row in found) > NETWORKS / 2
    assert sum(row["distinct"] > 5 for row in found) > NETWORKS / 2
    print(f"{len(found)} networks, {sum(row['compared'] for row in found)} values, 0 differ")


@pytest.mark.parametrize("name", NAMES)
def test_a_demonstration_does_not_differ(shapes, name):
    """An average over 49 pixels lies on no binary grid: two reciprocals of 10 bits once
    changed half of all sums. Outputs must vary, or a dead network would pass."""
    row = shapes[name]
    assert row["check"]["windows"] == WINDOWS
    assert row["check"]["differing_values"] == 0 and row["check"]["differing_decisions"] == 0
    assert row["check"]["largest_score_difference"] < 1e-6
    assert row["distinct"] > 20


@pytest.mark.parametrize("name", NAMES)
def test_the_check_sees_a_network_that_went_on_training(shapes, name):
    """A model file and a Keras network that no longer belong together: a check that counts
    no difference there is blind."""
    moved = shapes[name]["moved"]
    assert moved["differing_values"] == moved["values"] and moved["largest_difference"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_has_vectors(shapes, run, name):
    """A layer without recorded tensors is one that no engine is judged by."""
    path = pathlib.Path(shapes[name]["path"])
    done = run("sparse-verify", "--json", path)
    assert done.returncode == 0, done.stdout + done.stderr
    model = json.loads(done.stdout)["models"][0]
    with h5py.File(path) as file:
        layers = {g for g in file["layers"] if "out_t" in file["layers"][g].attrs}
    if name != "standard":
        layers.remove("000_input")  # held by input_float; no dense image is made
    assert {row["layer"] for row in model["layers"]} == layers
    assert model["windows"] == 100 and model["mismatches"] == 0 and model["input_values"] > 0


def test_types_are_narrow(shapes):
    """Pixels that need 8 bits and got 27 once left no room in an FPGA's port, and engines are
    as fast as their inputs are narrow."""
    assert shapes["neutrino"]["input_type"] == "ap_ufixed<8,1,AP_TRN,AP_SAT>"
    assert shapes["jet"]["input_type"] == "ap_ufixed<10,1,AP_TRN,AP_SAT>"
    with h5py.File(shapes["neutrino"]["path"]) as file:
        types = {g[4:]: file["layers"][g].attrs.get("out_t") for g in file["layers"]}
    assert types["conv1_iq"].startswith("ap_ufixed<7,1,")
    assert types["conv2_iq"].startswith("ap_ufixed<11,3,")


def test_an_independent_judge_agrees(shapes, shared_dir, train_python):
    """A numpy evaluator that shares no code with exporter or engine: both could be wrong alike."""
    judge = shared_dir / "tools" / "eval_model.py"
    done = subprocess.run([train_python, judge, *(row["path"] for row in shapes.values())],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"TOTAL {len(shapes)} models" in done.stdout and " 0 mismatches" in done.stdout


def test_what_cannot_be_exact_is_refused_by_name(keras_run):
    """One network or argument a row; each was or would be taken and decide otherwise."""
    found = rows(keras_run(SCRIPTS / "refusals.py"))
    assert len(found) > 45
    wrong = [(row["case"], row["expected"], row["said"]) for row in found if not row["good"]]
    assert not wrong


def test_the_command_line(shapes, keras_run, tmp_path):
    """Exports and checks a network of a module, its weights and windows from files."""
    folder = pathlib.Path(shapes["neutrino"]["path"]).parent
    model = tmp_path / "again.model.h5"
    common = ["--network", "small_network:build", "--weights", folder / "neutrino.weights.h5",
              "--windows", folder / "images.h5"]
    done = keras_run("-m", "sparsed.export", "export", model, *common, "--label", "neutrino",
                     "--like", folder / "neutrino.model.h5")
    assert "input ap_ufixed<8,1,AP_TRN,AP_SAT>" in done.stdout
    with h5py.File(model) as again, h5py.File(folder / "neutrino.model.h5") as first:
        assert dict(again["preprocessing"].attrs) == dict(first["preprocessing"].attrs)
        assert set(again["layers"]) == set(first["layers"])
    check = json.loads(keras_run("-m", "sparsed.export", "check", model, *common, "--json").stdout)
    assert check["windows"] == WINDOWS and check["differing_values"] == 0


# What a user gets wrong, and what must be said of it.
MISTAKES = [
    (["--network", "nowhere:build"], "--network nowhere:build: No module named 'nowhere'"),
    (["--network", "small_network:nothing"], "has no attribute 'nothing'"),
    (["--weights", "absent.weights.h5"], "absent.weights.h5: not the weights of"),
    (["--windows", "absent.h5"], "absent.h5: data set images cannot be read"),
    (["--like", "absent.h5"], "absent.h5: group preprocessing cannot be read")]

COMMANDS = """
import io, json, sys
from contextlib import redirect_stderr
from sparsed.export.__main__ import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["export", *arguments]
    with redirect_stderr(io.StringIO()) as said:
        status = main()
    print(json.dumps({"status": status, "said": said.getvalue()}))
"""


def test_a_mistake_is_one_sentence(shapes, keras_run, tmp_path):
    """A typing error of a user once was a page of Python."""
    folder = pathlib.Path(shapes["neutrino"]["path"]).parent
    commands = []
    for change, _ in MISTAKES:
        given = {"--network": "small_network:build", "--label": "neutrino", change[0]: change[1]}
        commands.append(["export", str(tmp_path / "x.model.h5"),
                         *(word for pair in given.items() for word in pair)])
    commands.append(["check", str(folder / "jet.model.h5"), "--network", "small_network:build",
                     "--windows", str(folder / "images.h5")])
    sentences = [sentence for _, sentence in MISTAKES]
    sentences.append("jet.model.h5: takes images of (56, 56, 1), the network of (63, 63, 1)")
    found = rows(keras_run("-c", COMMANDS, json.dumps(commands)))
    assert len(found) == len(sentences)
    for row, sentence in zip(found, sentences):
        assert row["status"] == 1 and sentence in row["said"], row
        assert row["said"].count("\n") == 1, row
    assert not list(tmp_path.iterdir())
