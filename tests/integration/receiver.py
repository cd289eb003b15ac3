"""The daemon's end of a source: takes what sparse-replay and sparse-simulate send."""
import ctypes
import threading

import numpy as np
import zmq

from sparsed import readout_pb2 as readout


class Receiver:
    """Takes fragments on a thread of its own until the program has ended."""

    def __init__(self, pattern=zmq.PULL, topic=b""):
        self.context = zmq.Context()
        self.socket = self.context.socket(pattern)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        if pattern == zmq.SUB:
            self.socket.subscribe(topic)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.ended = threading.Event()
        self.messages = []
        self.thread = threading.Thread(target=self.take)
        self.thread.start()

    def take(self):
        while True:
            if self.socket.poll(100):
                self.messages.append(self.socket.recv_multipart())
            elif self.ended.is_set():
                return

    def close(self):
        self.ended.set()
        self.thread.join()
        self.socket.close(0)
        self.context.term()

    def fragments(self):
        """[(header, payload)] of all that came, when the source has ended."""
        self.close()
        out = []
        for topic, header, payload in self.messages:
            assert topic == b"fragment"
            h = readout.FragmentHeader.FromString(header)
            assert h.schema_version == 1 and h.payload_bytes == len(payload)
            out.append((h, payload))
        return out


def decoded(h, payload):
    """Samples [wire][tick] of a fragment."""
    size = h.wires * h.ticks * (2 if h.sample_type == readout.INT16 else 4)
    if h.encoding == readout.EMPTY:
        assert payload == b""
        payload = bytes(size)
    elif h.encoding == readout.ZSTD:
        payload = zstd_frame(payload, size)
    elif h.encoding == readout.LZ4:
        payload = lz4_block(payload)
    assert len(payload) == size
    kind = "<i2" if h.sample_type == readout.INT16 else "<f4"
    return np.frombuffer(payload, kind).reshape(h.wires, h.ticks)


def zstd_frame(data, size):
    """One Zstandard frame, unpacked by libzstd itself."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(size)
    got = library.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    assert got == size
    return out.raw


def lz4_block(data):
    """One LZ4 block, unpacked by the format's description."""
    out, at = bytearray(), 0

    def length(n, at):
        while n >= 15:
            n += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return n, at

    while at < len(data):
        token = data[at]
        n, at = length(token >> 4, at + 1)
        out += data[at:at + n]
        at += n
        if at == len(data):
            break
        back = data[at] | data[at + 1] << 8
        n, at = length(token & 15, at + 2)
        for _ in range(n + 4):
            out.append(out[-back])
    return bytes(out)


def planes(fragments):
    """{(run, subrun, event, plane): {wire: samples}}; a wire sent twice is a fault."""
    out = {}
    for h, payload in fragments:
        wires = out.setdefault((h.run, h.subrun, h.event, h.plane), {})
        for i, samples in enumerate(decoded(h, payload)):
            assert h.first_wire + i not in wires
            wires[h.first_wire + i] = samples
    return out
