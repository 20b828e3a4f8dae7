"""The chunks of a streamed answer of a LiteLLM Proxy."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp

from ...errors import ProxyFailed, ProxyGone, RequestError
from .connection import Connection
from .events import Decoder, EventTooLong

_END = b"[DONE]"
# How long, in seconds, the end of the HTTP answer may come after the last event, for the connection to be used again.
_PATIENCE = 0.05


class Chunks:
    """Each event's data, parsed. Ends after ``[DONE]``, or after the event of the type ``end``; whatever else ends it
    is an error."""

    def __init__(
        self,
        connection: Connection,
        response: aiohttp.ClientResponse,
        refusal: Callable[[Mapping[str, Any]], RequestError],
        *,
        end: str | None = None,
    ) -> None:
        self._connection = connection
        self._response = response
        self._refusal = refusal
        self._decoder = Decoder()
        self._events: deque[bytes] = deque()
        self._begun = False
        self._end = end
        self._ended = False

    async def begin(self) -> None:
        """Wait for the first event. Raises ProxyGone when none comes: then nobody has seen anything of the answer."""
        self._events.appendleft(await self._next())

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> dict[str, Any]:
        event = _END if self._ended else await self._next()
        if event == _END:
            await self._finish()
            raise StopAsyncIteration
        try:
            data = json.loads(event)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise ProxyFailed(f"The LiteLLM Proxy sent an event that is no JSON object. {ProxyFailed.mend}")
        if error := data.get("error"):
            raise self._refusal(error if isinstance(error, Mapping) else {"message": str(error)})
        self._ended = self._end is not None and data.get("type") == self._end
        return data

    async def _next(self) -> bytes:
        """The data of the next event."""
        while not self._events:
            await self._receive()
        return self._events.popleft()

    async def _receive(self) -> None:
        """Read until at least a piece has come. Raises for a stream that ends before its end."""
        piece = await self._connection.piece(self._response, begun=self._begun)
        if not piece and self._response.content.at_eof():
            kind = ProxyFailed if self._begun else ProxyGone
            missing = self._end or _END.decode()
            raise kind(f"The LiteLLM Proxy ended the stream before it was complete (no {missing}). {kind.mend}")
        self._begun = True
        try:
            self._events.extend(self._decoder.feed(piece))
        except EventTooLong:
            raise ProxyFailed(f"The LiteLLM Proxy sent an event without an end. {ProxyFailed.mend}") from None

    async def _finish(self) -> None:
        """Read the end of the HTTP answer, so that the connection can serve another request."""
        with suppress(TimeoutError, RequestError):
            async with asyncio.timeout(_PATIENCE):
                while await self._connection.piece(self._response, begun=True):
                    pass

    async def aclose(self) -> None:
        """Give the connection back; one whose answer has not ended is closed, which ends the call upstream."""
        self._response.release()
