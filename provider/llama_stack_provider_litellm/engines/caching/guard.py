"""A cache store that never keeps a request waiting, and never fails one.

A lookup gets a short time, shorter from a store that has been quick; when that is over the request goes on
without the cache, and so do all others, until the late answer is there. When a store fails, or does not
answer at all, it is left alone for some seconds and then tried again, beside the requests. One line in the
log says that it is gone, one that it is back.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from litellm.caching.base_cache import BaseCache

logger = logging.getLogger(__name__)

# A store that has been quick keeps a request waiting for as long as three of its slowest last lookups took; no store
# is expected to be quicker than the first of these.
_LEAST_PATIENCE = 0.05
_REMEMBERED = 20
_OPERATION_SECONDS = 2.0
_OPEN_SECONDS = 10.0
_RETRY_SECONDS = 5.0

# What went wrong during the operation of this context. Most of LiteLLM's stores log a failure and say "no entry".
_failures: contextvars.ContextVar[list[BaseException] | None] = contextvars.ContextVar("cache_failures", default=None)


class Store(Protocol):
    """What stands behind a guard. Methods raise, or call :func:`note`, when the store does not work."""

    patience: float
    """How long a request may wait for a lookup, in seconds, before it is known how quick the store is."""
    address: str
    """Where the store is, for the log."""
    needs_messages: bool
    """Whether it can look up chats only."""

    async def open(self) -> None:
        """Connect, from the running event loop, and make sure that the store answers."""

    async def get(self, key: str, request: dict[str, Any]) -> Any:
        """The entry of a key; None for none."""

    async def set(self, entries: Sequence[tuple[str, Any]], ttl: float | None, request: dict[str, Any]) -> None:
        """Keep entries, for ``ttl`` seconds, or as long as the store likes."""

    async def close(self) -> None:
        """Close what ``open`` opened, also half of it."""


def note(exc: BaseException) -> None:
    """Tell the guard of a failure that will not reach it."""
    if (failures := _failures.get()) is not None:
        failures.append(exc)


def in_operation() -> bool:
    """Whether this code runs for a guard, which will say itself what has to be said."""
    return _failures.get() is not None


class Guard(BaseCache):
    """LiteLLM's view of a store."""

    def __init__(self, store: Store, kind: str, *, patience: float, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._store = store
        self._name = f"{kind} at {store.address}" if store.address else kind
        self._patience = patience
        self._limit = max(_OPERATION_SECONDS, patience)
        self._redact = redact
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._reset(None)
        self._told = False
        self._told_slow = False

    def _reset(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        self._up = False
        self._retry_at = 0.0
        self._late: set[asyncio.Future[Any]] = set()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._opening: asyncio.Future[Any] | None = None

    # What LiteLLM calls

    async def async_get_cache(self, key: str, **kwargs: Any) -> Any:
        """The entry, if the store has one and is quick enough."""
        if (self._store.needs_messages and not kwargs.get("messages")) or not self._usable():
            return None
        looking = self._begin(self._timed(self._store.get(key, kwargs)))
        done, _ = await asyncio.wait({looking}, timeout=self._waits())
        if done:
            return looking.result()
        self._late.add(looking)
        looking.add_done_callback(self._came_late)
        return None

    def _waits(self) -> float:
        """How long a request waits for a lookup, in seconds: a store that has been quick is given little."""
        if not self._took:
            return self._patience
        return min(self._patience, max(_LEAST_PATIENCE, 3 * max(self._took)))

    async def _timed(self, operation: Coroutine[Any, Any, Any]) -> Any:
        began = time.monotonic()
        result = await self._watched(operation)
        if self._up:
            self._took.append(time.monotonic() - began)
        return result

    async def async_set_cache(self, key: str, value: Any, **kwargs: Any) -> None:
        """Keep an entry. LiteLLM calls it beside the request."""
        await self.async_set_cache_pipeline([(key, value)], **kwargs)

    async def async_set_cache_pipeline(self, cache_list: Sequence[tuple[str, Any]], **kwargs: Any) -> None:
        """Keep several entries."""
        ttl = kwargs.get("ttl")
        if (self._store.needs_messages and not kwargs.get("messages")) or (ttl is not None and ttl <= 0):
            return
        if self._usable():
            # A task of its own: it ends within seconds, and closing waits for it.
            await asyncio.shield(self._begin(self._watched(self._store.set(cache_list, ttl, kwargs))))

    async def batch_cache_write(self, key: str, value: Any, **kwargs: Any) -> None:
        """LiteLLM's way of writing with ``redis_flush_size``; nothing is gained by waiting for more."""
        await self.async_set_cache(key, value, **kwargs)

    def get_cache(self, key: str, **kwargs: Any) -> Any:
        """Nothing: only asynchronous calls are cached."""
        return None

    def set_cache(self, key: str, value: Any, **kwargs: Any) -> None:
        """Nothing, as above."""

    # Life

    def warm(self) -> None:
        """Begin to connect."""
        self._usable()

    async def disconnect(self) -> None:
        """Close the connections; the next use opens new ones."""
        if self._loop is not asyncio.get_running_loop():
            return
        tasks = list(self._tasks)
        if self._opening is not None:
            self._opening.cancel()
        if tasks:
            # Writes of answers that were given just now; each ends in time by itself.
            await asyncio.wait(tasks)
        self._reset(None)
        try:
            async with asyncio.timeout(_OPERATION_SECONDS):
                await self._store.close()
        except Exception as exc:
            logger.debug("Closing the cache (%s): %s", self._name, self._redact(str(exc)))

    # Health

    def _usable(self) -> bool:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # Connections belong to the loop that made them.
            self._reset(loop)
        if self._up:
            return not self._late
        if self._opening is None and time.monotonic() >= self._retry_at:
            self._opening = self._begin(self._open())
        return False

    async def _open(self) -> None:
        try:
            await self._watched(self._connected(), seconds=_OPEN_SECONDS)
        finally:
            self._opening = None

    async def _connected(self) -> None:
        await self._store.open()
        if not _failures.get():
            self._up = True
            if self._told:
                self._told = False
                logger.warning("The cache (%s) answers again.", self._name)

    async def _watched(self, operation: Coroutine[Any, Any, Any], *, seconds: float | None = None) -> Any:
        seconds = seconds or self._limit
        failures: list[BaseException] = []
        token = _failures.set(failures)
        result = None
        try:
            async with asyncio.timeout(seconds):
                result = await operation
        except TimeoutError as exc:
            failures.insert(0, exc if str(exc) else TimeoutError(f"no answer within {seconds:g} s"))
        except Exception as exc:
            failures.append(exc)
        finally:
            _failures.reset(token)
        if failures:
            self._failed(failures[0])
            return None
        return result

    def _came_late(self, looking: asyncio.Future[Any]) -> None:
        self._late.discard(looking)
        if self._up and not self._told_slow:
            self._told_slow = True
            logger.warning("The cache (%s) took longer than usual, and a request went on without it.", self._name)

    def _failed(self, exc: BaseException) -> None:
        self._up = False
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        if not self._told:
            self._told = True
            said = self._redact(str(exc) or type(exc).__name__).rstrip(".")
            logger.warning(
                "The cache (%s) does not work: %s. Requests go on without it; it is tried again every %g s.",
                self._name,
                said,
                _RETRY_SECONDS,
            )

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class Watched:
    """An object whose methods tell the guard of their failures; ``absent`` says which mean "no entry"."""

    def __init__(self, target: Any, absent: Callable[[BaseException], bool]) -> None:
        self._target = target
        self._absent = absent

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return self._call(found) if callable(found) else found

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                result = method(*args, **kwargs)
            except Exception as exc:
                self._note(exc)
                raise
            return self._awaited(result) if inspect.isawaitable(result) else self._checked(result)

        return call

    async def _awaited(self, result: Awaitable[Any]) -> Any:
        try:
            return self._checked(await result)
        except Exception as exc:
            self._note(exc)
            raise

    def _note(self, exc: BaseException) -> None:
        if not self._absent(exc):
            note(exc)

    def _checked(self, result: Any) -> Any:
        status = getattr(result, "status_code", 200)
        if isinstance(status, int) and status >= 400 and status != 404:
            note(RuntimeError(f"HTTP status {status}"))
        return result
