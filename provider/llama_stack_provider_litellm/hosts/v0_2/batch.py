"""Several requests of one batch call at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ...errors import RequestError

# How many of one batch are under way at once.
_CONCURRENCY = 16


async def side_by_side(work: Callable[[Any], Awaitable[Any]], items: list[Any]) -> list[Any]:
    """The results, in the items' order. When one fails the others are given up, and its error is raised."""
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(item: Any) -> Any:
        async with gate:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except* RequestError as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
