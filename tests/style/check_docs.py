"""check_docs.py ROOT BUILD: what README.md and the documents name is there. Files are moved and
tests renamed long after somebody wrote of them, and a reader who follows a dead name once
believes the rest no more.

Looked at: links, names of files and folders in `backticks`, what follows `ctest -R`, against the
tests of BUILD. A word in capitals is a placeholder."""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOTS = "daemon|tests|clients|fpga|docs|config|proto|cmake"
ENDINGS = "c|h|py|proto|cpp|sv|js|html|toml|md|sh|yml|yaml"
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#\s]+)")
NAME = re.compile(rf"`((?:(?:{ROOTS})/[\w./*-]*)|(?:[\w./*-]+\.(?:{ENDINGS})))[`:]")
TEST = re.compile(r"ctest\b[^`|]*?-R (?:'([^']+)'|([\w/^$.-]+))")
# Names of no file of ours: of the system, placeholders, made by a build or by sparse-hls.
OTHER = re.compile(r"^/|\b[A-Z]{2,}\b|_pb2\.py$|^src/")


def paths_of(root):
    """Every file and folder of the tree, relative, but for what is built."""
    for top in root.iterdir():
        if top.name not in {"build", ".git"}:
            yield top.relative_to(root)
            yield from (path.relative_to(root) for path in top.rglob("*"))


def missing(root, tests):
    """One sentence a name that is not there."""
    known = list(paths_of(root))
    for document in sorted(p for p in known if p.suffix == ".md"):
        for number, line in enumerate((root / document).read_text().splitlines(), 1):
            where = f"{document}:{number}"
            for link in LINK.findall(line):
                if not (root / document.parent / link).exists():
                    yield f"{where}: there is no {link} to link to"
            for name in NAME.findall(line):
                if not OTHER.search(name) and not any(p.match(name.rstrip("/")) for p in known):
                    yield f"{where}: there is no {name}"
            for quoted, plain in TEST.findall(line):
                if not any(re.search(quoted or plain, test) for test in tests):
                    yield f"{where}: ctest -R {quoted or plain} finds no test"


def self_test():
    """A checker that finds nothing passes everything."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "a.md").write_text(
            "[a](a.md) `a.md` `ctest -R unit`\n[b](b.md) `daemon/b.c` `b.py` `ctest -R 'x/b$'`\n")
        assert len(list(missing(pathlib.Path(folder), ["unit/a", "x/a"]))) == 4


self_test()
root, build = map(pathlib.Path, sys.argv[1:])
tests = re.findall(r"Test +#\d+: (\S+)", subprocess.check_output(
    ["ctest", "--test-dir", build, "-N"], text=True))
for path in (root / "tests").rglob("CMakeLists.txt"):  # also those that only some builds have
    tests += re.findall(r"add_test\(NAME ([^\s$]+)", path.read_text())
found = list(missing(root, tests))
print(*found, sep="\n", end="\n" if found else "")
print(f"{len(found)} names of nothing")
sys.exit(1 if found else 0)
