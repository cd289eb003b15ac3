"""What the tests of config/kubernetes share: the tools that judge, and the manifests, read."""
from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
FOLDER = SOURCE / "config" / "kubernetes"


@pytest.fixture(scope="session")
def tools() -> Path:
    """Folder of kubernetes-validate and hadolint; pip brings them once. Skips without the net,
    fails on CI."""
    folder = Path(os.environ.get("SPARSED_KUBERNETES", SOURCE / "build" / "kubernetes"))
    wanted, have = HERE / "requirements.txt", folder / "requirements.txt"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not have.exists() or have.read_text() != wanted.read_text():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "env"], check=True)
            done = subprocess.run([folder / "env/bin/pip", "install", "-q", "-r", wanted],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                (pytest.fail if os.environ.get("CI") else pytest.skip)(done.stderr[-500:])
            have.write_text(wanted.read_text())
    return folder / "env" / "bin"


def documents(path: Path) -> list[dict]:
    """The objects of a YAML file."""
    return [one for one in yaml.safe_load_all(path.read_text()) if one is not None]


def folders() -> list[Path]:
    """The kustomizations."""
    return sorted(path.parent for path in FOLDER.rglob("kustomization.yaml"))


def objects(folder: str = "") -> dict[tuple[str, str], dict]:
    """{(kind, name): object} of all manifests below a folder, kustomizations left out."""
    return {(one["kind"], one["metadata"]["name"]): one
            for path in sorted((FOLDER / folder).rglob("*.yaml"))
            if path.name != "kustomization.yaml" for one in documents(path)}


@pytest.fixture
def config() -> dict:
    """The configuration of base/, which becomes a ConfigMap."""
    return tomllib.loads((FOLDER / "base" / "trigger.toml").read_text())


@pytest.fixture
def pod() -> dict:
    """What base/deployment.yaml makes pods of."""
    return objects("base")["Deployment", "sparsed"]["spec"]["template"]["spec"]


@pytest.fixture
def container(pod) -> dict:
    (one,) = pod["containers"]
    return one
