"""The server: connections, and the faults that are theirs.

``python -m tests.imitation.server --port 0`` prints the port it got as its first line and ends when its standard
input closes, so that it never outlives the test run that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
import traceback

from tests.sockets import end_with_reset, reserve, unread

from . import faults, wire
from .directives import Directives
from .routes import Request, State

_GAP = 0.001


class Connection(asyncio.Protocol):
    """A connection; its requests are answered one after the other."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._buffer = bytearray()
        self._needed = 0
        self._number = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.open.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        try:
            while self._task is None and (request := self._take()) is not None:
                self._answer(request)
        except Exception:
            # A request in an unforeseen form or a defect here: the trace belongs in the test's output.
            traceback.print_exc()
            self._transport.abort()

    def _take(self) -> Request | None:
        """The next request, once it is whole."""
        if len(self._buffer) < self._needed or (end := self._buffer.find(b"\r\n\r\n")) < 0:
            return None
        head = bytes(self._buffer[: end + 2])
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        length = 0 if at < 0 else int(lower[at + 17 : lower.find(b"\r\n", at + 17)])
        self._needed = end + 4 + length
        if len(self._buffer) < self._needed:
            return None
        body = bytes(self._buffer[end + 4 : self._needed])
        del self._buffer[: self._needed]
        self._needed = 0
        return Request(head, body, self._number)

    def _answer(self, request: Request) -> None:
        if not request.of_test and self not in self._state.open:
            # Only now: the connections that ask what there was are none that a test counts.
            self._state.open.add(self)
            self._state.made += 1
            self._state.most = max(self._state.most, len(self._state.open))
            self._number = request.number = self._state.made
        reply, said = self._state.reply(request)
        if request.closes:
            reply = reply._replace(head=reply.head + b"Connection: close\r\n")
        if said:
            self._task = asyncio.get_running_loop().create_task(self._misbehave(request, reply, said))
            return
        for part in faults.whole(reply):
            self._transport.write(part)
        request.outcome = "answered"
        if request.closes:
            self._transport.close()

    async def _misbehave(self, request: Request, reply: wire.Reply, said: Directives) -> None:
        try:
            request.outcome = await self._send(reply, said)
        except asyncio.CancelledError:
            request.outcome = "left"
            raise
        except Exception:
            traceback.print_exc()
            self._transport.abort()
        if request.closes or said.keys() & {"short", "leave", "crash"}:
            self._transport.close()
        self._task = None
        asyncio.get_running_loop().call_soon(self._go_on)

    async def _send(self, reply: wire.Reply, said: Directives) -> str:
        """Sends an answer with its faults; what became of it."""
        size = int(said.get("pieces", 0))
        where, _, number = said.get("cut", "").rpartition(" ")
        left = int(number) if number and not where else None
        async for part in faults.parts(reply, said):
            for piece in [part[at : at + size] for at in range(0, len(part), size)] if size else [part]:
                if size:
                    await asyncio.sleep(_GAP)
                self._transport.write(piece if left is None else piece[:left])
                if left is not None and (left := left - len(piece)) <= 0:
                    await self._reset()
                    return "cut"
                await self._writable.wait()
            if left is None and where:
                # The head was the first part.
                left = int(number)
        return "answered"

    async def _reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        # Nothing tells when the other side has it all.
        while self._transport.get_write_buffer_size() or unread(sock):  # noqa: ASYNC110
            await asyncio.sleep(_GAP)
        end_with_reset(sock)
        self._transport.abort()


async def _serve(port: int, tls: ssl.SSLContext | None) -> None:
    state = State()
    loop = asyncio.get_running_loop()
    # Whoever started us ends us so; nothing here is worth an orderly end.
    loop.add_reader(sys.stdin.fileno(), os._exit, 0)
    server = await loop.create_server(lambda: Connection(state), sock=reserve(port), backlog=512, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve on the asked-for port (0 for a free one) until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    asyncio.run(_serve(options.port, tls))


if __name__ == "__main__":
    main()
