#!/usr/bin/env python3
"""Modules with a fault in them, for benches that must find it.

A copy of all modules goes to --out, one of them with the fault: text of the module and what stands
there instead. The text must be there exactly once; who changes a module moves its fault along.
"""
from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

FAULTS = {  # name: (module, text, what stands there instead)
    "cast_shift": ("cast_shift", "lost8 = |(x_i & IN'(64'h3fff));",
                   "lost8 = |(x_i & IN'(64'h1fff));"),
    "fixed_round": ("fixed_round", "up = half & (rest | negative);", "up = half & rest;"),
    "fixed_overflow": ("fixed_overflow", "if (saturates && sign && symmetric)", "if (1'b0)"),
    "cast_small": ("cast_small", "wire tie = round_i == 3'd3 &&", "wire tie = 1'b0 &&"),
    "adder_four": ("adder_four", ".b_i(x_i[3*W+:W])", ".b_i(W'(0))"),
    "conv_tap": ("conv_tap", "{4'b1010, th[2:0]}", "{4'b1000, th[2:0]}"),
    "conv_lane": ("conv_lane", "high[0] & ~tie", "high[0]"),
    "conv_end": ("conv_end", "(!nonzero2 || (type_i[11]", "((type_i[11]"),
    "conv_scatter": ("conv_scatter", "{keep_q, keep[N-1:S]}", "{keep_q, keep[N-S-1:0]}"),
    "in_turn": ("in_turn", "turn_i == 2'(i)", "turn_i >= 2'(i - 1)"),
    "ring": ("conv_scatter", ".before_i(ring[(R-1)*ACC_W+:ACC_W])", ".before_i(ring[ACC_W-1:0])"),
    "pool": ("pool", "earlier <= ~(~earlier << S);", "earlier <= earlier;"),
    "pool_setup": ("pool_setup", "row[KEY_W] & col[KEY_W]", "row[KEY_W] | col[KEY_W]"),
    "dense_first": ("dense_first", "begins[{1'b0, replay[PASS-1:0]}*AT_ROOM+:AT]",
                    "begins[AT_ROOM+:AT]"),
    "dense_output": ("dense_output", "valid5_i && last5_i", "valid5_i && first5_i"),
    "dense_end": ("dense_end", "(sign ? ~acc_mask_i : '0)", "'0"),
    "dense_second": ("dense_second", "base <= s4[4] ?", "base <= 1'b1 ?"),
    "score_table": ("score_table", "lost && floor[D2_W-1]", "lost"),
    "softmax": ("softmax", "else if (first_i) there[i] <= 1'b0;", ""),
    "softmax_lane": ("softmax_lane", "$signed(below) < $signed(lowest_i) ? lowest_i : below",
                     "below"),
    "window_input": ("window_input", "pace == 0 && room_i", "pace == 0 || room_i"),
    "compress": ("compress", "active2[j] && slot < 8'(N)", "active2[j]"),
    "loader": ("loader", "value[7:0] >= 8'd10", "value[7:0] >= 8'd9"),
    "axi_read": ("axi_read", "bursts < 4'd8", "bursts < 4'd9"),
    "axi_write": ("axi_write", "open < 7'd63", "open < 7'd64"),
    "registers": ("registers", "wire whole = strobe == 4'hf;", "wire whole = strobe[3];"),
    "fifo": ("fifo", "assign full_o = head[A-1:0]", "assign full_o = 1'b0 & head[A-1:0]"),
}


def plant(name: str, rtl: Path, out: Path) -> None:
    """Copies the modules, with the fault."""
    module, text, fault = FAULTS[name]
    out.mkdir(parents=True, exist_ok=True)
    for source in rtl.glob("*.sv"):
        shutil.copyfile(source, out / source.name)
    source = (rtl / f"{module}.sv").read_text()
    if source.count(text) != 1:
        sys.exit(f"{module}: the place of fault {name} is not there once: {text}")
    (out / f"{module}.sv").write_text(source.replace(text, fault))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(FAULTS))
    parser.add_argument("--rtl", type=Path, required=True, help="folder of the modules")
    parser.add_argument("--out", type=Path, required=True, help="folder that is made")
    args = parser.parse_args()
    plant(args.name, args.rtl, args.out)


if __name__ == "__main__":
    main()
