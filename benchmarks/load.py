"""Puts load on a contender, for a time, and says how it did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.contenders import Target
from benchmarks.processes import cpu_seconds


@dataclass(frozen=True)
class Throughput:
    """What many callers at once get."""

    per_second: float
    cpu: float
    """Seconds of processor time per request, in every process that works for the contender."""


async def one_by_one[Seen](once: Callable[[], Awaitable[Seen]], seconds: float, at_least: int = 3) -> list[Seen]:
    """What one caller sees, again and again for so many seconds."""
    seen: list[Seen] = []
    deadline = time.perf_counter() + seconds
    while len(seen) < at_least or time.perf_counter() < deadline:
        seen.append(await once())
    return seen


async def at_once(target: Target, once: Callable[[], Awaitable[object]], callers: int, seconds: float) -> Throughput:
    """What a number of callers get in so many seconds, each with the next request as soon as it has its answer."""
    done = 0
    deadline = time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < deadline:
            await once()
            done += 1

    cpu = sum(map(cpu_seconds, target.pids))
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - began
    return Throughput(done / took, (sum(map(cpu_seconds, target.pids)) - cpu) / done)


async def so_many(once: Callable[[], Awaitable[object]], count: int, callers: int) -> None:
    """Make a number of requests, some at once."""
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            await once()

    await asyncio.gather(*(caller() for _ in range(callers)))
