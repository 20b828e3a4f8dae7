"""One round of the benchmark: every figure of one contender."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from benchmarks import load
from benchmarks.contenders import Target

CALLERS = 32
# A call of a quarter of a second: in the time that the others get there would be three.
_LONG = 10


class Asking(Protocol):
    """Asks a contender for what each of them can do."""

    target: Target

    async def chat(self) -> float: ...
    async def stream(self) -> tuple[float, float]: ...
    async def embeddings(self) -> float: ...


@dataclass(frozen=True)
class Times:
    """How long each part of a round takes, in seconds; 0 leaves it out."""

    chat: float = 1.2
    callers: float = 2.2
    stream: float = 0.7
    embeddings: float = 0.7
    agent: float = 0.7
    rag: int = 1
    """Documents inserted."""


WHOLE = Times()
CHAT = Times(stream=0, embeddings=0, agent=0, rag=0)


async def figures(asking: Asking, times: Times) -> dict[str, float]:
    """What one contender does in one round."""
    found: dict[str, float] = {}
    await load.one_by_one(asking.chat, 0.2)
    latencies = sorted(await load.one_by_one(asking.chat, times.chat))
    found["p50_ms"] = statistics.median(latencies) * 1e3
    found["p95_ms"] = latencies[int(len(latencies) * 0.95)] * 1e3
    busy = await load.at_once(asking.target, asking.chat, CALLERS, times.callers)
    found["per_second"], found["cpu_ms"] = busy.per_second, busy.cpu * 1e3
    if times.stream:
        await asking.stream()
        streams = await load.one_by_one(asking.stream, times.stream)
        found["first_chunk_ms"] = statistics.median(first for first, _ in streams) * 1e3
        found["chunk_us"] = statistics.median(chunk for _, chunk in streams) * 1e6
    if times.embeddings:
        for name in ("embeddings", "batches"):
            if once := _of(asking, name):
                await once()
                took = await load.one_by_one(once, times.embeddings, at_least=_LONG if name == "batches" else 3)
                found[f"{name}_ms"] = statistics.median(took) * 1e3
    if times.agent and (turn := _of(asking, "agent_turn")):
        found["agent_turn_ms"] = statistics.median(await load.one_by_one(turn, times.agent)) * 1e3
    if times.rag and (rag := getattr(asking, "rag", None)) and asking.target.is_stack:
        pairs = await load.one_by_one(rag, 0, at_least=times.rag)
        found["rag_insert_ms"] = statistics.median(insert for insert, _ in pairs) * 1e3
        found["rag_query_ms"] = statistics.median(query for _, query in pairs) * 1e3
    return found


def _of(asking: Asking, name: str) -> Callable[[], Awaitable[float]] | None:
    """What a contender is asked, where it has it."""
    if name == "agent_turn" and not asking.target.is_stack:
        return None
    if name == "batches" and asking.target.batches is None:
        return None
    once: Callable[[], Awaitable[float]] | None = getattr(asking, name, None)
    return once


def middle(rounds: list[Mapping[str, float]]) -> dict[str, list[float]]:
    """Figure → its median, least and greatest over all rounds."""
    names = dict.fromkeys(name for one in rounds for name in one)
    values = {name: [one[name] for one in rounds if name in one] for name in names}
    return {name: [statistics.median(seen), min(seen), max(seen)] for name, seen in values.items()}
