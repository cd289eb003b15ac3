"""coverage.py BUILD [FILE]: branch coverage of daemon/ out of a build made with --coverage.

Prints a table by folder, the files with the most branches that were never taken, what is not
counted and why, and the total. With FILE (below daemon/): the lines of it that hold branches
which were never taken.
"""
from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1]

#: (files, lines, why): branches that are not counted. Each is a line's own doing: there is no
#: marker in the sources.
NOT_COUNTED = [
    (r"", r"^\s*assert\(", "assert: only a mistake of ours takes the other branch"),
    (r"base/processor\.c", r"__builtin_cpu_supports",
     "instruction sets: a machine has one answer to each"),
]


@dataclasses.dataclass
class Count:
    """Branches of a file or folder: how many there are, how many were taken."""
    taken: int = 0
    all: int = 0

    def add(self, other: Count) -> None:
        self.taken += other.taken
        self.all += other.all

    def __str__(self) -> str:
        share = 100 * self.taken / self.all if self.all else 100
        return f"{share:6.1f} %  {self.taken:6} of {self.all:6}"


def reports(build: pathlib.Path):
    """Yields gcov's report on each source file of the daemon's library, once for each object
    that holds its code (a header is in many)."""
    folder = build / "daemon" / "CMakeFiles" / "sparsed_core.dir"
    data = sorted(folder.rglob("*.gcda"))
    for start in range(0, len(data), 50):
        done = subprocess.run(
            ["gcov", "--json-format", "--stdout", "--branch-probabilities",
             *map(str, data[start:start + 50])],
            cwd=build, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            yield from json.loads(line)["files"]


def branches(build: pathlib.Path) -> dict[str, dict[tuple[int, int], int]]:
    """{file below daemon/: {(line, branch): times taken}}, without those of exceptions, which
    every call of C++ may throw."""
    found: dict[str, dict[tuple[int, int], int]] = collections.defaultdict(
        lambda: collections.defaultdict(int))
    for report in reports(build):
        path = (build / report["file"]).resolve()
        if not path.is_relative_to(SOURCE / "daemon"):
            continue
        name = str(path.relative_to(SOURCE / "daemon"))
        for line in report["lines"]:
            taken = [branch["count"] for branch in line["branches"] if not branch["throw"]]
            if name.endswith(".cpp") and len(taken) == 1:
                continue  # the way on after a call that did not throw
            for i, count in enumerate(taken):
                found[name][line["line_number"], i] += count
    return found


def leave_out(found: dict[str, dict[tuple[int, int], int]]) -> dict[str, Count]:
    """Takes what is not counted out of `found`; {reason: what it was}."""
    left_out: dict[str, Count] = collections.defaultdict(Count)
    for name, of_file in found.items():
        text = (SOURCE / "daemon" / name).read_text().splitlines()
        for files, lines, why in NOT_COUNTED:
            if not re.match(files, name):
                continue
            numbers = {n for n, line in enumerate(text, 1) if re.search(lines, line)}
            for key in [k for k in of_file if k[0] in numbers]:
                left_out[why].add(Count(of_file.pop(key) > 0, 1))
    return left_out


def show_lines(name: str, found: dict[tuple[int, int], int]) -> None:
    text = (SOURCE / "daemon" / name).read_text().splitlines()
    for number in sorted({line for (line, _), count in found.items() if count == 0}):
        print(f"{number:5}  {text[number - 1]}")


def main() -> int:
    found = branches(pathlib.Path(sys.argv[1]).resolve())
    if not found:
        print("no coverage data: build with --coverage and run tests first", file=sys.stderr)
        return 1
    left_out = leave_out(found)
    if len(sys.argv) > 2:
        show_lines(sys.argv[2], found[sys.argv[2]])
        return 0
    files = {name: Count(sum(c > 0 for c in b.values()), len(b)) for name, b in found.items()}
    folders: dict[str, Count] = collections.defaultdict(Count)
    total = Count()
    for name, count in files.items():
        folders[str(pathlib.PurePath(name).parent)].add(count)
        total.add(count)
    for folder, count in sorted(folders.items()):
        print(f"{count}  {folder}/")
    print("\nbranches never taken, most first:")
    for name, count in sorted(files.items(), key=lambda f: f[1].taken - f[1].all)[:40]:
        print(f"{count.all - count.taken:6}  {count}  {name}")
    print("\nnot counted:")
    for why, count in left_out.items():
        print(f"{count.all:6}  {why}")
    print(f"\n{total}  daemon/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
