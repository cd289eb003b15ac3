#!/usr/bin/env python3
"""The whole kernel in SystemVerilog, translated by Verilator, against the golden vectors.

Every golden model is compiled by sparse-rtl. Those that fit run on one card after another without
a reset, from lists or from images, and must give the golden last integers, the number of active
pixels and the tags; the cycles of every window must be the same, whatever the data. Those that do
not fit are named with the limit.
"""

import argparse
import os
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from card import Card, Facts, Refused, Vectors, compile_model, facts_of, pack_images, pack_lists
from card import read_vectors

SHORT = ("neutrino-sparse_l-16b", "stress-jet-sparse_l-8b", "neutrino-sparse_t-8b",
         "sparsemnist-sparse_l-16b", "stress-neutrino-sparse_l-16b", "jet-sparse_m-16b")
REFUSED = {  # a model that must not fit, and the limit that its sentence names
    "hgq-jet": "n_max_pixels = 27", "hgq-neutrino": "27 bits", "v2-multichannel": "3 channels",
    "v2-modes": "sparse_max_pool2d", "neutrino-full-16b": "zero_pad2d"}


@dataclass
class Build:
    """A kernel: what sparse-rtl must know of it, how many models it runs at least, and the cycles
    of networks: latency from the last beat of a window to its last score on the port, interval
    from lists."""

    options: tuple[str, ...]
    models: int
    latency: dict[str, int]
    interval: dict[str, int]


USUAL = Build((), 60, {"neutrino": 110, "jet": 130, "sparsemnist": 186}, {"neutrino": 20})
FAST = Build(("--at-once", "2", "--filters", "1"), 30, {"neutrino": 85, "sparsemnist": 155},
             {"neutrino": 10})
# Two slots share a lane. MNIST's 36 outputs take four passes of 20 cycles.
SMALL = Build(("--reuse", "2"), 80, {"neutrino": 164, "jet": 186, "sparsemnist": 282},
              {"neutrino": 40, "jet": 40, "sparsemnist": 80})
MANY = Build(("--slots", "48"), 4, {}, {"neutrino": 48})
E_NO_MODEL, E_MAGIC, E_VERSION, E_SIZE, E_UNIT, E_ADDRESS, E_VALUE, E_CHECK, E_ALIGN, E_BUS = (
    range(1, 11))


def expect(truth: bool, sentence: str) -> None:
    """Ends the test with a sentence."""
    if not truth:
        sys.exit(f"FAILED: {sentence}")


def windows_of(facts: Facts, v: Vectors) -> bytes:
    """The vectors' windows in the layout that an image wants."""
    return pack_images(facts, v.raw) if facts.form == 1 else pack_lists(facts, v.raw, v.threshold)


def check_model(card: Card, program: Path, model: Path, form: str, events: int, folder: Path,
                stall_percent: int, kind: Build) -> str:
    """One model on a card that ran another before; a line of figures."""
    image = compile_model(program, model, folder / "image", "--form", form, *kind.options)
    facts, v = facts_of(image), read_vectors(model)
    v.raw, v.expected = v.raw[:events], v.expected[:events]
    windows = windows_of(facts, v)
    first = card.run(facts, windows, image=image, tag=5, stall_percent=stall_percent)
    again = card.run(facts, windows, tag=2**32 - 3)
    active = (v.raw > v.threshold).sum(axis=(1, 2))
    name = f"{model.name} from {form}s"
    for run, tag in ((first, 5), (again, 2**32 - 3)):
        expect(run.error == 0, f"{name}: error code {run.error}")
        wrong = int((run.raw != v.expected).any(axis=1).sum())
        expect(wrong == 0, f"{name}: {wrong} of {len(v.raw)} windows differ")
        tags = (tag + np.arange(len(v.raw))) % 2**32
        expect((run.tag == tags).all(), f"{name}: a result carries another window's tag")
        kept = active if form == "image" else np.minimum(active, facts.n_slots)
        expect((run.active == kept).all(), f"{name}: number of active pixels")
    latency = again.last_score.astype(int) - again.last_beat.astype(int)
    interval = np.diff(again.last_score.astype(int))
    # A pipeline whose schedule depends on the data loses events when a detector is busy.
    expect(len(set(latency)) == 1, f"{name}: latency {latency.min()} .. {latency.max()} cycles")
    for network, most in kind.latency.items():
        expect(network not in model.name or latency[0] <= most, f"{name}: latency {latency[0]}")
    for network, most in kind.interval.items() if form == "list" else ():
        expect(network not in model.name or interval.max() <= most,
               f"{name}: interval {interval.max()}")
    return (f"{name}: {len(v.raw)} windows, latency {latency[0]} cycles, "
            f"interval {interval.max() if len(interval) else 0}")


def check_refused(program: Path, models: dict[str, Path], folder: Path) -> None:
    """A model beyond a limit is refused with the layer and the limit, and leaves no image."""
    for name, limit in REFUSED.items():
        try:
            compile_model(program, models[name], folder / "refused")
        except Refused as sentence:
            expect(limit in str(sentence), f"{name}: '{sentence}' does not say '{limit}'")
        else:
            expect(False, f"{name} must be refused")
        expect(not (folder / "refused").exists(), f"{name}: a refused model left an image")


def broken_images(image: bytes) -> dict[str, tuple[bytes, int]]:
    """Images with one fault each, and the error code that it must give."""
    def changed(at: int, data: bytes) -> bytes:
        return image[:at] + data + image[at + len(data):]
    records = struct.unpack_from("<I", image, 8)[0]
    slots = next(at for at in range(64, len(image), 16)
                 if image[at + 15] == 0 and image[at + 8] == 1)
    return {
        "another magic": (changed(0, b"JUNK"), E_MAGIC),
        # Its type words once held other bits: such an image would run and score nonsense.
        "the version before": (changed(4, struct.pack("<I", 1)), E_VERSION),
        "another kernel's slots": (changed(16, struct.pack("<I", 16)), E_SIZE),
        # Its dense weights lie at other addresses: such an image would run and score nonsense.
        "another kernel's reuse": (changed(17, bytes([image[17] ^ 1])), E_SIZE),
        "more records than bytes": (changed(8, struct.pack("<I", 60000)), E_SIZE),
        "an unknown unit": (changed(64 + 15, b"\x63"), E_UNIT),
        "an address beyond its unit": (changed(64 + 8, b"\xff\xff\x00"), E_ADDRESS),
        "more slots than lanes": (changed(slots, b"\x15"), E_VALUE),
        "a flipped bit": (changed(64 + 16 * (records // 2), b"\xfe"), E_CHECK),
        "the end cut off": (image[:1024], E_SIZE),
    }


def check_bad_input(card: Card, program: Path, model: Path, folder: Path, kind: Build) -> None:
    """A bad image, address or memory ends in an error code, never in a hang, and the card runs
    a good model right after."""
    image = compile_model(program, model, folder / "image", *kind.options)
    facts, v = facts_of(image), read_vectors(model)
    v.raw, v.expected = v.raw[:3], v.expected[:3]
    windows = windows_of(facts, v)
    for name, (broken, code) in broken_images(image).items():
        run = card.run(facts, windows, image=broken)
        expect(run.error == code, f"an image with {name}: error code {run.error}, not {code}")
        run = card.run(facts, windows)
        expect(run.error == E_NO_MODEL, f"after an image with {name}: error code {run.error}")
        run = card.run(facts, windows, image=image)
        expect(run.error == 0 and (run.raw == v.expected).all(), f"not well after {name}")
    expect(card.run(facts, windows, misalign=8).error == E_ALIGN, "a crooked address is taken")
    expect(card.run(facts, windows[:facts.window_bytes], n_windows=3).error == E_BUS,
           "windows outside the memory are not noticed")
    expect(card.run(facts, windows, results_bytes=8).error == E_BUS,
           "results outside the memory are not noticed")
    run = card.run(facts, windows)
    expect(run.error == 0 and (run.raw == v.expected).all(), "not well after a bus error")
    expect(card.run(facts, b"", n_windows=0).error == 0, "an empty batch is an error")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, required=True, help="libkernel_rtl.so")
    parser.add_argument("--compiler", type=Path, required=True, help="sparse-rtl")
    parser.add_argument("--shared", type=Path, required=True, help="folder of the test data")
    parser.add_argument("--fast", action="store_true",
                        help="the library takes two slots a cycle and one filter first: neutrino "
                             "and digit networks only")
    parser.add_argument("--small", action="store_true",
                        help="two slots share a lane in the library")
    parser.add_argument("--many", type=Path, metavar="FOLDER",
                        help="the library has 48 slots: run the networks NAME-n48-* of this folder")
    parser.add_argument("--own", type=Path, metavar="FOLDER", help="run the networks in it too")
    parser.add_argument("--long", action="store_true",
                        help="all models and windows, lists and images")
    arguments = parser.parse_args()
    kind = (MANY if arguments.many else FAST if arguments.fast else
            SMALL if arguments.small else USUAL)
    source = arguments.many or arguments.shared / "golden"
    pattern = "*-n48-*.model.h5" if arguments.many else "*.model.h5"
    models = {m.name.removesuffix(".model.h5"): m for m in sorted(source.glob(pattern))}
    if not models:
        print(f"skipped: no models in {source}")
        sys.exit(1 if os.environ.get("CI") else 77)
    if arguments.own:
        models |= {m.name.removesuffix(".model.h5"): m for m in
                   sorted(arguments.own.glob("*.model.h5"))}
    card = Card(arguments.library)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if kind is FAST:
            models = {n: m for n, m in models.items() if "neutrino-sparse" in n or "mnist" in n}
        elif kind is USUAL:
            check_refused(arguments.compiler, models, folder)
        ran = 0
        for i, (name, model) in enumerate(models.items()):
            if not arguments.long and name not in SHORT:
                continue
            forms = ("list", "image") if arguments.long else (("image", "list")[i % 2],)
            for form in forms:
                try:
                    print(check_model(card, arguments.compiler, model, form,
                                      100 if arguments.long else 25, folder, 40 * (i % 2),
                                      kind))
                    ran += 1
                except Refused as sentence:
                    print(sentence)
        expect(ran >= (kind.models if arguments.long else len(SHORT)), f"only {ran} models ran")
        if kind in (USUAL, SMALL):
            check_bad_input(card, arguments.compiler, models["neutrino-sparse_l-16b"], folder, kind)
    card.close()


if __name__ == "__main__":
    main()
