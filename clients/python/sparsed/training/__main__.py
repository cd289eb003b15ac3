"""python -m sparsed.training: train a network, export it, check it, write its card."""
from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

EPILOG = """
examples
  sparse-simulate --windows train.h5 --events 8000 --seed 1
  sparse-simulate --windows test.h5 --events 4000 --seed 2
  python -m sparsed.training --data train.h5 --test test.h5 --pixels 20 --out models
  python -m sparsed.training --data train.h5 --test test.h5 --standard --out models
  python -m sparsed.training jet --out models
  python -m sparsed.training --quick --out models

written to --out, NAME from the network (neutrino-l-16b) or --name
  NAME.model.h5     what sparsed, sparse-score and sparse-verify read
  NAME.vectors.h5   100 windows through every layer: sparse-verify NAME.model.h5
  NAME.weights.h5   the weights, for Keras
  NAME.card.json    data, command, seed, figures of the test windows, differing decisions
NAME.checkpoint.npz is there while it trains: the same command goes on where it was stopped.

exit status  0 trained and exact; 1 an error, or a decision differs; 2 wrong use
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. Needs nothing but the standard library, so that --help is quick."""
    p = argparse.ArgumentParser(
        "python -m sparsed.training", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a network on windows cut as sparsed cuts them, on the fixed-point "
                    "numbers that sparsed computes with; export it and check that every "
                    "decision is the same.")
    p.add_argument("architecture", nargs="?", default="neutrino",
                   choices=("neutrino", "jet", "digit"),
                   help="neutrino windows (default); jet and digit train on simple simulated "
                        "stand-ins and need no --data")
    g = p.add_argument_group("data")
    g.add_argument("--data", nargs="+", type=Path, metavar="FILE", default=[],
                   help="pixel files (sparse-simulate --windows); 10 %% of their events are "
                        "for validation")
    g.add_argument("--test", nargs="+", type=Path, metavar="FILE", default=[],
                   help="pixel files for the figures (default: 20 %% of the events of --data)")
    g.add_argument("--recipe", choices=("tiles", "published"), default="tiles",
                   help="tiles: what a trigger sees (default); published: as the source work "
                        "cut its windows")
    g.add_argument("--min-label", type=int, default=500, metavar="BINS",
                   help="neutrino-labelled bins from which a plane is used (default 500)")
    g.add_argument("--windows", type=int, default=20000, metavar="N",
                   help="simulated jets or digits (default 20000)")
    g.add_argument("--augment", choices=("none", "time", "wires", "both"), default="time",
                   help="mirror windows by chance in each epoch: along time (default; drift has "
                        "no direction), along the wires (the beam has one)")
    g.add_argument("--brightest", action="store_true",
                   help="a study, not for deployment: keep the brightest pixels instead of the "
                        "first ones. Nothing is exported, only the card is written")
    g = p.add_argument_group("network")
    size = g.add_mutually_exclusive_group()
    size.add_argument("--pixels", type=int, metavar="N",
                      help="active pixels that the network keeps (default 20)")
    size.add_argument("--size", choices="tsml", help="the same by letter: 8, 12, 16, 20")
    size.add_argument("--standard", action="store_true",
                      help="the standard CNN of the same shape")
    g.add_argument("--bits", choices=("16", "8", "learned"), default="16",
                   help="16: activations of at most 15 bits, weights of 12 and a sign (default); "
                        "8: 8 bits; learned: widths by HGQ2")
    g.add_argument("--threshold", type=float, default=0.0, metavar="X",
                   help="a pixel is active above X; pixels are 0..1, and 0 or at least 0.219 "
                        "after the pooling (default 0)")
    g.add_argument("--learn-n", action="store_true", help="let the training choose N (slow: on "
                                                          "images), --pixels is where it begins")
    g.add_argument("--learn-threshold", action="store_true",
                   help="let the training choose the threshold (slow: on images)")
    g = p.add_argument_group("training")
    g.add_argument("--epochs", type=int, default=15, help="default 15")
    g.add_argument("--batch", type=int, default=128, help="windows a step (default 128)")
    g.add_argument("--learning-rate", type=float, default=3e-3, metavar="RATE",
                   help="of Adam, falling as a cosine (default 0.003)")
    g.add_argument("--beta", type=float, default=1e-7,
                   help="cost of a bit operation, with --bits learned (default 1e-7)")
    g.add_argument("--seed", type=int, default=1, help="of weights, order and choice of windows; "
                   "the same seed gives the same network on the same machine (default 1)")
    g.add_argument("--threads", type=int, default=0, help="default: all cores")
    g.add_argument("--quick", action="store_true",
                   help="a small network in a minute or two: simulates 600 events with "
                        "sparse-simulate (or 4000 images), 8 epochs. It works, but is no good")
    g = p.add_argument_group("output")
    g.add_argument("--out", type=Path, default=Path("."), metavar="FOLDER",
                   help="default: here")
    g.add_argument("--name", help="default: ARCHITECTURE-SIZE-BITS, as in neutrino-l-16b")
    g.add_argument("--check", type=int, default=10000, metavar="N",
                   help="windows whose decisions are compared with sparsed's (default 10000)")
    g.add_argument("--programs", type=Path, metavar="FOLDER",
                   default=os.environ.get("SPARSED_BIN"),
                   help="where sparse-verify and sparse-simulate are (default: SPARSED_BIN, "
                        "else PATH)")
    options = p.parse_args(arguments)
    _check(p, options)
    return options


def _check(p: argparse.ArgumentParser, o: argparse.Namespace) -> None:
    if o.architecture == "neutrino" and not o.data and not o.quick:
        p.error("--data is needed: pixel files from sparse-simulate --windows (or --quick)")
    if o.architecture != "neutrino" and (o.data or o.test):
        p.error(f"--data and --test are for neutrino windows: {o.architecture} images are "
                "simulated here")
    if o.quick and o.data:
        p.error("--quick simulates its own data: leave --data out")
    for name in ("windows", "epochs", "batch", "check", "min_label"):
        if getattr(o, name) < 1:
            p.error(f"--{name.replace('_', '-')} {getattr(o, name)}: must be at least 1")
    if o.pixels is not None and not 1 <= o.pixels <= 4096:
        p.error(f"--pixels {o.pixels}: must be 1 .. 4096")
    if not 0 <= o.threshold < 1:
        p.error(f"--threshold {o.threshold:g}: must be at least 0 and below 1")
    if not 0 < o.learning_rate < 1:
        p.error(f"--learning-rate {o.learning_rate:g}: must be above 0 and below 1")
    if o.standard and (o.learn_n or o.learn_threshold or o.threshold or o.brightest):
        p.error("--standard has no input reduction: no --threshold, --brightest, --learn-...")
    if (o.learn_n or o.learn_threshold) and o.bits == "8":
        p.error("--bits 8 begins as a 16-bit network of fixed N: learn N or the threshold with "
                "--bits 16 or learned")


@contextlib.contextmanager
def prepare(threads: int) -> Iterator[None]:
    """Sets up Keras, which is to be imported inside: its backend, its threads (0: all cores),
    and no lines from TensorFlow about cards that it did not find."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    if threads > 0:
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[name] = str(threads)
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def main(arguments: list[str]) -> int:
    """Runs the command line; the exit status."""
    options = parse(arguments)
    with prepare(options.threads):
        from .session import SessionError, run
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return run(options, arguments, Path(scratch))
    except SessionError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("training: interrupted; the same command goes on after the last epoch",
              file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
