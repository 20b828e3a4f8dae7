"""A proxy as the environment may name one."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

from tests.in_thread import InThread

_BLOCK = 65536


class ForwardProxy(InThread):
    """A proxy for ``HTTP_PROXY``: it takes requests that name a whole URL, knows no CONNECT, and keeps `requests`.

    Those are ``POST http://…``, the oldest first. Every request has a connection of its own.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self._running: set[asyncio.Task[Any]] = set()

    async def _begin(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _end(self) -> None:
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._forward(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            # One of the two left.
            pass
        except asyncio.CancelledError:
            # Nobody may be reading what is still to be sent.
            writer.transport.abort()
            raise
        finally:
            self._running.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, version = head[: head.index("\r\n")].split(" ")
        self.requests.append(f"{method} {target}")
        url = urlsplit(target)
        if url.scheme != "http" or url.hostname is None:
            writer.write(b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            return
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        kept = [line for line in head.split("\r\n")[1:-2] if not line.lower().startswith(("connection:", "proxy-"))]
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
        try:
            server, out = await asyncio.open_connection(url.hostname, url.port or 80)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            return
        try:
            out.write(lines.encode("latin-1") + body)
            while data := await server.read(_BLOCK):
                writer.write(data)
                await writer.drain()
        finally:
            out.close()
