"""Fragments from numpy arrays: what a readout sends to sparsed.

A fragment is three parts: topic, FragmentHeader, payload. fragment() and
image() make one; send_event() cuts whole planes into fragments and sends them;
a Sender does so with the sequence numbers of one source.
"""

import time
from typing import Iterable, List, Mapping, Optional, Tuple, Union

import numpy as np
import zmq

from . import readout_pb2 as pb
from .keys import Keys
from .subscriber import attach

TOPIC = b"fragment"
Parts = List[bytes]

_WIRE_TYPES = {np.dtype("<i2"): pb.INT16, np.dtype("<f4"): pb.FLOAT32}
_IMAGE_TYPES = {np.dtype("<i4"): pb.INT32, np.dtype("<f4"): pb.FLOAT32}


def _encode(samples: bytes, encoding: str) -> Tuple[bytes, int]:
    if encoding == "none":
        return samples, pb.NONE
    if encoding == "empty":
        return b"", pb.EMPTY
    if encoding == "lz4":
        import lz4.block

        return lz4.block.compress(samples, store_size=False), pb.LZ4
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdCompressor().compress(samples), pb.ZSTD
    raise ValueError(f"encoding = {encoding!r}: must be 'none', 'lz4', 'zstd' or 'empty'")


def _finish(header: pb.FragmentHeader, samples: bytes, encoding: str, checksum: bool) -> Parts:
    payload, header.encoding = _encode(samples, encoding)
    header.payload_bytes = len(payload)
    if checksum:
        import xxhash

        header.checksum_type = pb.XXH3_64
        header.checksum = xxhash.xxh3_64_intdigest(payload)
    return [TOPIC, header.SerializeToString(), payload]


def _little_endian(array: np.ndarray, types: Mapping, what: str) -> Tuple[bytes, int]:
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if array.dtype not in types:
        allowed = ", ".join(str(t) for t in types)
        raise ValueError(f"{what} of type {array.dtype}: must be one of {allowed}")
    return array.tobytes(), types[array.dtype]


def fragment(
    samples: np.ndarray,
    *,
    event: int,
    plane: int,
    run: int = 1,
    subrun: int = 0,
    first_wire: int = 0,
    source_id: int = 0,
    sequence: int = 0,
    event_time_ns: int = 0,
    encoding: str = "none",
    checksum: bool = False,
) -> Parts:
    """One fragment of whole wires, as the three parts for send_multipart.

    samples: [wire][tick], all ticks of the readout; int16 counts or float32 units
    event_time_ns: ns since the epoch, the same in all fragments of an event
    encoding: "none", "lz4" (needs lz4), "zstd" (needs zstandard); "empty": these
        wires are there and carry nothing, the samples' values are not sent
    checksum: adds the XXH3 of the payload (needs xxhash)
    """
    if samples.ndim != 2:
        raise ValueError(f"samples have {samples.ndim} axes: must be [wire][tick]")
    data, kind = _little_endian(samples, _WIRE_TYPES, "samples")
    header = pb.FragmentHeader(
        schema_version=1,
        run=run,
        subrun=subrun,
        event=event,
        source_id=source_id,
        sequence=sequence,
        kind=pb.WIRES,
        plane=plane,
        first_wire=first_wire,
        wires=samples.shape[0],
        first_tick=0,
        ticks=samples.shape[1],
        sample_type=kind,
        event_time_ns=event_time_ns,
    )
    return _finish(header, data, encoding, checksum)


def image(
    pixels: np.ndarray,
    *,
    event: int,
    run: int = 1,
    subrun: int = 0,
    source_id: int = 0,
    sequence: int = 0,
    event_time_ns: int = 0,
    encoding: str = "none",
    checksum: bool = False,
) -> Parts:
    """One ready-made image, as the three parts for send_multipart.

    pixels: [row][column][channel] or [row][column]; float32 units, or int32 raw
        integers on the model's input grid; the rest as in fragment
    """
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if pixels.ndim != 3:
        raise ValueError(f"pixels have {pixels.ndim} axes: must be [row][column][channel]")
    data, kind = _little_endian(pixels, _IMAGE_TYPES, "pixels")
    header = pb.FragmentHeader(
        schema_version=1,
        run=run,
        subrun=subrun,
        event=event,
        source_id=source_id,
        sequence=sequence,
        kind=pb.IMAGE,
        height=pixels.shape[0],
        width=pixels.shape[1],
        channels=pixels.shape[2],
        sample_type=kind,
        event_time_ns=event_time_ns,
    )
    return _finish(header, data, encoding, checksum)


class Sender:
    """One source: a socket and its sequence numbers, which count from 0 by 1.

    pattern: "push" waits for sparsed when it is busy; "pub" loses what nobody takes
    high_water: messages kept while sparsed is busy
    """

    def __init__(
        self,
        endpoint: str,
        *,
        pattern: str = "push",
        source_id: int = 0,
        high_water: int = 1000,
        context: Optional[zmq.Context] = None,
        keys: Optional[Keys] = None,
    ) -> None:
        if pattern not in ("push", "pub"):
            raise ValueError(f"pattern = {pattern!r}: must be 'push' or 'pub'")
        self.source_id = source_id
        self.sequence = 0
        self.socket = (context or zmq.Context.instance()).socket(
            zmq.PUSH if pattern == "push" else zmq.PUB
        )
        self.socket.sndhwm = high_water
        try:
            attach(self.socket, endpoint, keys=keys)
        except zmq.ZMQError as e:
            self.close()
            raise ConnectionError(f"{endpoint}: {e}") from e

    def send(self, samples: np.ndarray, **header: object) -> None:
        """Sends one fragment; arguments as in fragment, less source_id and sequence."""
        self._send(fragment(samples, source_id=self.source_id, sequence=self.sequence, **header))

    def send_image(self, pixels: np.ndarray, **header: object) -> None:
        """Sends one image; arguments as in image, less source_id and sequence."""
        self._send(image(pixels, source_id=self.source_id, sequence=self.sequence, **header))

    def send_event(
        self,
        planes: Mapping[int, np.ndarray],
        *,
        event: int,
        wires_per_fragment: Union[int, Iterable[int], None] = None,
        event_time_ns: Optional[int] = None,
        **header: object,
    ) -> int:
        """Sends whole planes, each cut into fragments. Returns how many were sent.

        planes: plane id -> [wire][tick], from wire 0 on
        wires_per_fragment: of every fragment (the last one may be smaller); a list
            of sizes that sum up to the wires; None: a plane is one fragment
        event_time_ns: ns since the epoch; None: now
        the rest as in fragment
        """
        when = time.time_ns() if event_time_ns is None else event_time_ns
        sent = 0
        for plane, samples in planes.items():
            for first, n in _cuts(len(samples), wires_per_fragment):
                self.send(
                    samples[first : first + n],
                    event=event,
                    plane=plane,
                    first_wire=first,
                    event_time_ns=when,
                    **header,
                )
                sent += 1
        return sent

    def _send(self, parts: Parts) -> None:
        self.socket.send_multipart(parts)
        self.sequence += 1

    def close(self, linger: Optional[float] = None) -> None:
        """Closes; what is queued is still delivered, for `linger` seconds (None: until it is)."""
        self.socket.close(-1 if linger is None else round(linger * 1000))

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cuts(wires: int, size: Union[int, Iterable[int], None]) -> List[Tuple[int, int]]:
    """(first wire, wires) of each fragment of a plane."""
    if size is None:
        sizes = [wires]
    elif isinstance(size, int):
        if size < 1:
            raise ValueError(f"wires_per_fragment = {size}: must be 1 or more")
        sizes = [min(size, wires - first) for first in range(0, wires, size)]
    else:
        sizes = list(size)
        if sum(sizes) != wires or min(sizes, default=1) < 1:
            raise ValueError(f"wires_per_fragment = {sizes}: must sum up to {wires}")
    firsts = np.cumsum([0] + sizes[:-1]).tolist()
    return list(zip(firsts, sizes))


def send_event(sender: Sender, planes: Mapping[int, np.ndarray], **arguments: object) -> int:
    """The same as sender.send_event(planes, ...)."""
    return sender.send_event(planes, **arguments)
