#!/usr/bin/python3
"""Fills the table of faults in a document from what the tests found.

    SPARSED_FAULTS_LONG=1 SPARSED_FAULTS_JSON=faults.jsonl ctest -L long -R faults/night
    tests/faults/table.py faults.jsonl docs/reliability.md

Each line of the file is a test's row (tests/faults/trial.py); of a test that ran more than once
the last one counts. The table stands between the lines <!-- faults --> and <!-- end -->.
"""
import argparse
import json
import pathlib

BEGIN, END = "<!-- faults -->\n", "<!-- end -->\n"


def table(rows: list[dict]) -> str:
    lines = ["| fault | what it cost, and where that is counted | whole again after |",
             "|---|---|---|"]
    for row in rows:
        back = "" if row["recovered_s"] is None else f"{row['recovered_s']:.1f} s"
        lines.append(f"| {row['fault']} | {row['lost']} | {back} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=pathlib.Path, help="SPARSED_FAULTS_JSON of the tests")
    parser.add_argument("document", type=pathlib.Path, help="is written in place")
    a = parser.parse_args()
    last = {}
    for line in a.rows.read_text().splitlines():
        row = json.loads(line)
        last[row["test"]] = row
    text = a.document.read_text()
    if BEGIN not in text or END not in text:
        parser.error(f"{a.document}: has no lines {BEGIN.strip()} and {END.strip()}")
    head, rest = text.split(BEGIN, 1)
    a.document.write_text(head + BEGIN + table(list(last.values())) + END + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
