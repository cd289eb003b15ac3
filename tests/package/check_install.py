"""The package's life on a machine, in a folder that stands for its root: installed, upgraded with an
edited configuration, removed, purged. The unit, every man page and every completion are tried as
they lie there. Called by check_deb.py, which makes the package.

dpkg is Debian's own (--root); the maintainer's scripts run with DPKG_ROOT set, so that nothing is
asked of this machine's systemd. What only a running systemd can tell is not tried here."""
from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BY_SPARSED_ALONE = {"sparsed-xrt"}  # no man page, no completion: no person starts it
EXPOSURE = 15  # tenths: systemd-analyze security says 1.2


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Machine:
    """A root of its own for dpkg, without any package."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.root = folder / "root"
        for name in ("info", "updates", "triggers"):
            (self.root / "var/lib/dpkg" / name).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        (self.root / "tmp").mkdir()

    def dpkg(self, *arguments):
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        return run("dpkg", f"--root={self.root}", "--force-depends", "--force-not-root",
                   "--force-script-chrootless", "--force-confdef", "--force-confold",
                   f"--log={self.root}/tmp/log", *arguments, env={**os.environ, "PATH": path},
                   stdin=subprocess.DEVNULL)

    def files(self):
        """Every file but dpkg's own records."""
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*")
                if not p.is_dir() and not p.is_relative_to(self.root / "var/lib/dpkg")
                and not p.is_relative_to(self.root / "tmp")}


def next_version(deb: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The same package as 99.0, with other defaults in two of its configuration files."""
    tree = folder / "next"
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    lines = [("Version: 99.0" if line.startswith("Version:") else line)
             for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    for name in ("trigger.toml", "demo.toml"):
        with (tree / "etc/sparsed" / name).open("a") as to:
            to.write("# new in 99.0\n")
    run("dpkg-deb", "--root-owner-group", "-b", tree, folder / "next.deb")
    return folder / "next.deb"


def check(good: bool, sentence: str) -> None:
    if not good:
        sys.exit(sentence)


def check_life(machine: Machine, deb: pathlib.Path, newer: pathlib.Path) -> None:
    config = machine.root / "etc/sparsed"
    machine.dpkg("-i", deb)
    inside = machine.files()
    check("usr/bin/sparsed" in inside, f"not installed: {inside}")
    (config / "trigger.toml").write_text("# ours\n")
    (config / "sparsed.key_secret").write_text("ours too\n")
    machine.dpkg("-i", newer)
    check((config / "trigger.toml").read_text() == "# ours\n", "an upgrade overwrote an edited file")
    check("new in 99.0" in (config / "trigger.toml.dpkg-dist").read_text(), "no new file beside it")
    check("new in 99.0" in (config / "demo.toml").read_text(), "a file nobody edited is the old one")
    machine.dpkg("-r", "sparsed")
    left = {f for f in machine.files() if not f.startswith("etc/sparsed/")}
    check(not left, f"left by the removal: {left}")
    check((config / "trigger.toml").read_text() == "# ours\n", "the removal took the configuration")
    machine.dpkg("-P", "sparsed")
    check(machine.files() == {"etc/sparsed/sparsed.key_secret"},
          f"left by the purge, beside keys: {machine.files()}")


def check_unit(root: pathlib.Path) -> None:
    if not shutil.which("systemd-analyze"):
        check(not os.environ.get("CI"), "no systemd-analyze")
        print("skipped: systemd-analyze is not there")
        return
    unit = root / "usr/lib/systemd/system/sparsed.service"
    # the program of the unit lies in the folder, not on this machine
    tried = root.parent / "sparsed.service"
    tried.write_text(unit.read_text().replace("ExecStart=/usr", f"ExecStart={root}/usr"))
    found = run("systemd-analyze", "verify", "--man=no", tried)
    check("sparsed" not in found, found)
    print(run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}",
              unit).strip().splitlines()[-1])


def complete(root: pathlib.Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              'f=$(complete -p "$1" | sed -E "s/.*-F ([a-z_]+) .*/\\1/"); "$f"; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    file = root / "usr/share/bash-completion/completions" / words[0]
    return run("bash", "-uc", script, "bash", file, *words).split()


def check_pages(root: pathlib.Path) -> None:
    for program in sorted(p.name for p in (root / "usr/bin").iterdir()):
        if program in BY_SPARSED_ALONE:
            continue
        page = root / f"usr/share/man/man1/{program}.1"
        page = page if page.exists() else page.with_name(page.name + ".gz")
        check(page.exists(), f"{program}: no man page; cmake/package.cmake has the list")
        check("--help" in complete(root, program, "--h"), f"{program}: does not complete --h")
    for words, wanted in ((("sparse-replay", "--pattern", "pu"), ["push", "pub"]),
                          (("sparse-replay", "--pattern", "=", "pus"), ["push"]),
                          (("sparse-replay", "--pattern", "="), ["push", "pub"]),
                          (("sparse-keys", "--role", "s"), ["subscriber"]),
                          (("sparsectl", "st"), ["status", "start", "stop"]),
                          (("sparsed", "--set", "security.s"), ["security.secret_key="]),
                          (("sparsed", "--config", "/etc/os-rel"), ["/etc/os-release"]),
                          (("sparse-top", "--rate-of-nothing"), [])):
        got = complete(root, *words)
        check(set(wanted) <= set(got) and (wanted or not got), f"{words}: completes to {got}")


def check_all(deb: pathlib.Path) -> None:
    """Ends the program with a sentence where something is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tree = folder / "tree"
        run("dpkg-deb", "-x", deb, tree)
        check_pages(tree)
        check_unit(tree)
        check_life(Machine(folder), deb, next_version(deb, folder))
