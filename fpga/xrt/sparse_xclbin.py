#!/usr/bin/env python3
"""sparse-xclbin: packs a kernel for XRT's hardware emulation.

    sparse-xclbin libkernel_NAME.so -o NAME.xclbin
    sparse-xclbin --json libkernel_NAME.so > kernel.json

The first makes the container that XRT loads in emulation: what memory the card has, which
registers the kernel has, and as user metadata which model it was made from, so that sparsed
can refuse a kernel of another model; libkernel_rtl.so loads its network, and serves every model
that fits. It holds no bitstream; sparse-device runs the kernel.

For a real card v++ makes the container; the same metadata is added to it with

    xclbinutil --input a.xclbin --add-section USER_METADATA:RAW:kernel.json --output b.xclbin

(xclbinutil and v++ are vendor tools and were not run here).

Layout: XRT's xclbin.h. All numbers little-endian.
"""
from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import struct
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

EMBEDDED_METADATA, MEM_TOPOLOGY, CONNECTIVITY, IP_LAYOUT, USER_METADATA = 2, 6, 7, 8, 16
HW_EMU = 4
UNIT_BASE, UNIT_PITCH = 0x1800000, 0x10000  # as fpga/sim/main.c has them
BANK_BYTES = 4 << 30
FILE_HEADER, SECTION_HEADER = 456, 40

# name, pointer, port, register, bytes, C type: the arguments of every kernel (kernel_abi.h)
ARGUMENTS = (
    ("windows", True, "m_axi_windows", 0x10, 8, "void*"),
    ("results", True, "m_axi_results", 0x1C, 8, "void*"),
    ("n_windows", False, "s_axi_control", 0x28, 4, "uint"),
    ("tag", False, "s_axi_control", 0x30, 4, "uint"),
)
# and those of a kernel that loads its network
ARGUMENTS_OF_LOADING = (
    ("image", True, "m_axi_windows", 0x38, 8, "void*"),
    ("image_bytes", False, "s_axi_control", 0x44, 4, "uint"),
    ("image_name", False, "s_axi_control", 0x48, 4, "uint"),
)


def arguments(info: dict) -> tuple[tuple, ...]:
    """The kernel's arguments; one that names no model loads its network from an image."""
    return ARGUMENTS + (() if info["model_sha256"] else ARGUMENTS_OF_LOADING)



class KernelInfo(ctypes.Structure):
    """struct kernel_info of fpga/hls/kernel_abi.h."""
    _fields_ = [("abi_version", ctypes.c_uint32)] + [
        (name, ctypes.c_char_p) for name in ("kernel_name", "model_name", "model_sha256", "parallel")
    ] + [(name, ctypes.c_uint32) for name in (
        "form", "height", "width", "channels", "n_slots", "place_bytes", "value_bytes", "pixel_bytes",
        "window_bytes", "n_outputs", "raw_bytes", "result_bytes", "n_layers")]


class KernelBuild(ctypes.Structure):
    """struct kernel_build of fpga/rtl/kernel_circuit.h."""
    _fields_ = [(name, ctypes.c_uint32) for name in ("slots", "at_once", "filters", "reuse")]


def kernel_info(path: Path) -> dict:
    """What a kernel's shared object says of itself."""
    try:
        library = ctypes.CDLL(str(path.resolve()))
        ask = library.kernel_info
    except (OSError, AttributeError) as error:
        sys.exit(f"{path}: no kernel's shared object: {error}")
    ask.restype = ctypes.POINTER(KernelInfo)
    info = ask().contents
    if info.abi_version != 1:
        sys.exit(f"{path}: version {info.abi_version} of the kernel's interface, needs 1")
    values = {name: getattr(info, name) for name, _ in KernelInfo._fields_}
    if not info.model_sha256:
        library.kernel_build.restype = ctypes.POINTER(KernelBuild)
        build = library.kernel_build().contents
        values |= {"at_once": build.at_once, "filters": build.filters,
                   "reuse": build.reuse}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


def metadata(info: dict, units: int) -> bytes:
    kernel = info["kernel_name"]
    ports = "".join(f'<port name="{port}" mode="master" range="0xFFFFFFFF" dataWidth="{width}" '
                    f'portType="addressable" base="0x0"/>'
                    for port, width in (("m_axi_windows", 512), ("m_axi_results", 32)))
    ports += ('<port name="s_axi_control" mode="slave" range="0x1000" dataWidth="32" '
              'portType="addressable" base="0x0"/>')
    args = "".join(
        f'<arg name="{name}" addressQualifier="{int(pointer)}" id="{i}" port="{port}" '
        f'size="{size:#x}" offset="{offset:#x}" hostOffset="0x0" hostSize="{size:#x}" type="{kind}"/>'
        for i, (name, pointer, port, offset, size, kind) in enumerate(arguments(info)))
    instances = "".join(
        f'<instance name="{kernel}_{n + 1}"><addrRemap base="{UNIT_BASE + n * UNIT_PITCH:#x}" '
        f'range="0x10000" port="s_axi_control"/></instance>' for n in range(units))
    return (f'<?xml version="1.0" encoding="UTF-8"?><project name={quoteattr(kernel)}>'
            '<platform vendor="sparsed" boardid="emulation" name="emulation" featureRomTime="0">'
            '<version major="1" minor="0"/><description/><numComputeUnits>60</numComputeUnits>'
            '<device name="fpga0" fpgaDevice="emulation" addrWidth="0"><core name="OCL_REGION_0" '
            f'target="hw_em" type="clc_region" numComputeUnits="60"><kernel name={quoteattr(kernel)} '
            'language="c" attributes="" preferredWorkGroupSizeMultiple="0" workGroupSize="1" '
            'interrupt="false" type="pl" hwControlProtocol="ap_ctrl_chain">'
            f"{ports}{args}{instances}</kernel></core></device></platform></project>").encode()


def sections(info: dict, units: int) -> list[tuple[int, bytes]]:
    memory = struct.pack("<i4x", 1) + struct.pack("<BB6xQQ16s", 1, 1, BANK_BYTES // 1024, 0, b"bank0")
    pointers = [i for i, a in enumerate(arguments(info)) if a[1]]
    connected = [(argument, unit, 0) for unit in range(units) for argument in pointers]
    connectivity = struct.pack("<i", len(connected)) + b"".join(struct.pack("<3i", *c) for c in connected)
    kernel = info["kernel_name"]
    chain = 1 << 8  # ap_ctrl_chain
    layout = struct.pack("<i4x", units) + b"".join(
        struct.pack("<IIQ64s", 1, chain, UNIT_BASE + n * UNIT_PITCH, f"{kernel}:{kernel}_{n + 1}".encode())
        for n in range(units))
    return [(MEM_TOPOLOGY, memory), (CONNECTIVITY, connectivity), (IP_LAYOUT, layout),
            (EMBEDDED_METADATA, metadata(info, units)),
            (USER_METADATA, json.dumps(info, indent=1).encode())]


def container(info: dict, units: int) -> bytes:
    """The whole file. Its uuid is a hash of what is in it, so equal contents are equal files."""
    found = sections(info, units)
    offset = FILE_HEADER + SECTION_HEADER * len(found)
    headers, body = b"", b""
    for kind, data in found:
        at = -(-(offset + len(body)) // 8) * 8
        body += b"\0" * (at - offset - len(body))
        headers += struct.pack("<I16s4xQQ", kind, b"", at, len(data))
        body += data
    uuid = hashlib.sha256(headers + body).digest()[:16]
    length = offset + len(body)
    header = struct.pack("<QQQHBBHH16s64s16s16sI4x", length, 0, 0, 0, 2, 1, HW_EMU, 0, bytes(16),
                         b"sparsed_emulation", uuid, bytes(16), len(found))
    assert len(header) == 152
    start = b"xclbin2\0" + struct.pack("<i", -1) + b"\xff" * 28 + bytes(256) + struct.pack("<Q", 0)
    assert len(start) + len(header) == FILE_HEADER
    return start + header + headers + body


def main() -> None:
    parser = argparse.ArgumentParser(prog="sparse-xclbin", description=__doc__.split("\n\n", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", type=Path, metavar="libkernel_NAME.so")
    parser.add_argument("-o", "--output", type=Path, metavar="NAME.xclbin")
    parser.add_argument("--units", type=int, default=1, choices=range(1, 17), metavar="1 .. 16",
                        help="compute units (default: 1)")
    parser.add_argument("--form", choices=("list", "image"), default="list",
                        help="of a kernel that loads its network: how the host sends windows "
                        "(default: list)")
    parser.add_argument("--json", action="store_true", help="print the metadata alone")
    args = parser.parse_args()
    info = kernel_info(args.kernel)
    if not info["model_sha256"]:
        info["form"] = ("list", "image").index(args.form)
    elif args.form != "list":
        parser.error(f"--form: {args.kernel} takes what it was made for")
    if args.json:
        print(json.dumps(info, indent=1))
        return
    output = args.output or args.kernel.with_name(f"{info['kernel_name']}.xclbin")
    output.write_bytes(container(info, args.units))
    units = f"{args.units} compute unit{'s' if args.units > 1 else ''}"
    serves = (f"of model {info['model_name']}, {units}, sha256 {info['model_sha256'][:8]}"
              if info["model_sha256"] else
              f"for any network of at most {info['n_slots']} slots, {args.form}s, {units}")
    print(f"{output}: {info['kernel_name']} {serves}")


if __name__ == "__main__":
    main()
