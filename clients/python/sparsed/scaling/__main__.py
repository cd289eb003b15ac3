"""python -m sparsed.scaling: how many machines, and what a consumer group does.

    need        cores, machines, brokers and links of three experiments, as Markdown tables,
                from what tests/bench/scaling.py measured
    compare     the simulated test of three members against its measured runs
    study       bursts, deaths, rebalances, commit intervals and scaling by lag with 10, 100
                and 1,000 members (about ten minutes; --sizes 10 20: half a minute)

    python -m sparsed.scaling need --figures docs/figures/scaling.json
    python -m sparsed.scaling compare --runs 200 --plot compare.png
    python -m sparsed.scaling study --sizes 10 100 1000 --plot lag.png

compare and study need SimPy (Debian: python3-simpy3), plots matplotlib. The same seed gives the
same table. The status is 1 where a simulated event was never decided.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import need
from .figures import load


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sparsed.scaling",
                                     description=__doc__.split("\n\n", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["need", "compare", "study"])
    site = parser.add_argument_group("need")
    site.add_argument("--figures", type=Path, default=Path("docs/figures/scaling.json"),
                      metavar="FILE", help="what was measured (default: %(default)s)")
    site.add_argument("--curve", type=Path, default=Path("docs/figures/fpga-curve.jsonl"),
                      metavar="FILE", help="the FPGA kernel (default: %(default)s)")
    for name, kind, what in (("cores", int, "cores of a machine"),
                             ("link_gb_s", float, "GB/s of a machine's links"),
                             ("disk_gb_s", float, "GB/s of a broker's disks"),
                             ("fill", float, "share of a machine that may be used"),
                             ("replicas", int, "of each partition"),
                             ("accept", float, "share of events recorded with samples")):
        site.add_argument("--" + name.replace("_", "-"), type=kind,
                          default=getattr(need.Site, name), help=what + " (default: %(default)s)")
    group = parser.add_argument_group("compare, study")
    group.add_argument("--runs", type=int, default=200, help="compare: simulated runs")
    group.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000], metavar="MEMBERS")
    group.add_argument("--seeds", type=int, default=1, help="study: runs of each row, medians")
    group.add_argument("--only", metavar="STUDY", help="study: rows of one table only")
    group.add_argument("--plot", type=Path, metavar="FILE.png")
    return parser.parse_args()


def show_need(a: argparse.Namespace) -> None:
    figures = load(a.figures)
    site = need.Site(a.cores, a.link_gb_s, a.disk_gb_s, a.fill, a.replicas, a.accept)
    curve = [json.loads(line) for line in a.curve.read_text().splitlines()]
    print(need.figure_table(figures))
    for case in (need.MICROBOONE, need.DUNE):
        print(f"\n**{case.name}**: {case.source}.\n\n{need.case_table(case, figures, site)}")
    print(f"\n{need.level_one_table(figures, curve)}")


def show_comparison(a: argparse.Namespace) -> None:
    from . import study
    print("| | | measured 10, 50, 90 % | simulated | distance | 95 % of alike ones below |")
    print("|---|---|---|---|---|---|")
    plotted = []
    for kills in study.MEASURED:
        pairs = study.compare(kills, a.runs)
        plotted += pairs if kills == 3 else []
        for pair in pairs:
            each = list(zip(*pair.quantiles()))
            texts = [", ".join(f"{v:.3g}" for v in values) for values in each]
            print(f"| {kills} kills | {pair.what} | {texts[0]} ({len(pair.measured)} runs) | "
                  f"{texts[1]} | {pair.distance():.2f} | {pair.bound():.2f} |")
    if a.plot:
        from . import plots
        plots.comparison(plotted, a.plot)


def show_study(a: argparse.Namespace) -> None:
    from . import study
    done, table = [], None
    for row in study.rows(tuple(a.sizes)):
        if a.only and row.study != a.only:
            continue
        row = study.play_row(row, a.seeds)
        if row.study != table:
            table = row.study
            print(f"\n| {table} | largest lag, events | recovered after, s | longest wait, s | "
                  "decided again | rebalances | members at most |\n|---|---|---|---|---|---|---|")
        print(f"| {row.what} | {row.figure('most_lag'):,.0f} | {row.figure('recovery_s'):.0f} | "
              f"{row.figure('longest_wait_s'):.1f} | {row.figure('again'):,.0f} | "
              f"{row.figure('rebalances'):.0f} | {row.figure('most_members'):.0f} |", flush=True)
        done.append(row)
    if a.plot:
        from . import plots
        middle = a.sizes[len(a.sizes) // 2]
        plots.lags([r for r in done if r.plan.members == middle
                    and r.study in ("blows", "protocol") and not r.plan.rolling_s], a.plot)


def main() -> int:
    a = arguments()
    try:
        {"need": show_need, "compare": show_comparison, "study": show_study}[a.command](a)
    except (ValueError, KeyError, OSError) as why:
        print(f"python -m sparsed.scaling: {why.args[0] if why.args else why}", file=sys.stderr)
        return 2
    except AssertionError as why:
        print(f"python -m sparsed.scaling: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
