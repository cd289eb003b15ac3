"""The keys of a client, where the daemon asks for one (ZeroMQ's CURVE).

Files are those of sparse-keys, which czmq and pyzmq call certificates.
"""

import dataclasses
import os
from typing import Union

import zmq
import zmq.auth

Path = Union[str, "os.PathLike[str]"]


@dataclasses.dataclass(frozen=True)
class Keys:
    """own: our .key_secret file; server: the daemon's public .key file."""

    own: Path
    server: Path

    def apply(self, socket: zmq.Socket) -> None:
        """Before the socket binds or connects; it is the CURVE client in both cases."""
        public, secret = zmq.auth.load_certificate(os.fspath(self.own))
        if secret is None:
            raise ValueError(f"{self.own}: has no secret-key: give the .key_secret file")
        socket.curve_serverkey = zmq.auth.load_certificate(os.fspath(self.server))[0]
        socket.curve_publickey = public
        socket.curve_secretkey = secret
