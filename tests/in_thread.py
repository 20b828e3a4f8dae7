"""Servers inside a test's own process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from tests.sockets import end_with_reset, reserve

BLOCK = 65536


@dataclass
class Line:
    """A client's connection and the one that goes on to a server. With `reset` both end so."""

    client: socket.socket
    server: socket.socket
    reset: bool = False


class InThread[L: Line]:
    """Something between clients and servers, on a port that is its own, in a thread with an event loop.

    What it does happens there alone, one thing after the other, so that nothing has to be locked.
    """

    def __init__(self, line: type[L]) -> None:
        self.port = 0
        self.made = 0
        self._line = line
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._place = reserve()
        self.port = self._place.getsockname()[1]
        begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(begun)), daemon=True)
        self._thread.start()
        begun.wait()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._place.close()

    @property
    def open(self) -> int:
        """How many connections of clients there are; `made` counts them all."""
        return len(self._tasks)

    async def _carry(self, line: L) -> None:
        """What happens to a connection; when it returns, the line ends."""
        raise NotImplementedError

    async def _live(self, begun: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        begun.set()
        await self._over.wait()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _listen(self) -> None:
        """Accept connections."""
        if self._listener is None:
            self._listener = reserve(self.port)
            self._listener.setblocking(False)
            self._listener.listen(512)
            self._loop.add_reader(self._listener, self._accept, self._listener)

    async def _end(self) -> None:
        """Refuse connections, and end those that there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._loop.remove_reader(listener)
            listener.close()
        gone = list(self._tasks)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        # Not `sock_accept`: when that is cancelled, a connection that it has just taken is lost, and stays open.
        with suppress(BlockingIOError):
            client, _ = listener.accept()
            self.made += 1
            line = self._line(client, socket.socket())
            for side in (line.client, line.server):
                side.setblocking(False)
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.create_task(self._run(line))
            self._tasks.add(task)
            # Here, since a task can be cancelled before it begins and while it ends.
            task.add_done_callback(partial(self._close, line))

    async def _run(self, line: L) -> None:
        # When there is no server, or one of the two leaves, the other one sees the end of its connection.
        with suppress(OSError):
            await self._carry(line)

    def _close(self, line: L, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        for side in (line.client, line.server):
            if line.reset:
                end_with_reset(side)
            else:
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            side.close()


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Waits until one of them ends, and ends the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
