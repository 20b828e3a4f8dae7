"""The host's store of chats, in SQLite: written behind the answers, many at a time.

The host has SQLite keep every chat as it comes, each in a transaction of its own and all at once, and under load
nothing moves any more. The queue that it has for other databases is used for SQLite too, with one writer, who takes
what waits there in one transaction.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from itertools import groupby
from typing import Any

from ...patching import replace
from ..installed import CORE, core

# A transaction takes some twenty turns of the event loop, long ones when it is busy: fewer at a time would fall behind.
_MOST = 2_000
_opened: asyncio.Task[None] | None = None
_stores: list[Any] = []
log = logging.getLogger(__name__)


def install() -> None:
    """Teach the store, once per process."""
    store = import_module(f"{CORE}.providers.utils.inference.inference_store").InferenceStore
    replace(store, "initialize", _queued)
    replace(store, "_worker_loop", _many_at_a_time)
    replace(store, "store_chat_completion", _as_rows)


async def opened() -> None:
    """Wait until the database is there.

    The host opens it for the first row, in some hundred turns: too late when there are many callers by then, and who
    writes meanwhile finds no table.
    """
    global _opened
    if _opened is None:
        _opened = asyncio.create_task(_open())
    if not _opened.done():
        await asyncio.shield(_opened)


async def _open() -> None:
    for store in _stores:
        try:
            await store.sql_store.sql_store._ensure_engine()
        except Exception as exc:
            log.warning("The store of chats cannot be opened: %s", exc)


def _queued(original: Any) -> Any:
    async def initialize(self: Any) -> None:
        await original(self)
        if not self.enable_write_queue:
            self.enable_write_queue, self._num_writers = True, 1
        _stores.append(self)

    return initialize


class _Row:
    """What becomes of a chat or a message, in place of it: it is smaller, and many may wait."""

    __slots__ = ("_fields", "id")

    def __init__(self, of: Any) -> None:
        self._fields = of.model_dump()
        self.id = self._fields.get("id", "")

    def model_dump(self) -> dict[str, Any]:
        """As the host asks for it."""
        fields: dict[str, Any] = self._fields
        return fields


def _as_rows(original: Any) -> Any:
    async def store_chat_completion(self: Any, chat_completion: Any, input_messages: Sequence[Any]) -> None:
        await original(self, _Row(chat_completion), [_Row(message) for message in input_messages])

    return store_chat_completion


def _many_at_a_time(original: Any) -> Any:
    async def _worker_loop(self: Any) -> None:
        while True:
            items = [await self._queue.get()]
            while len(items) < _MOST and not self._queue.empty():
                items.append(self._queue.get_nowait())
            try:
                # A row belongs to the user who has asked.
                for _, of_one_user in groupby(items, key=_user):
                    await _keep(self, list(of_one_user))
            finally:
                for _ in items:
                    self._queue.task_done()

    return _worker_loop


async def _keep(store: Any, items: Sequence[Any]) -> None:
    try:
        rows = _Rows()
        collecting = copy.copy(store)
        collecting.sql_store = rows
        for item in items:
            await collecting._write_chat_completion(item.completion, item.messages)
        with _as_asked(items[0]):
            await store.sql_store.insert(table=store.reference.table_name, data=rows.seen)
    except Exception:
        # One of them, which does not keep the others: the id may be there already, and then the host updates its row.
        for item in items:
            with _as_asked(item):
                try:
                    await store._write_chat_completion(item.completion, item.messages)
                except Exception as exc:
                    log.error("The chat %s was not kept: %s", getattr(item.completion, "id", ""), exc)


class _Rows:
    """Stands where the host puts its rows."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def insert(self, table: str, data: Any) -> None:
        self.seen.append(data)


def _user(item: Any) -> Any:
    with _as_asked(item):
        return core("request_headers").get_authenticated_user()


def _as_asked(item: Any) -> AbstractContextManager[None]:
    context: AbstractContextManager[None] = core("task").activate_request_context(item.request_context)
    return context
