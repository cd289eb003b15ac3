"""Those who come to a door and mean no good. hostile.py ENDPOINT... with a number of connections:

    hostile.py --connections N --seconds S [--only DEED] KIND:HOST:PORT ...

KIND is the type of socket that a door expects (PUSH, SUB, PULL, REQ) or HTTP. To each door, at the
same time: N connections that say nothing and are opened again when they are closed; garbage; a
right greeting and then a message of 2^40 bytes; a right greeting, a subscription or request, and
never a read; pages asked for and never read. Ends by itself; prints how often each was done."""
import argparse
import collections
import random
import resource
import socket
import struct
import threading
import time

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
CURVE = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
LONG = struct.Struct(">BQ")  # a frame's flags and length, where it is long


def ready(kind):
    body = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    return b"\x04" + bytes([len(body)]) + body


def open_socket(address):
    s = socket.create_connection(address, timeout=5)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return s


def greet(address, kind):
    s = open_socket(address)
    s.sendall(GREETING + ready(kind))
    return s


def silent(kind, address, held):
    held.append(open_socket(address))


def garbage(kind, address, held):
    with open_socket(address) as s:
        dice = random.Random(len(held) + time.monotonic_ns())
        s.sendall(dice.choice((b"", GREETING[:11], GREETING, CURVE, b"\x01\x00", b"GET / HTTP/1.1\r\n"))
                  + dice.randbytes(dice.randrange(1, 4096)))


def huge(kind, address, held):
    """HTTP: a header without end. Else a message of a length that nobody has memory for."""
    if kind == b"HTTP":
        with open_socket(address) as s:
            s.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)
        return
    with greet(address, kind) as s:
        s.sendall(LONG.pack(0x02, 1 << 40) + b"x" * 10_000)
    with open_socket(address) as s:  # a greeting that asks for keys, then a HELLO of that size
        s.sendall(CURVE + LONG.pack(0x06, 1 << 40) + b"\x05HELLO" + b"x" * 10_000)


def deaf(kind, address, held):
    """Asks, and never reads an answer."""
    if kind == b"HTTP":
        s = open_socket(address)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    else:
        s = greet(address, kind)
        s.sendall({b"SUB": b"\x00\x01\x01", b"REQ": b"\x01\x00\x00\x02xx" * 50}.get(kind, b""))
    held.append(s)


# how to do it, how many a second, how many may be held open
DEEDS = {"silent": (silent, 2000, 1.0), "garbage": (garbage, 100, 0), "huge": (huge, 20, 0),
         "deaf": (deaf, 20, 0.05)}


def prune(held):
    """Forgets connections that the other side has closed."""
    kept = collections.deque()
    for s in held:
        s.setblocking(False)
        try:
            if s.recv(1, socket.MSG_PEEK) == b"":
                s.close()
                continue
        except BlockingIOError:
            pass
        except OSError:
            s.close()
            continue
        kept.append(s)
    return kept


def work(deed, kind, address, connections, end, done):
    act, rate, share = DEEDS[deed]
    held, most = collections.deque(), int(connections * share)
    while time.monotonic() < end:
        begin = time.monotonic()
        for _ in range(max(1, rate // 20)):
            if share and len(held) >= most:
                break
            try:
                act(kind, address, held)
                done[deed] += 1
            except OSError:  # refused, reset, timed out: as it should be
                done[deed + " refused"] += 1
                break
        if share and deed == "silent":
            held = prune(held)
        time.sleep(max(0.0, 0.05 - (time.monotonic() - begin)))
    for s in held:
        s.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=100, help="silent ones at each door")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", choices=DEEDS, help="nothing but this")
    parser.add_argument("door", nargs="+", help="KIND:HOST:PORT")
    arguments = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    end = time.monotonic() + arguments.seconds
    done = collections.Counter()
    threads = []
    for door in arguments.door:
        kind, host, port = door.split(":")
        for deed in [arguments.only] if arguments.only else DEEDS:
            threads.append(threading.Thread(target=work, args=(
                deed, kind.encode(), (host, int(port)), arguments.connections, end, done)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(dict(sorted(done.items())), flush=True)


if __name__ == "__main__":
    main()
