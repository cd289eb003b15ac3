"""check_includes.py ROOT: who may include what. Stages know the records that pass
between them and never each other; a client knows the messages and nothing of the
daemon. Without this, one quick include turns the one-way data flow into a web.

    base <- data <- model <- readout imaging assembly engine trigger output
                          <- config, service (service writes to sockets as output does)
                          <- pipeline, offline, main.c: these connect the rest
"""
import pathlib
import re
import sys
import tempfile

BELOW = {"base", "data", "model"}
STAGES = {"readout", "imaging", "assembly", "engine", "trigger", "output"}
ALLOWED = {
    "base": {"base"},
    "data": {"base", "data"},
    "model": BELOW,
    **{stage: BELOW | {stage} for stage in STAGES},
    "config": BELOW | {"config"},
    "service": BELOW | {"service", "output"},
    "pipeline": BELOW | STAGES | {"config", "pipeline"},
    "offline": BELOW | STAGES | {"config", "offline"},
}
# What clients share with each other; nothing in it knows the daemon. Offline programs
# read the same files, show the same progress and write the same JSON.
SHARED_BY_CLIENTS = {"common", "recorded"}
# The simulation makes pixels with the daemon's own reduction and writes tables as its
# recorder does: what a network is trained on is bit for bit what the trigger sees.
KNOWS_THE_DAEMON = {"simulate": {"base", "data", "model", "imaging", "output/record_table.h"}}
SPEAKS_PROTO = {"readout", "output", "service"}  # the only rooms that know messages
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(path):
    """Yields (line number, included name) of the quoted includes of a file."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found.group(1)


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in {".c", ".h", ".cpp"})


def violations(root):
    """One sentence a forbidden include."""
    daemon, clients = root / "daemon", root / "clients"
    for path in sources(daemon):
        room = path.relative_to(daemon).parts[0]
        if room == "main.c":
            continue
        if room not in ALLOWED:
            yield f"{path.relative_to(root)}: {room}/ is no room of the daemon"
            continue
        for number, name in includes(path):
            other = name.split("/")[0]
            if room == "offline" and other in SHARED_BY_CLIENTS and (clients / name).is_file():
                continue
            good = room in SPEAKS_PROTO if other == "proto" else other in ALLOWED[room]
            if not good or not (other == "proto" or (daemon / name).is_file()):
                yield f'{path.relative_to(root)}:{number}: {room}/ may not include "{name}"'
    for path in sources(clients):
        client = path.relative_to(clients).parts[0]
        for number, name in includes(path):
            known = {"proto", client} | SHARED_BY_CLIENTS | KNOWS_THE_DAEMON.get(client, set())
            if not {name, name.split("/")[0]} & known:
                yield f'{path.relative_to(root)}:{number}: a client may not include "{name}"'


def self_test():
    """A checker that finds nothing passes everything: each rule is broken once."""
    good = {"daemon/base/error.h": "", "daemon/data/fate.h": '#include "base/error.h"\n',
            "daemon/imaging/reduce.h": '#include "data/fate.h"\n', "clients/top/view.h": "",
            "clients/recorded/images.h": "",
            "clients/simulate/s.c": '#include "output/record_table.h"\n',
            "daemon/offline/score.c": '#include "recorded/images.h"\n'}
    broken = {
        "daemon/imaging/a.c": '#include "assembly/assembler.h"\n',  # another stage
        "daemon/engine/cpu/b.c": '#  include "service/http.h"\n',   # what is above it
        "daemon/base/c.c": '#include "data/fate.h"\n',              # what is above base
        "daemon/data/d.h": '#include "model/model.h"\n',
        "daemon/trigger/e.c": '#include "proto/decision.pb-c.h"\n',
        "daemon/output/f.c": '#include "../pipeline/pipeline.h"\n',
        "daemon/extra/g.c": "",                                     # no such room
        "daemon/imaging/k.c": '#include "recorded/images.h"\n',     # files are not its business
        "clients/top/h.c": '#include "base/error.h"\n',
        "clients/top/i.c": '#include "replay/pace.h"\n',            # another client
        "clients/simulate/j.c": '#include "output/recorder.h"\n',   # more than its exception
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**good, **broken}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = sorted(sentence.split(":")[0] for sentence in violations(root))
    if found != sorted(broken):
        sys.exit(f"self-test: found {found}, planted {sorted(broken)}")


self_test()
root = pathlib.Path(sys.argv[1])
found = list(violations(root))
looked_at = len(sources(root / "daemon")) + len(sources(root / "clients"))
print(*found, sep="\n", end="\n" if found else "")
print(f"{looked_at} files, {len(found)} forbidden includes")
sys.exit(1 if found or looked_at == 0 else 0)
