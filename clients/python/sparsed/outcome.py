"""python -m sparsed.outcome: what a trigger did, held against the truth.

    sparse-decisions --json tcp://127.0.0.1:5556 > decisions.jsonl
    python -m sparsed.outcome decisions.jsonl truth.h5 --picture accepted.png

truth.h5 is a pixel file of the same events (sparse-simulate --windows). Prints how many
events with a neutrino and how many without were accepted; the picture shows the accepted
event with the highest score: its planes, its windows and their scores.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import h5py
import numpy as np


def identity(decision: dict) -> tuple[int, int, int]:
    """(run, subrun, event); JSON has event as a string where it may pass 2^53."""
    return tuple(int(decision[key]) for key in ("run", "subrun", "event"))


def read_decisions(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def read_truth(path: Path) -> dict[tuple[int, int, int], bool]:
    """For each event whether it has a neutrino. KeyError: the file has no truth."""
    with h5py.File(path) as file:
        if "event_table/nu_pdg" not in file:
            raise KeyError(f"{path}: no event_table/nu_pdg: a file without truth")
        pdg = file["event_table/nu_pdg"][:].reshape(-1)
        return {tuple(map(int, i)): bool(p) for i, p in zip(file["event_table/event_id"][:], pdg)}


def share(kept: int, of: int) -> str:
    """12 of 40 (30 +- 7 %), the error binomial."""
    if of == 0:
        return "none"
    p = kept / of
    return f"{kept:,} of {of:,} ({100 * p:.1f} +- {100 * (max(p * (1 - p), 1 / of) / of) ** 0.5:.1f} %)"


def summary(decisions: list[dict], truth: dict[tuple[int, int, int], bool]) -> str:
    known = [(d["accept"], truth[identity(d)]) for d in decisions if identity(d) in truth]
    lines = []
    for label, has in (("events with a neutrino accepted", True), ("events of cosmics alone accepted", False)):
        kept = [accept for accept, neutrino in known if neutrino == has]
        lines.append(f"{label:34s}{share(sum(kept), len(kept))}")
    if unknown := len(decisions) - len(known):
        lines.append(f"{unknown} decisions are about events that the truth does not have")
    return "\n".join(lines)


def best_score(decision: dict) -> float:
    return max((w["score"][0] for w in decision["windows"] if w["score"][0] is not None), default=0.0)


def picture(decision: dict, path: Path, out: Path, models: list[str]) -> None:
    """Draws one event: a panel a plane, pixels as seen by the trigger, windows that have a
    score above 0.1 as boxes. `path` is the pixel file."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    with h5py.File(path) as file:
        pre = dict(file["preprocessing"].attrs)
        wires = file["detector"].attrs["plane_wires"]
        index = np.flatnonzero((file["event_table/event_id"][:] == identity(decision)).all(axis=1))[0]
        counts = file["pixel_table/event_id.seq_cnt"][:]
        before = counts[counts[:, 0] < index, 1].sum()
        rows = slice(int(before), int(before + counts[counts[:, 0] == index, 1].sum()))
        plane, row, col, value = (file[f"pixel_table/{name}"][rows].reshape(-1)
                                  for name in ("local_plane", "row", "col", "value"))
        vertex = file["event_table/nu_vtx_wire_pos"][index]
        time = file["event_table/nu_vtx_wire_time"][index].reshape(-1)[0]
        energy = file["event_table/nu_energy"][index].reshape(-1)[0]
        ticks = int(file["detector"].attrs["ticks"])
    tick_a_row = int(pre["time_rebin"] * pre["pool_time"])
    pool_wires = int(pre["pool_wires"])
    height, width = int(pre["image_height"]), int(pre["image_width"])

    figure, axes = plt.subplots(1, len(wires), figsize=(16, 6), sharey=True, layout="constrained",
                                width_ratios=[int(w) for w in wires])
    for number, panel in enumerate(np.atleast_1d(axes)):
        lit = (plane == number) & (value >= pre["pixel_threshold"])
        image = np.zeros((ticks // tick_a_row, int(wires[number]) // pool_wires))
        image[row[lit], col[lit]] = value[lit]
        panel.imshow(image, origin="lower", aspect="auto", cmap="magma", interpolation="nearest",
                     extent=(0, image.shape[1] * pool_wires, 0, image.shape[0] * tick_a_row))
        for w in decision["windows"]:
            score = w["score"][0]
            if w["plane"] != number or score is None or score < 0.1:
                continue
            corner = (w["first_wire"], w["first_bin"] * pre["time_rebin"])
            panel.add_patch(Rectangle(corner, width * pool_wires, height * tick_a_row, fill=False,
                                      lw=0.8 + 1.4 * score, ec="#39d0d8", alpha=0.35 + 0.6 * score))
            panel.text(corner[0] + 12, corner[1] + height * tick_a_row - 12, f"{score:.2f}",
                       color="#39d0d8", fontsize=9, va="top")
        if energy > 0 and 0 <= vertex[number] < wires[number] and 0 <= time < ticks:
            panel.plot(vertex[number], time, "+", ms=14, mew=1.6, color="#7dff6b")
        panel.set_title(f"plane {number}")
        panel.set_xlabel("wire")
    np.atleast_1d(axes)[0].set_ylabel("tick (0.5 us)")
    truth = f"neutrino of {energy:.2f} GeV, vertex +" if energy > 0 else "cosmics alone"
    run, subrun, event = identity(decision)
    figure.suptitle(f"run {run} event {event:,}  {decision['fate']}  "
                    f"{', '.join(decision['rules_fired'])}  best {best_score(decision):.3f}   "
                    f"truth: {truth}   {', '.join(models)}")
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sparsed.outcome",
                                     description=__doc__.split("\n\n", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("decisions", type=Path, metavar="DECISIONS.jsonl")
    parser.add_argument("truth", type=Path, metavar="TRUTH.h5")
    parser.add_argument("--picture", type=Path, metavar="FILE.png")
    args = parser.parse_args()
    try:
        decisions, truth = read_decisions(args.decisions), read_truth(args.truth)
    except (OSError, KeyError, json.JSONDecodeError) as error:
        sys.exit(f"outcome: {error.args[0] if isinstance(error, KeyError) else error}")
    print(summary(decisions, truth))
    accepted = [d for d in decisions if d["accept"] and identity(d) in truth]
    if args.picture and accepted:
        best = max(accepted, key=best_score)
        picture(best, args.truth, args.picture, sorted({m["name"] for m in best["models"]}))
        print(f"picture of event {identity(best)[2]:,}: {args.picture}")
    elif args.picture:
        print("no event was accepted: no picture")


if __name__ == "__main__":
    main()
