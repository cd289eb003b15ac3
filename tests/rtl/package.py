#!/usr/bin/env python3
"""What is packed for v++ (fpga/rtl/package) must say what the kernel is.

kernel.xml: every argument where kernel_abi.h and kernel_circuit.h have its register and where
sparse-xclbin puts it for emulation; every port with all its signals in sparse_kernel_card.sv, as
wide as it says. A host writes arguments where the container says; one that is off by a word would
be found on a card only. And the daemon's sentences for error codes: they must be the kernel's
codes. Verilator, where it is there, elaborates the card's top with all modules.
"""
from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def expect(truth: bool, sentence: str) -> None:
    """Ends the test with a sentence."""
    if not truth:
        sys.exit(f"FAILED: {sentence}")


def container_arguments(fpga: Path) -> list[tuple]:
    """(name, pointer, port, register, bytes, type) as sparse-xclbin has them."""
    spec = importlib.util.spec_from_file_location("sparse_xclbin", fpga / "xrt/sparse_xclbin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.arguments({"model_sha256": ""}))


def header_registers(fpga: Path) -> dict[str, int]:
    """Arguments and their registers as the two headers draw them."""
    text = ((fpga / "hls/kernel_abi.h").read_text().partition("REGISTERS")[2].partition("*/")[0]
            + (fpga / "rtl/kernel_circuit.h").read_text().partition("*/")[0])
    text = re.sub(r"\n \* *", " ", text)
    names = {"windows": "windows", "results": "results", "n_windows": "n_windows", "tag": "tag",
             "image": "image", "bytes of the image": "image_bytes", "its name": "image_name"}
    found = re.findall(r"(0x[0-9a-f]+) (bytes of the image|its name|\w+)", text)
    return {names[name]: int(at, 16) for at, name in found if name in names}


def check_arguments(kernel: xml.Element, fpga: Path) -> None:
    """kernel.xml, sparse-xclbin and the headers say the same."""
    args = [(a.get("name"), a.get("addressQualifier") == "1", a.get("port"),
             int(a.get("offset"), 16), int(a.get("size"), 16), a.get("type"))
            for a in kernel.find("args")]
    expect([int(a.get("id")) for a in kernel.find("args")] == list(range(len(args))),
           "kernel.xml: arguments are not numbered in order")
    expect(args == container_arguments(fpga), "kernel.xml and sparse-xclbin differ in arguments")
    registers = header_registers(fpga)
    expect(registers == {a[0]: a[3] for a in args},
           f"kernel.xml and the headers differ in registers: {registers}")


def check_ports(kernel: xml.Element, top: str) -> None:
    """Every port of kernel.xml has its signals in the top module."""
    for port in kernel.find("ports"):
        name, width = port.get("name"), int(port.get("dataWidth"))
        for signal in ("awvalid", "wdata", "bready", "arready", "rdata"):
            bits = width - 1 if signal.endswith("data") else None
            form = rf"logic {rf'.{bits}:0. ' if bits else ''}{name}_{signal}\b"
            expect(re.search(form, top) is not None,
                   f"sparse_kernel_card.sv: no {name}_{signal} as kernel.xml has it")


def check_errors(fpga: Path) -> None:
    """The daemon's sentences have the kernel's codes; one too few, and a code has no sentence."""
    sv = re.findall(r"bit \[7:0\] E_(\w+) = (\d+);", (fpga / "rtl/sparse_pkg.sv").read_text())
    rows = re.findall(r"X\((\d+), (\w+),",
                      (fpga.parent / "daemon/engine/xrt/kernel_error.h").read_text())
    expect(len(sv) > 5 and [(name, code) for code, name in rows] == sv,
           f"kernel_error.h has other codes than sparse_pkg.sv: {rows}, {sv}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fpga", type=Path, required=True, help="folder fpga/ of the sources")
    fpga = parser.parse_args().fpga
    kernel = xml.parse(fpga / "rtl/package/kernel.xml").getroot().find("kernel")
    top = fpga / "rtl/package/sparse_kernel_card.sv"
    check_arguments(kernel, fpga)
    check_ports(kernel, top.read_text())
    check_errors(fpga)
    if shutil.which("verilator"):
        done = subprocess.run(
            ["verilator", "--lint-only", "-Wno-fatal", "-Wno-WIDTH", "-Wno-UNUSED", "--top-module",
             top.stem, "-y", fpga / "rtl", fpga / "rtl/sparse_pkg.sv", top],
            capture_output=True, text=True, check=False)
        wrong = [line for line in done.stderr.splitlines()
                 if line.startswith("%Error") or "PINMISSING" in line or "UNDRIVEN" in line]
        expect(done.returncode == 0 and not wrong, "\n".join(wrong) or done.stderr)
    print("kernel.xml, container, headers and the card's top say the same")


if __name__ == "__main__":
    main()
