"""Free TCP ports, for the programs under test."""
import random
import socket


def find_port():
    """A TCP port of 127.0.0.1 that nobody uses now.

    From below the range that connecting sockets are given (32768 on), and begun at a
    place of this process' own: a port of the system's choice was sometimes somebody's
    outgoing connection by the time it was bound."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
