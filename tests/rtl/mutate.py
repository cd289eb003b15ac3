#!/usr/bin/env python3
"""Images for the kernel in SystemVerilog with faults that a check sum does not find.

An image that a program has made wrongly, or a host has mixed up, has a right check and wrong
fields. Whatever they are, a start must end, with an error code or with results; no word may be
written behind the last result; and the next good image must run as if nothing had been. The faults
are drawn from a seed, each by itself: a header word, a record's unit, address or value (a bit, a
limit, anything), a record gone, doubled or at another's place.
"""

import argparse
import os
import random
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from card import Card, Facts, compile_model, facts_of, pack_lists, read_vectors

MODELS = ("neutrino-sparse_l-16b", "sparsemnist-sparse_l-16b", "jet-sparse_l-8b")
E_BUS, E_LOST, E_LAST = 10, 11, 11
UNITS = 15
HEADER, RECORD = 64, 16
EDGES = (0, 1, 2, 7, 8, 9, 10, 11, 19, 20, 21, 63, 64, 127, 128, 255, 256, 2**17, 2**20, 2**48,
         2**63, 2**64 - 1)


def expect(truth: bool, sentence: str) -> None:
    """Ends the test with a sentence."""
    if not truth:
        sys.exit(f"FAILED: {sentence}")


def checked(image: bytes) -> bytes:
    """The image with the check that its records have."""
    n = struct.unpack_from("<I", image, 8)[0]
    words = np.frombuffer(image[HEADER:HEADER + RECORD * min(n, (len(image) - HEADER) // RECORD)],
                          np.uint32)
    check = int(np.bitwise_xor.reduce(words)) if len(words) else 0
    return image[:12] + struct.pack("<I", check) + image[16:]


def put(image: bytes, at: int, data: bytes) -> bytes:
    """The image with other bytes at a place."""
    return image[:at] + data + image[at + len(data):]


def mutate(image: bytes, draw: random.Random) -> tuple[str, bytes]:
    """One fault: what it is, and the image with it."""
    n = struct.unpack_from("<I", image, 8)[0]
    # small units hold what the schedule rests on, and are few among thousands of weights
    small = [i for i in range(n) if image[HEADER + RECORD * i + 15] in (0, 2, 4, 5, 6, 10, 12, 14)]
    i = draw.choice(small) if draw.random() < 0.8 else draw.randrange(n)
    at = HEADER + RECORD * i
    kind = draw.choice(("header", "unit", "address", "bit", "edge", "value", "gone", "copy"))
    if kind == "header":
        word = draw.randrange(8)
        return f"header word {word}", put(image, 4 * word, draw.randbytes(4))
    if kind == "unit":
        broken = put(image, at + 15, bytes([draw.randrange(UNITS + 2)]))
    elif kind == "address":
        broken = put(image, at + 8, struct.pack("<I", draw.choice(EDGES) & 0xffffff)[:3])
    elif kind == "bit":
        bit = draw.randrange(64)
        broken = put(image, at + bit // 8, bytes([image[at + bit // 8] ^ 1 << bit % 8]))
    elif kind == "edge":
        broken = put(image, at, struct.pack("<Q", draw.choice(EDGES)))
    elif kind == "value":
        broken = put(image, at, draw.randbytes(8))
    else:
        other = HEADER + RECORD * draw.choice(small)
        broken = put(image, at, image[other:other + RECORD])
        if kind == "gone":
            broken = put(broken, other, image[other:other + RECORD])
    return f"{kind} of record {i}", checked(broken)


def run_broken(card: Card, facts: Facts, windows: bytes, image: bytes, name: str) -> int:
    """One launch of a broken image; its error code."""
    try:
        run = card.run(facts, windows, image=image)
    except TimeoutError:
        expect(False, f"{name}: the kernel hangs")
    expect(run.error <= E_LAST, f"{name}: error code {run.error} is none")
    expect(run.error != E_LOST, f"{name}: taken by the loader, but scores were lost")
    # the memory ends with the last result: another number of outputs is another size of result
    # and ends with a bus error, anything else does not
    return run.error


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, required=True, help="libkernel_rtl.so")
    parser.add_argument("--compiler", type=Path, required=True, help="sparse-rtl")
    parser.add_argument("--shared", type=Path, required=True, help="folder of the test data")
    parser.add_argument("--build", default="", help="options of sparse-rtl for another build")
    parser.add_argument("--faults", type=int, default=30, help="of each model (default 30)")
    parser.add_argument("--seed", type=int, default=7, help="of the faults (default 7)")
    arguments = parser.parse_args()
    golden = arguments.shared / "golden"
    if not golden.is_dir():
        print(f"skipped: no golden models in {golden}")
        sys.exit(1 if os.environ.get("CI") else 77)
    draw = random.Random(arguments.seed)
    card = Card(arguments.library)
    for name in MODELS:
        model = golden / f"{name}.model.h5"
        with tempfile.TemporaryDirectory() as folder:
            good = compile_model(arguments.compiler, model, Path(folder) / "image",
                                 *arguments.build.split())
        facts, v = facts_of(good), read_vectors(model)
        windows = pack_lists(facts, v.raw[:4], v.threshold)
        codes: Counter = Counter()
        for i in range(arguments.faults):
            what, broken = mutate(good, draw)
            codes[run_broken(card, facts, windows, broken, f"{name}, {what}, fault {i}")] += 1
            if i % 5 == 4:
                run = card.run(facts, windows, image=good)
                expect(run.error == 0 and (run.raw == v.expected[:4]).all(),
                       f"{name}: the good image does not run after {what}, fault {i}")
        expect(codes[0] > 0 and sum(codes.values()) > codes[0], f"{name}: faults of one kind only")
        print(f"{name}: {arguments.faults} faults, error codes {dict(sorted(codes.items()))}")
    card.close()


if __name__ == "__main__":
    main()
