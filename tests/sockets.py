"""TCP as tests need it: a port that stays ours, a reset, and whether the other side has what was sent."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from typing import Protocol


class Socket(Protocol):
    """What a socket and asyncio's wrapper of one have in common here."""

    def fileno(self) -> int: ...

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...


def reserve(port: int = 0) -> socket.socket:
    """A socket that keeps a port of this machine for us, and refuses connections until another one listens there.

    Whoever listens there has to set ``SO_REUSEPORT``. With `port` 0 the system gives a free one.
    """
    # Named, so that asyncio sees TCP in what it accepts here and sends small parts at once (TCP_NODELAY).
    place = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind(("127.0.0.1", port))
    return place


def unread(sock: Socket) -> int:
    """How many sent bytes the other side's system does not have yet; a reset would lose them."""
    return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])


def end_with_reset(sock: Socket) -> None:
    """From here on, closing the socket sends a reset in place of a clean end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
