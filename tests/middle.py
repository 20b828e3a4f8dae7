"""A line between a client and a server on this machine that can break."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import deque
from dataclasses import dataclass
from typing import Self

from tests.in_thread import BLOCK, InThread, Line, first_of
from tests.sockets import unread

_GAP = 0.001


@dataclass
class _Fault:
    """What happens to one answer: it ends after so many bytes, or is another one."""

    to: bytes
    after: int = 0
    reset: bool = False
    raw: bytes | None = None
    close: bool = False


@dataclass
class _Line(Line):
    """A line and the fault of its next answer, of which so many bytes have `passed`."""

    fault: _Fault | None = None
    passed: int = 0


class Middle(InThread[_Line]):
    """A TCP line to a server on this machine, which can be cut, go silent, and spoil answers.

    A fault of one answer waits for the next request on any connection; several wait in their order. With `to` it
    waits for one that begins so, for example ``b"POST /v1/chat"``.
    """

    def __init__(self, port: int) -> None:
        super().__init__(_Line)
        self._server_port = port
        self._size = 0
        self._waiting: deque[_Fault] = deque()
        self._flowing = asyncio.Event()

    def __enter__(self) -> Self:
        super().__enter__()
        self.mend()
        return self

    @property
    def waiting(self) -> int:
        """How many faults have not met their request yet."""
        return len(self._waiting)

    def cut(self) -> None:
        """Refuse connections, and end those that there are."""
        self._do(self._end())

    def hang(self) -> None:
        """Accept, and answer nothing; also on the connections that there are."""
        self._do(self._hang())

    def mend(self) -> None:
        """Be a line again, without faults that wait."""
        self._do(self._mend())

    def pieces(self, size: int) -> None:
        """Pass answers on in pieces of `size` bytes, a millisecond apart; 0 ends it, as `mend` does."""
        self._size = size

    def reset_after(self, size: int, to: bytes = b"") -> None:
        """Reset the connection on both sides when `size` bytes of the next answer are passed on.

        With 0, when the answer comes: the server has done its work.
        """
        self._do(self._expect(_Fault(to, size, reset=True)))

    def close_after(self, size: int, to: bytes = b"") -> None:
        """The same with a clean end: an answer that is cut short."""
        self._do(self._expect(_Fault(to, size)))

    def replace(self, raw: bytes, to: bytes = b"", close: bool = False) -> None:
        """Answer the next request, an HTTP one, with these bytes; the server never sees it."""
        self._do(self._expect(_Fault(to, raw=raw, close=close)))

    async def _expect(self, fault: _Fault) -> None:
        self._waiting.append(fault)

    async def _hang(self) -> None:
        self._flowing.clear()

    async def _mend(self) -> None:
        self._flowing.set()
        self._waiting.clear()
        self._size = 0
        await self._listen()

    async def _carry(self, line: _Line) -> None:
        await self._loop.sock_connect(line.server, ("127.0.0.1", self._server_port))
        await first_of(self._pass_requests(line), self._pass_answers(line))

    async def _pass_requests(self, line: _Line) -> None:
        while data := await self._loop.sock_recv(line.client, BLOCK):
            if line.passed:
                # The answer that was meant was shorter, and this is another request.
                line.fault, line.passed = None, 0
            if line.fault is None:
                line.fault = self._take(data)
            if line.fault is not None and line.fault.raw is not None:
                await self._read_request(line.client, data)
                await self._flowing.wait()
                await self._send(line.client, line.fault.raw)
                if line.fault.close:
                    return
                line.fault = None
                continue
            await self._flowing.wait()
            await self._loop.sock_sendall(line.server, data)

    def _take(self, data: bytes) -> _Fault | None:
        """The first fault that waits for a request like this."""
        fault = next((fault for fault in self._waiting if data.startswith(fault.to)), None)
        if fault is not None:
            self._waiting.remove(fault)
        return fault

    async def _pass_answers(self, line: _Line) -> None:
        while data := await self._loop.sock_recv(line.server, BLOCK):
            await self._flowing.wait()
            fault = line.fault
            if fault is None:
                await self._send(line.client, data)
                continue
            data = data[: fault.after - line.passed]
            await self._send(line.client, data)
            line.passed += len(data)
            if line.passed >= fault.after:
                line.reset = fault.reset
                # Nothing tells when the client has it all; a reset would take the rest with it.
                while unread(line.client):  # noqa: ASYNC110
                    await asyncio.sleep(_GAP)
                return

    async def _send(self, client: socket.socket, data: bytes) -> None:
        while data:
            size = self._size or len(data)
            await self._loop.sock_sendall(client, data[:size])
            data = data[size:]
            if data or self._size:
                await asyncio.sleep(_GAP)

    async def _read_request(self, client: socket.socket, data: bytes) -> None:
        """Reads the rest of a request that begins with `data`."""
        while not _is_whole(data) and (more := await self._loop.sock_recv(client, BLOCK)):
            data += more


def _is_whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(found) and len(body) >= (int(length[1]) if length else 0)
