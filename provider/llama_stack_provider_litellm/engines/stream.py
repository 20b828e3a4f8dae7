"""A stream of chunks that closes the call behind it, however it is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from .served import Served

# How many chunks that are there already a closing stream reads past before others have their turn, and how long, in
# seconds, it takes for a read that is not answered at once to reach the connection.
_READS_AT_ONCE = 20
_PATIENCE = 0.01


class Watcher(Protocol):
    """Is told what becomes of a stream."""

    def chunk(self, chunk: Any) -> None:
        """One more chunk goes to the reader."""

    def ended(self, error: Exception | None, *, whole: bool, served: Served | None) -> None:
        """Nothing more comes: that was the ``whole``, an ``error`` ended it, or its reader left. ``served`` is what is
        known, without the last chunk, of who gave it."""


class Stream[Chunk]:
    """The chunks of a running call, and the way to give it up.

    An async generator that nobody has read from does not run its ``finally`` when it is closed; this does.
    ``call`` is what streams, ``convert`` makes our chunks of it, ``explain`` our error of its, ``about`` the
    ``litellm`` object of a usage. ``abandon`` ends a call that has not ended by itself, where its own ``aclose`` does
    not do.
    """

    def __init__(
        self,
        call: Any,
        convert: Callable[[Any], AsyncIterator[Chunk]],
        explain: Callable[[Exception], Exception],
        *,
        about: Callable[[dict[str, Any]], Served] | None = None,
        abandon: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        self._call = call
        self._ended = False
        self._explain = explain
        self._about = about
        self._abandon = abandon
        self._when_closed: Callable[[], None] | None = None
        self._watcher: Watcher | None = None
        self._error: Exception | None = None
        self._chunks: AsyncIterator[Chunk] | None = convert(call)

    def when_closed(self, told: Callable[[], None]) -> None:
        """Call ``told`` once, when the call behind the stream has ended."""
        self._when_closed = told

    def watch(self, watcher: Watcher) -> None:
        """Let ``watcher`` see every chunk, and the end."""
        self._watcher = watcher

    def __aiter__(self) -> Stream[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        if self._chunks is None:
            raise StopAsyncIteration
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._ended = True
            await self.aclose()
            raise
        except Exception as exc:
            self._error = self._explain(exc)
            await self.aclose()
            # Without the chain: the host renders every chained frame of litellm on the event loop.
            raise self._error from None
        if self._watcher is not None:
            self._watcher.chunk(chunk)
        return chunk

    async def aclose(self) -> None:
        """End the call, if it still runs."""
        call, self._call = self._call, None
        chunks, self._chunks = self._chunks, None
        if chunks is None:
            return
        closing = asyncio.ensure_future(_close(call, chunks, None if self._ended else self._abandon))
        if (told := self._when_closed) is not None:
            closing.add_done_callback(lambda _: told())
        _CLOSING.add(closing)
        closing.add_done_callback(_CLOSING.discard)
        if self._watcher is not None:
            served = None if self._ended or self._about is None else self._about({})
            self._watcher.ended(self._error, whole=self._ended, served=served)
        # Shielded: a reader who is cancelled comes here, and the call upstream has to end all the same.
        await asyncio.shield(closing)


# Streams that are closing: asyncio itself holds no task.
_CLOSING: set[asyncio.Future[None]] = set()


async def _close(call: Any, chunks: Any, abandon: Callable[[Any], Awaitable[None]] | None) -> None:
    if hasattr(chunks, "aclose"):
        await chunks.aclose()
    if abandon is not None:
        await abandon(call)
    if hasattr(call, "aclose"):
        await call.aclose()


async def cancelled_read(call: Any) -> None:
    """Read on until a read has to wait, and give that one up.

    LiteLLM's own ``aclose`` leaves the connection open when nobody has read from it, and Anthropic's always;
    a read that is cancelled while it waits does not. What is there already has no bound: on a busy server it is all
    that the vendor sent in the meantime, and a vendor that is not left sends, and charges, the rest.
    """
    while True:
        reading = asyncio.ensure_future(_read_some(call))
        await asyncio.wait([reading], timeout=_PATIENCE)
        if not reading.done():
            reading.cancel()
            await asyncio.wait([reading])
        if reading.cancelled() or reading.exception() is not None:
            return


async def _read_some(call: Any) -> None:
    for _ in range(_READS_AT_ONCE):
        await anext(call)
