"""Threads for stores that block. They are daemons: one that hangs does not keep the process from ending."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Workers:
    """A few threads that work off what they are given, in order."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._busy: set[int] = set()
        for _ in range(count):
            threading.Thread(target=self._work, name="litellm-cache", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether one of the threads is at work."""
        return bool(self._busy)

    async def run[Result](self, function: Callable[[], Result]) -> Result:
        """What ``function`` returns or raises, with this task's context variables."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: Any, exc: BaseException | None) -> None:
            if future.done():
                return
            if exc is not None:
                future.set_exception(exc)
            else:
                future.set_result(result)

        def work() -> None:
            result, failure = None, None
            try:
                result = context.run(function)
            except Exception as exc:
                failure = exc
            # The loop may have been closed while this waited for a server.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, failure)

        self._waiting.put(work)
        return await future

    def stop(self) -> None:
        """Let the threads end when they have done what they were given."""
        for _ in range(self._count):
            self._waiting.put(None)

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            self._busy.add(threading.get_ident())
            work()
            self._busy.discard(threading.get_ident())
