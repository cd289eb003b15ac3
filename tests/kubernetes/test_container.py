"""The image and what runs in it: the Dockerfile is read by a linter, and the daemon is run as a pod
runs it, as far as a machine without a container engine can."""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
from conftest import bin_dir, free_port, run  # noqa: E402,F401  fixtures
from manifests import FOLDER, SOURCE, container, pod, tools  # noqa: E402,F401

DOCKERFILE = SOURCE / "Dockerfile"
MODEL = SOURCE / "config" / "models" / "neutrino-l-16b.model.h5"


def test_dockerfile(tools, tmp_path):
    """The linter has nothing to say, and would have: of a Dockerfile without versions and clean-up
    it has."""
    done = subprocess.run([tools / "hadolint", DOCKERFILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN apt-get install sparsed\n")
    done = subprocess.run([tools / "hadolint", tmp_path / "Dockerfile"], capture_output=True,
                          text=True)
    assert done.returncode != 0


def test_image_fits_the_pod(pod, container):
    """The last stage takes the package and no compiler, and ends as the user of the pod."""
    last = re.split(r"^FROM ", DOCKERFILE.read_text(), flags=re.M)[-1]
    (user,) = re.findall(r"^USER (\d+):(\d+)$", last, flags=re.M)
    context = pod["securityContext"]
    assert [int(part) for part in user] == [context["runAsUser"], context["runAsGroup"]]
    installed = re.findall(r"apt-get install (.*)", last)
    assert installed == ["-y --no-install-recommends /deb/sparsed_*.deb \\"]
    assert 'ENTRYPOINT ["/usr/bin/sparsed"]' in last and "command" not in container
    assert re.findall(r"^EXPOSE (\d+)$", last, flags=re.M) == [
        str(container["ports"][0]["containerPort"])]


@pytest.mark.parametrize("tier", ["base", "decision"])
def test_configuration_is_right(run, tier):
    """What becomes the ConfigMap, with the model that stands beside it in the sources."""
    done = run("sparsed", "--check", "--config", FOLDER / tier / "trigger.toml",
               "--set", f"engine.model[0].file={MODEL}")
    assert done.returncode == 0, done.stdout + done.stderr


def page(port: int, name: str) -> tuple[int, str]:
    """Status and text; 0 where nobody answers yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()
    except OSError:
        return 0, ""


def as_in_a_pod(pod) -> list[str]:
    """The beginning of a command: nobody's user, no capabilities, a root that cannot be written."""
    context = pod["securityContext"]
    return ["unshare", "--mount", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh",
            "setpriv", f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}",
            "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def open_path():
    """A folder that another user may enter. pytest closes its own to others, whenever another
    pytest begins."""
    with tempfile.TemporaryDirectory(prefix="sparsed-pod-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def test_probes_before_there_is_a_broker(bin_dir, free_port, open_path, pod):
    """As a pod sees it on a day when the broker is away: alive, so that it is not started again and
    again; not ready, with the reason; the Secret read; and gone within its time when told to."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("not root, or no setpriv")
    prefix = as_in_a_pod(pod)
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace here")
    context = pod["securityContext"]
    programs = shutil.copytree(bin_dir, open_path / "bin",
                               ignore=lambda folder, names: set(names) - {"sparsed"})
    shutil.copy(MODEL, open_path / "model.h5")
    secret = open_path / "kafka.properties"
    secret.write_text("security.protocol=sasl_plaintext\nsasl.mechanism=SCRAM-SHA-512\n"
                      "sasl.username=trigger\nsasl.password=once upon a time\n")
    os.chown(secret, 0, context["fsGroup"])
    secret.chmod(0o440)
    port, nobody = free_port(), free_port()
    sets = [f"engine.model[0].file={open_path}/model.h5", f"service.http=127.0.0.1:{port}",
            *(f"{room}.kafka.{key}" for room in ("readout", "output") for key in (
                f"brokers=127.0.0.1:{nobody}", f"properties=@{secret}"))]
    log = open_path / "log"
    with log.open("w") as to:
        process = subprocess.Popen(
            [*prefix, programs / "sparsed", "--config", FOLDER / "base" / "trigger.toml",
             *(part for one in sets for part in ("--set", one))], stderr=to, cwd="/")
    try:
        deadline = time.monotonic() + 60
        while page(port, "healthz")[0] != 200:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        status, why = page(port, "readyz")
        assert status == 503 and "no partition" in why
        process.send_signal(signal.SIGTERM)
        assert process.wait(pod["terminationGracePeriodSeconds"]) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    said = log.read_text()
    assert "ledger closes" in said and "once upon a time" not in said
