"""The log of received calls, and the delivery of answers, which knows how each call ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send


@dataclass
class Call:
    """One received call.

    `time` is seconds since the epoch. `outcome` is pending, answered, disconnected (the client left) or
    error (a vendor error, or a connection cut on purpose). `chunks` counts the content chunks sent. `query`
    holds the URL's parameters. `tokens` are those of the prompt and of the answer, which count once it is answered.
    """

    path: str
    wire: str
    headers: dict[str, str]
    body: Any
    time: float
    outcome: str = "pending"
    status: int = 0
    chunks: int = 0
    query: dict[str, str] = field(default_factory=dict)
    tokens: tuple[int, int] = (0, 0)


@dataclass
class Log:
    """All calls since the last clear, and how often each limited fault acted."""

    calls: list[Call] = field(default_factory=list)
    acted: dict[tuple[str, int, str], int] = field(default_factory=dict)

    def clear(self) -> None:
        self.calls.clear()
        self.acted.clear()


class Cut(Exception):
    """Raised by the parts of a delivery to cut the connection there."""


@dataclass
class Delivery:
    """An ASGI response that sends `parts` and watches whether the client stays.

    The response starts with the first part, so parts that never come leave the client waiting for the
    headers. `outcome` is what the log says when everything was sent.
    """

    call: Call
    parts: AsyncIterator[bytes]
    content_type: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    outcome: str = "answered"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.call.status = self.status
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self.call.outcome = "disconnected"
        finally:
            for task in (sending, leaving):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
            with suppress(asyncio.CancelledError):
                await sending

    async def _send(self, send: Send) -> None:
        started = False
        try:
            async for part in self.parts:
                if not started:
                    await send({"type": "http.response.start", "status": self.status, "headers": self._head()})
                    started = True
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except Cut:
            # Returning with the body unfinished makes uvicorn close the connection.
            self.call.outcome = "error"
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        self.call.outcome = self.outcome

    def _head(self) -> list[tuple[bytes, bytes]]:
        head = {"content-type": self.content_type, **self.headers}
        if self.length is not None:
            head["content-length"] = str(self.length)
        return [(name.encode(), value.encode()) for name, value in head.items()]


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
