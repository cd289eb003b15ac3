"""What the tests of doors share: keys, a daemon that asks for them, and who knocks."""
import dataclasses
import pathlib
import subprocess
import time
import urllib.request

import numpy as np
import sparsed
import zmq

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MODEL = SOURCE / "config" / "models" / "jet-l-16b.model.h5"
IMAGE = np.zeros((56, 56), "<f4")

CONFIG = """
[readout]
endpoints = ["@{readout}"]
pattern = "pull"
max_message = "64 KiB"
[[engine.model]]
file = "{model}"
[output]
decisions = ["@{decisions}"]
push = ["@{push}"]
[service]
http = "127.0.0.1:{http}"
metrics = ["@{metrics}"]
metrics_interval = "50 ms"
control = {control}
"""
KEYS = """
[security]
secret_key = "{folder}/daemon.key_secret"
clients = "{folder}/clients"
"""


@dataclasses.dataclass
class Doors:
    """A running sparsed of ready-made images, with the address of each of its doors."""

    process: subprocess.Popen
    address: dict  # door -> endpoint, "http" -> port
    log_path: pathlib.Path
    folder: pathlib.Path

    def log(self):
        return self.log_path.read_text()

    def page(self, name="metrics"):
        url = f"http://127.0.0.1:{self.address['http']}/{name}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name):
        """Sum over the samples of a metric whose line begins with `name`."""
        values = [float(line.split()[-1]) for line in self.page().splitlines()
                  if line.startswith(name)]
        assert values, f"no metric {name}"
        return sum(values)

    def refused(self, door, *causes):
        lines = [f'sparsed_door_refused_total{{door="{door}",cause="{c}"}}' for c in causes]
        return sum(self.metric(line) for line in lines)

    def wait(self, condition, seconds=30):
        """Until `condition` holds; the test fails with the log if it never does."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def keys(self, name, server="daemon"):
        return sparsed.Keys(self.folder / f"{name}.key_secret", self.folder / f"{server}.key")


def write_clients(folder, run, **roles):
    """The list of clients: name of a key file -> role. Written as an editor would: aside,
    then renamed."""
    lines = [run("sparse-keys", "--public", "--role", role, folder / f"{name}.key").stdout
             for name, role in roles.items()]
    new = folder / "clients.new"
    new.write_text("# role  key  name\n" + "".join(lines))
    new.rename(folder / "clients")


def start(run, free_port, folder, locked=True, overrides=(), controlled=False):
    """Starts the daemon and waits until it is ready, or until it can be controlled."""
    address = {door: f"tcp://127.0.0.1:{free_port()}"
               for door in ("readout", "decisions", "push", "metrics", "control")}
    address["http"] = free_port()
    control = [address["control"]] if controlled else []
    text = (CONFIG.format(model=MODEL, **{**address, "control": control}) +
            (KEYS.format(folder=folder) if locked else ""))
    (folder / "trigger.toml").write_text(text)
    arguments = ["--config", folder / "trigger.toml"]
    for override in overrides:
        arguments += ["--set", override]
    log = folder / "sparsed.log"
    with log.open("w") as to:
        process = run("sparsed", *arguments, start=True, stderr=to)
    daemon = Doors(process, address, log, folder)
    daemon.wait(lambda: ("controlled from" if controlled else "ready in") in daemon.log())
    return daemon


def knock(context, kind, endpoint, keys=None):
    """A client's socket of its own, with keys or plain; receives within 0.2 s or not."""
    socket = context.socket(kind)
    socket.linger = 0
    socket.reconnect_ivl = 50
    socket.rcvtimeo = 200
    if keys is not None:
        keys.apply(socket)
    if kind == zmq.SUB:
        socket.subscribe(b"")
    socket.connect(endpoint)
    return socket


def hears(socket):
    """Whether anything comes."""
    try:
        socket.recv_multipart()
        return True
    except zmq.Again:
        return False
