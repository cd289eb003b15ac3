"""Doors that are none of sparsed's: takes connections at N ports of 127.0.0.1, never reads, and
closes each after 5 s, as the daemon's doors do with those that say nothing. What an attack on
these costs the daemon's events, the attackers' own work costs.

    elsewhere.py N      prints the ports, one a line; ends with its standard input"""
import collections
import resource
import selectors
import socket
import sys
import time

SILENCE_S = 5


def accept_all(listener, held):
    while True:
        try:
            held.append((time.monotonic(), listener.accept()[0]))
        except BlockingIOError:
            return


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    selector, held = selectors.DefaultSelector(), collections.deque()
    selector.register(sys.stdin, selectors.EVENT_READ)
    for _ in range(int(sys.argv[1])):
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
        print(listener.getsockname()[1], flush=True)
    while True:
        for key, _ in selector.select(0.05):
            if key.fileobj is sys.stdin:
                return
            accept_all(key.fileobj, held)
        while held and held[0][0] + SILENCE_S < time.monotonic():
            held.popleft()[1].close()


if __name__ == "__main__":
    main()
