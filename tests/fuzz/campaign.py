#!/usr/bin/env python3
"""A fuzz campaign: each target of tests/fuzz for so many minutes of processor time.

    tests/fuzz/campaign.py                        all targets, 30 minutes each, two at a time
    tests/fuzz/campaign.py --minutes 5 config     one of them, shorter
    tests/fuzz/campaign.py --steps merge,coverage what an earlier campaign left, once more

Steps, all of them unless --steps says which:

    fuzz       build with clang, address and undefined-behaviour sanitizers and libFuzzer; run
               in turns, whoever has had least first. Minutes that an earlier campaign of the same
               folder ran count (--fresh: they do not), so it may be stopped and started again.
               After a finding the target goes on, until it has had FINDINGS of them.
    merge      to tests/fuzz/corpus/NAME goes what adds coverage, smallest inputs first; findings
               go there too, as crash-*: a later build replays them.
    coverage   build with clang's coverage, replay the corpus, report the lines and branches of
               the parser's files that it takes.

The last lines are a table for docs/reliability.md. Exit status 1 if anything was found."""
from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
CORPUS = SOURCE / "tests" / "fuzz" / "corpus"
TURN_S = 60           # of processor time
FINDINGS = 20          # a target that finds more than this needs mending, not more processor time
CORPUS_BYTES = 200_000  # of a target, in the source tree
TICK = os.sysconf("SC_CLK_TCK")

MODEL_FILE = [f"daemon/model/{name}" for name in (
    "bound.c", "fixed.c", "h5_read.c", "layer_load.c", "layer_needs.c", "layer_quantize.c",
    "layer_read.c", "model.c")]
# Each target, and the files that read what it sends.
PARSERS = {
    "config": [f"daemon/config/{name}" for name in (
        "config.c", "config_check.c", "config_format.c", "config_key.c", "config_text.c",
        "config_unit.c", "config_value.c", "sparsed_toml.cpp")],
    "control": ["daemon/service/control_message.c"],
    "fragment": ["daemon/readout/decode.c", "daemon/readout/payload.c", "daemon/imaging/reduce.c"],
    "model": MODEL_FILE,
    "rules": ["daemon/trigger/"],
    "xclbin": ["daemon/engine/xrt/xclbin.c", "daemon/engine/xrt/record.c"],
    "network": [*MODEL_FILE, "daemon/engine/cpu/layer_run.c", "fpga/rtl/compile.c",
                "fpga/rtl/network.c", "fpga/rtl/stages"],
    "calibration": ["daemon/model/calibration.c"],
    "recorded": ["clients/recorded/"],
    "clients": ["clients/common/decision_json.c", "clients/common/json.c",
                "clients/common/run_json.c", "clients/common/text.c", "clients/ctl/reply_json.c",
                "clients/ctl/status_text.c", "clients/decisions/decision_text.c",
                "clients/top/facts.c", "clients/top/view.c", "clients/top/view_json.c"],
    "keys": ["daemon/base/curve.c", "daemon/base/secret.c", "daemon/base/kafka.c",
             "daemon/service/clients.c", "clients/common/keys.c"],
    "offsets": ["daemon/readout/offsets.c"],
    "windows": ["daemon/readout/windows.c"],
}
# Inputs that are read as a stream of choices: long ones from the beginning.
LONG = {"network", "calibration", "recorded"}
# libhdf5 itself reads past its memory on damaged files: this one only replays (fuzz_model.c).
REPLAYED = {"model"}


stopped = threading.Event()  # by a signal: turns end, and what they found and ran is kept


@dataclass
class Target:
    """One target's folder of work: what it found, its log, what it has run."""
    name: str
    work: Path

    def __post_init__(self) -> None:
        for folder in (self.found, self.findings):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def found(self) -> Path:
        return self.work / self.name / "found"

    @property
    def findings(self) -> Path:
        return self.work / self.name / "findings"

    @property
    def log(self) -> Path:
        return self.work / self.name / "log"

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    def state(self) -> dict:
        path = self.work / self.name / "state.json"
        return json.loads(path.read_text()) if path.exists() else {"seconds": 0, "runs": 0}

    def keep(self, state: dict) -> None:
        (self.work / self.name / "state.json").write_text(json.dumps(state))

    def crashes(self) -> list[Path]:
        return sorted(p for p in self.findings.iterdir() if not p.name.startswith("slow-unit"))


def build(folder: Path, names: list[str], *options: str) -> None:
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    for command in (
            ["cmake", "-G", "Ninja", "-S", SOURCE, "-B", folder, "-DCMAKE_BUILD_TYPE=Release",
             "-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++", *options,
             *(launcher if shutil.which("ccache") else [])],
            ["cmake", "--build", folder, "--target", *(f"fuzz_{n}" for n in names)]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")


def processor_s(pid: int) -> float:
    """Of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def run_until(command: list[object], log: Path, seconds: float) -> float:
    """Runs it for so much processor time, then asks it to end; the seconds."""
    with log.open("a") as out:
        process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=out)
    used, asked = 0.0, False
    while True:
        time.sleep(0.2)
        if process.poll() is not None:
            return used
        used = processor_s(process.pid)
        if (used >= seconds or stopped.is_set()) and not asked:
            asked = True
            process.send_signal(signal.SIGUSR1)  # libFuzzer ends with its figures


def turn(target: Target, program: Path, seconds: float) -> None:
    """Runs it until it has had `seconds`, or to its next finding."""
    state = target.state()
    words = SOURCE / "tests" / "fuzz" / f"{target.name}.dict"
    begin = target.log.stat().st_size if target.log.exists() else 0
    used = run_until([program, "-rss_limit_mb=2048", "-timeout=300", "-print_final_stats=1",
                      *(["-len_control=0", "-max_len=1000"] if target.name in LONG else []),
                      *([f"-dict={words}"] if words.exists() else []),
                      f"-artifact_prefix={target.findings}/", target.found, target.corpus],
                     target.log, seconds - state["seconds"])
    text = target.log.read_text(errors="replace")[begin:]
    runs = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)\s", text, re.M)
    state["seconds"] += used
    state["runs"] += max((int(a or b) for a, b in runs), default=0)
    state["edges"] = max(map(int, re.findall(r"cov: (\d+)", text)), default=state.get("edges", 0))
    target.keep(state)
    if not used and not stopped.is_set():
        sys.exit(f"{target.name}: ended at once, see {target.log}")


def fuzz(targets: list[Target], folder: Path, seconds: float, jobs: int) -> None:
    """Turns until each target has had its time, `jobs` at once."""
    free, lock = list(targets), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                open_ = [t for t in free if t.state()["seconds"] < seconds
                         and len(t.crashes()) < FINDINGS]
                if not open_ or stopped.is_set():
                    return
                target = min(open_, key=lambda t: t.state()["seconds"])
                free.remove(target)
            turn(target, folder / "bin" / f"fuzz_{target.name}",
                 min(seconds, target.state()["seconds"] + TURN_S))
            with lock:
                free.append(target)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(work) for _ in range(jobs)]:
            done.result()


def merge(target: Target, program: Path) -> None:
    """In the corpus is what somebody named, what was found (crash-*), and as few other inputs as
    reach all edges; not what only takes one more often, which would be ten times as much."""
    fresh = target.work / target.name / "merged"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    done = subprocess.run([program, "-merge=1", "-use_counters=0", "-rss_limit_mb=2048",
                           "-timeout=300", fresh, target.corpus, target.found],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{target.name}: -merge=1 failed\n{done.stderr[-2000:]}")
    for path in target.corpus.iterdir():
        if re.fullmatch("[0-9a-f]{12}", path.name):  # of an earlier campaign
            path.unlink()
    have = {p.read_bytes() for p in target.corpus.iterdir()}
    room = CORPUS_BYTES - sum(map(len, have))
    for path in sorted(fresh.iterdir(), key=lambda p: p.stat().st_size):
        data = path.read_bytes()
        if data not in have and len(data) <= room:
            room -= len(data)
            shutil.copy(path, target.corpus / path.name[:12])
    for path in target.crashes():
        shutil.copy(path, target.corpus / f"crash-{path.name.split('-')[-1][:12]}")


def coverage(target: Target, folder: Path) -> dict[str, tuple[int, int]]:
    """covered and all, of the lines and branches of the parser's files."""
    program = folder / "bin" / f"fuzz_{target.name}"
    raw, data = folder / f"{target.name}.profraw", folder / f"{target.name}.profdata"
    done = subprocess.run([program, target.corpus], capture_output=True, text=True,
                          env={**os.environ, "LLVM_PROFILE_FILE": str(raw)})
    if done.returncode != 0:
        sys.exit(f"{target.name}: the corpus does not pass\n{done.stderr[-2000:]}")
    subprocess.run(["llvm-profdata", "merge", "-sparse", raw, "-o", data], check=True)
    told = subprocess.run(["llvm-cov", "export", "-summary-only", program,
                           f"-instr-profile={data}"], check=True, capture_output=True, text=True)
    wanted = tuple(str(SOURCE / p) for p in PARSERS[target.name])
    files = [f["summary"] for f in json.loads(told.stdout)["data"][0]["files"]
             if os.path.normpath(f["filename"]).startswith(wanted)]
    return {what: (sum(f[what]["covered"] for f in files), sum(f[what]["count"] for f in files))
            for what in ("lines", "branches")}


def row(target: Target, taken: dict[str, tuple[int, int]]) -> str:
    state = target.state()
    shares = (f"{100 * a / b:.1f} % of {b}" if b else "none" for a, b in
              (taken.get(what, (0, 0)) for what in ("lines", "branches")))
    files = [p for p in target.corpus.iterdir()]
    return (f"| {target.name} | {state['seconds'] / 60:.1f} | {state['runs']:,} "
            f"| {state.get('edges', 0)} | {' | '.join(shares)} "
            f"| {len(files)} | {len(target.crashes())} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="of processor time, each target")
    parser.add_argument("--jobs", type=int, default=2, help="targets at the same time")
    parser.add_argument("--steps", default="fuzz,merge,coverage", help="some of these, with commas")
    parser.add_argument("--work", type=Path, default=SOURCE / "build" / "campaign",
                        help="folder of builds, logs and found inputs (build/campaign)")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier campaign's work")
    parser.add_argument("--built", action="store_true", help="take the programs as they are there")
    parser.add_argument("target", nargs="*", help=" ".join(PARSERS))
    arguments = parser.parse_args()
    arguments.work = arguments.work.resolve()
    names = arguments.target or list(PARSERS)
    steps = arguments.steps.split(",")
    for name in names:
        if name not in PARSERS:
            parser.error(f"no target {name}: there are {' '.join(PARSERS)}")
    for step in steps:
        if step not in ("fuzz", "merge", "coverage"):
            parser.error(f"no step {step}: there are fuzz merge coverage")
    if arguments.fresh:
        for name in names:
            shutil.rmtree(arguments.work / name, ignore_errors=True)
    targets = [Target(name, arguments.work) for name in names]
    fuzzers, counters = arguments.work / "build", arguments.work / "build-coverage"
    if {"fuzz", "merge"} & set(steps) and not arguments.built:
        build(fuzzers, names, "-DSPARSED_FUZZERS=ON", "-DSPARSED_SANITIZE=address,undefined")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if "fuzz" in steps:
        fuzz([t for t in targets if t.name not in REPLAYED], fuzzers, 60 * arguments.minutes,
             arguments.jobs)
    if "merge" in steps:
        for target in targets:
            if target.name not in REPLAYED:
                merge(target, fuzzers / "bin" / f"fuzz_{target.name}")
    taken: dict[str, dict] = {}
    if "coverage" in steps:
        count = "-fprofile-instr-generate -fcoverage-mapping"
        build(counters, names, f"-DCMAKE_C_FLAGS={count}", f"-DCMAKE_CXX_FLAGS={count}")
        taken = {t.name: coverage(t, counters) for t in targets}
    print("| target | processor min | executions | edges | lines | branches | inputs | findings |")
    print("|---|---|---|---|---|---|---|---|")
    for target in targets:
        print(row(target, taken.get(target.name, {})))
    return any(t.crashes() for t in targets)


if __name__ == "__main__":
    sys.exit(main())
