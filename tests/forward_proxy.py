"""A proxy as the environment may name one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tests.in_thread import BLOCK, InThread, Line, first_of

_ANSWER = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class ForwardProxy(InThread[Line]):
    """A proxy for ``HTTP_PROXY``: it takes requests that name a whole URL, knows no CONNECT, and keeps `requests`.

    Those are ``POST http://…``, the oldest first. Every request has a connection of its own.
    """

    def __init__(self) -> None:
        super().__init__(Line)
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """What ``HTTP_PROXY`` is."""
        return f"http://127.0.0.1:{self.port}"

    async def _carry(self, line: Line) -> None:
        head, body = await self._read(line)
        if not head:
            return
        method, target, version = head[: head.index("\r\n")].split(" ")
        self.requests.append(f"{method} {target}")
        url = urlsplit(target)
        if url.scheme != "http" or url.hostname is None:
            await self._loop.sock_sendall(line.client, _ANSWER % b"501 Not Implemented")
            return
        kept = [one for one in head.split("\r\n")[1:-2] if not one.lower().startswith(("connection:", "proxy-"))]
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
        try:
            await self._loop.sock_connect(line.server, (url.hostname, url.port or 80))
        except OSError:
            await self._loop.sock_sendall(line.client, _ANSWER % b"502 Bad Gateway")
            return
        await self._loop.sock_sendall(line.server, lines.encode("latin-1") + body)
        await first_of(self._pass_answer(line), self._until_left(line))

    async def _read(self, line: Line) -> tuple[str, bytes]:
        """A request's head, with the line that ends it, and its body; of one that stops before, an empty head."""
        came, length = b"", -1
        while length < 0 or len(came.partition(b"\r\n\r\n")[2]) < length:
            more = await self._loop.sock_recv(line.client, BLOCK)
            if not more:
                return "", b""
            came += more
            if length < 0 and b"\r\n\r\n" in came:
                found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", came)
                length = int(found[1]) if found else 0
        head, end, body = came.partition(b"\r\n\r\n")
        return (head + end).decode("latin-1"), body

    async def _pass_answer(self, line: Line) -> None:
        while data := await self._loop.sock_recv(line.server, BLOCK):
            await self._loop.sock_sendall(line.client, data)

    async def _until_left(self, line: Line) -> None:
        while await self._loop.sock_recv(line.client, BLOCK):
            pass
