"""A stream of chunks that closes the call behind it, however it is left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any


class Stream[Chunk]:
    """The chunks of a running call, and the way to give it up.

    An async generator that nobody has read from does not run its ``finally`` when it is closed; this does.
    ``call`` is LiteLLM's stream, ``convert`` makes our chunks of it, ``explain`` our error of its.
    """

    def __init__(
        self,
        call: Any,
        convert: Callable[[AsyncIterator[Any]], AsyncIterator[Chunk]],
        explain: Callable[[Exception], Exception],
    ) -> None:
        self._call = call
        self._explain = explain
        self._chunks: AsyncIterator[Chunk] | None = convert(aiter(call))

    def __aiter__(self) -> Stream[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        if self._chunks is None:
            raise StopAsyncIteration
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            await self.aclose()
            raise
        except Exception as exc:
            await self.aclose()
            # Without the chain: the host renders every chained frame of litellm on the event loop.
            raise self._explain(exc) from None

    async def aclose(self) -> None:
        """End the call, if it still runs."""
        call, self._call = self._call, None
        chunks, self._chunks = self._chunks, None
        for closing in (getattr(chunks, "aclose", None), getattr(call, "aclose", None)):
            if closing is not None:
                await closing()

    async def __aenter__(self) -> Stream[Chunk]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
