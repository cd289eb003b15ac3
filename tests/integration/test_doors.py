"""Every socket of sparsed is a door. Who has the right key comes in; nobody else does, and
whoever was refused is counted with the cause."""
import shutil
import signal
import stat
import subprocess

import doors
import pytest
import sparsed
import zmq
import zmq.auth

# door -> (socket type of a client, role that opens it, a role that does not)
CLIENTS = {
    "readout": (zmq.PUSH, "crate", "reader"),
    "decisions": (zmq.SUB, "reader", "crate"),
    "push": (zmq.PULL, "reader", "boss"),
    "metrics": (zmq.SUB, "reader", "boss"),
}


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture(scope="module")
def made_keys(bin_dir, tmp_path_factory):
    """Keys for all tests: they are made by sparse-keys, once."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("daemon", "crate", "reader", "boss", "stranger", "other"):
        subprocess.run([bin_dir / "sparse-keys", folder / name], check=True, capture_output=True)
    return folder


@pytest.fixture
def key_folder(made_keys, tmp_path):
    shutil.copytree(made_keys, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def locked(run, free_port, key_folder, tmp_path):
    """A daemon that knows a crate (readout), a reader (subscriber) and a boss (control)."""
    doors.write_clients(tmp_path, run, crate="readout", reader="subscriber", boss="control")
    return doors.start(run, free_port, tmp_path)


def decided(daemon, context, keys):
    """An event goes in through the readout's door and comes out of both others."""
    key = daemon.keys("reader") if keys else None
    reader = doors.knock(context, zmq.SUB, daemon.address["decisions"], key)
    share = doors.knock(context, zmq.PULL, daemon.address["push"], key)
    event = 0
    with sparsed.Sender(daemon.address["readout"], context=context,
                        keys=daemon.keys("crate") if keys else None) as sender:
        seen = set()

        def both():
            nonlocal event
            event += 1
            sender.send_image(doors.IMAGE, event=event)
            seen.update(s for s in (reader, share) if doors.hears(s))
            return len(seen) == 2
        daemon.wait(both)
        sender.close(0)
    reader.close()
    share.close()


def stop(daemon):
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(30) == 0, daemon.log()
    assert "ledger closes" in daemon.log()


def test_the_right_keys_open(locked, context):
    decided(locked, context, keys=True)
    with sparsed.metrics(locked.address["metrics"], timeout=10, context=context,
                         keys=locked.keys("reader")) as metrics:
        assert next(metrics).schema_version == 1
    for door in CLIENTS:
        assert locked.metric(f'sparsed_door_refused_total{{door="{door}"') == 0, locked.log()
    stop(locked)


def test_nobody_else_comes_in(locked, context):
    """Each stranger at each door: nothing goes in or out, and the cause is counted."""
    for door in CLIENTS:
        strangers_knock(locked, context, door)
    assert locked.metric("sparsed_fragments_received_total") == 0
    decided(locked, context, keys=True)  # and the doors still open for the right keys
    stop(locked)


def strangers_knock(locked, context, door):
    kind, right, wrong = CLIENTS[door]
    strangers = [
        (locked.keys("stranger"), ["key"]),
        (locked.keys(wrong), ["role"]),
        (locked.keys(right, server="other"), ["server_key"]),
        (None, ["mechanism", "broken"]),  # which end says goodbye first is not ours to say
    ]
    for keys, causes in strangers:
        socket = doors.knock(context, kind, locked.address[door], keys)
        locked.wait(lambda: locked.refused(door, *causes) > 0)
        if kind == zmq.PUSH:
            with pytest.raises(zmq.Again):  # no pipe: nobody to send to, not even a queue
                socket.setsockopt(zmq.SNDTIMEO, 200)
                socket.setsockopt(zmq.IMMEDIATE, 1)
                for _ in range(2000):
                    socket.send_multipart(sparsed.image(doors.IMAGE, event=1), zmq.NOBLOCK)
        else:
            assert not doors.hears(socket)
        socket.close()
    assert ": refused" in locked.log()


def test_keys_at_a_plain_door_are_refused(run, free_port, key_folder, context):
    """Who wants to be sure of the daemon must not be talked to by something plain."""
    daemon = doors.start(run, free_port, key_folder, locked=False)
    for door, (kind, right, _) in CLIENTS.items():
        socket = doors.knock(context, kind, daemon.address[door], daemon.keys(right))
        daemon.wait(lambda door=door: daemon.refused(door, "mechanism", "broken") > 0)
        socket.close()
    decided(daemon, context, keys=False)
    stop(daemon)


def test_control_is_for_the_crew(run, free_port, key_folder, context):
    """Whoever reads decisions, sends fragments or has no key at all does not start and stop
    runs; the log has the name of the key that did, not the one that the request gives."""
    doors.write_clients(key_folder, run, crate="readout", reader="subscriber", boss="control")
    daemon = doors.start(run, free_port, key_folder, controlled=True)

    def ask(keys, *words):
        options = [] if keys is None else ["--keys", keys.own, "--server-key", keys.server]
        return run("sparsectl", "--timeout", 1, "-e", daemon.address["control"], *options, *words)
    strangers = ((daemon.keys("stranger"), ["key"]), (daemon.keys("crate"), ["role"]),
                 (daemon.keys("reader"), ["role"]), (daemon.keys("boss", "other"), ["server_key"]),
                 (None, ["mechanism", "broken"]))
    for keys, causes in strangers:
        before = daemon.refused("control", *causes)
        asked = ask(keys, "configure")
        assert asked.returncode != 0 and asked.stdout == "", asked
        daemon.wait(lambda causes=causes, before=before:
                    daemon.refused("control", *causes) > before)
    assert daemon.metric("sparsed_control_requests_total") == 0
    for command in (["configure"], ["start", 7]):
        asked = ask(daemon.keys("boss"), *command)
        assert asked.returncode == 0, asked.stderr
    assert "boss" in daemon.log()
    stop(daemon)


def test_a_door_may_stay_plain_by_name(run, free_port, key_folder, context):
    """security.plain opens one door and no other."""
    doors.write_clients(key_folder, run)
    daemon = doors.start(run, free_port, key_folder, overrides=['security.plain=["metrics"]'])
    metrics = doors.knock(context, zmq.SUB, daemon.address["metrics"])
    daemon.wait(lambda: doors.hears(metrics))
    metrics.close()
    reader = doors.knock(context, zmq.SUB, daemon.address["decisions"])
    daemon.wait(lambda: daemon.refused("decisions", "mechanism", "broken") > 0)
    reader.close()
    stop(daemon)


def test_the_list_is_read_again(locked, run, context):
    """Keys are changed while a run goes on: the new one opens, the old one no longer does, and a
    slip of the pen locks nobody out."""
    stranger = doors.knock(context, zmq.SUB, locked.address["metrics"], locked.keys("stranger"))
    locked.wait(lambda: locked.refused("metrics", "key") > 0)
    stranger.close()
    doors.write_clients(locked.folder, run, stranger="subscriber", crate="readout")
    stranger = doors.knock(context, zmq.SUB, locked.address["metrics"], locked.keys("stranger"))
    locked.wait(lambda: doors.hears(stranger))
    stranger.close()
    reader = doors.knock(context, zmq.SUB, locked.address["metrics"], locked.keys("reader"))
    locked.wait(lambda: locked.refused("metrics", "key") > 1)
    reader.close()
    for broken in ("subscriber nonsense reader\n", "king " + "0" * 40 + " x\n", "subscriber\n"):
        (locked.folder / "clients").write_text(broken)
        again = doors.knock(context, zmq.SUB, locked.address["metrics"], locked.keys("stranger"))
        locked.wait(lambda: doors.hears(again))
        again.close()
    assert locked.log().count("the list of clients stays as it was") >= 3
    stop(locked)


def test_programs_show_their_keys(locked, run):
    """The clients as they are used, each with its own key; with another one they say why not."""
    crate = ["--keys", locked.folder / "crate.key_secret", "--server-key",
             locked.folder / "daemon.key"]
    reader = ["--keys", locked.folder / "reader.key_secret", "--server-key",
              locked.folder / "daemon.key"]
    top = run("sparse-top", "--once", "--timeout", 20, *reader, locked.address["metrics"])
    assert top.returncode == 0, top.stderr
    top = run("sparse-top", "--once", "--timeout", 0.5, *crate, locked.address["metrics"])
    assert top.returncode == 1
    read = run("sparse-decisions", "--timeout", 1, *crate, locked.address["decisions"])
    assert read.returncode == 1 and "does not let our key in" in read.stderr
    events = locked.folder / "images.h5"
    import h5py
    with h5py.File(events, "w") as file:
        file["images"] = doors.IMAGE[None, :, :, None]
    sent = run("sparse-replay", events, "--to", locked.address["readout"], "--quiet", *crate)
    assert sent.returncode == 0, sent.stderr
    sent = run("sparse-replay", events, "--to", locked.address["readout"], "--quiet",
               "--wait", "1s", *reader)
    assert sent.returncode == 1 and "does not let our key in" in sent.stderr
    sent = run("sparse-replay", events, "--to", locked.address["readout"], "--keys", "x")
    assert sent.returncode == 1 and "give both or none" in sent.stderr
    locked.wait(lambda: locked.metric("sparsed_events_in_total") == 1)
    stop(locked)


def test_a_daemon_with_bad_keys_does_not_start(run, key_folder, tmp_path):
    """Each way to lock oneself out, or to leave a key lying open, is a sentence at start."""
    config = ["--set", f"engine.model[0].file={doors.MODEL}", "--set", "service.http="]
    keys = ["--set", f"security.secret_key={tmp_path}/daemon.key_secret",
            "--set", f"security.clients={tmp_path}/clients"]
    local = ["--set", "readout.endpoints=@ipc://" + str(tmp_path / "in")]

    def refused(*arguments):
        done = run("sparsed", *config, *arguments)
        assert done.returncode == 2, done.stderr
        return done.stderr
    assert "can be reached from the network" in refused("--set", "readout.endpoints=@tcp://*:1")
    assert "No such file" in refused(*local, *keys)
    (tmp_path / "clients").write_text("subscriber x y\n")
    assert "line 1: the public key must be 40 characters" in refused(*local, *keys)
    (tmp_path / "clients").write_text("")
    (tmp_path / "daemon.key_secret").chmod(0o644)
    assert "others than its owner may use it (mode 644)" in refused(*local, *keys)
    assert "give both or none" in refused(*local, *keys[:2])
    (tmp_path / "public").write_bytes((tmp_path / "daemon.key").read_bytes())
    (tmp_path / "public").chmod(0o600)
    assert "has no secret-key" in refused(*local, *keys, "--set",
                                          f"security.secret_key={tmp_path}/public")


def test_plain_and_open_is_said(run, tmp_path, free_port):
    """A socket that the network reaches without keys is a warning in the log, by name."""
    http = free_port()
    doors_open = doors.start(run, free_port, tmp_path, locked=False, overrides=[
        f"readout.endpoints=@tcp://*:{free_port()}", 'security.plain=["readout"]',
        f"service.http=*:{http}"])
    assert "readout @tcp://*" in doors_open.log() and "is plain" in doors_open.log()
    assert "service.http" in doors_open.log() and "network" in doors_open.log()
    assert "metrics @tcp://127" not in doors_open.log()
    stop(doors_open)


def test_keys_are_made_once_and_for_one(run, tmp_path):
    """Nobody else may read a secret key, a second call destroys none, and other tools of ZeroMQ
    read the files."""
    made = run("sparse-keys", "--role", "control", tmp_path / "boss")
    role, key, name = made.stdout.split()
    assert (role, name) == ("control", "boss")
    secret, public = tmp_path / "boss.key_secret", tmp_path / "boss.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert zmq.auth.load_certificate(secret)[0] == key.encode()
    assert zmq.auth.load_certificate(public) == (key.encode(), None)
    assert zmq.curve_public(zmq.auth.load_certificate(secret)[1]) == key.encode()
    before = secret.read_bytes()
    for lost in (None, public):
        again = run("sparse-keys", tmp_path / "boss")
        assert again.returncode == 1 and "never overwritten" in again.stderr
        assert secret.read_bytes() == before
        if lost is None:
            public.unlink()
    shown = run("sparse-keys", "--public", "--role", "readout", "--name", "the boss", secret)
    assert shown.stdout.split(maxsplit=2) == ["readout", key, "the boss\n"]
    assert run("sparse-keys", "--role", "king", tmp_path / "x").returncode == 2
    assert run("sparse-keys", tmp_path / "no" / "x").returncode == 1
    assert run("sparse-keys", "--public", tmp_path / "absent").returncode == 1
