"""What has to come out, as ratios of figures of one run, and what is excused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.contenders import CANNED, EMBEDDED, PROXIED, PROXY, ROUTER, TODAY, UPSTREAM

Figures = Mapping[str, Mapping[str, float]]
"""Contender → figure → value, of one round or at the median."""


@dataclass(frozen=True)
class Goal:
    """A ratio, or a figure, and its bound."""

    name: str
    what: str
    bound: float
    is_least: bool
    of: Callable[[Figures], float]
    unit: str = "×"
    each_round: bool = True
    """Whether every round gives a value: of a figure that is measured once there is one."""
    alone: Callable[[Figures], float] | None = None
    """The same without this package, to hold a miss against."""
    whose: str = "LiteLLM alone"
    """What is left then."""

    @property
    def is_ratio(self) -> bool:
        """Whether it is of no unit, so that it is much the same on another machine."""
        return self.unit == "×"

    def met(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.bound if self.is_least else value <= self.bound

    def worse(self, value: float, than: float) -> float:
        """How many times worse a value is."""
        return than / value if self.is_least else value / than


def _ratio(figure: str, mine: str, other: str) -> Callable[[Figures], float]:
    return lambda found: found[mine][figure] / found[other][figure]


INSIDE = "in process"
GOALS = (
    Goal("embedded_per_second", "requests/s at 32, embedded, against remote::openai → proxy", 5, True,
         _ratio("per_second", EMBEDDED, TODAY), alone=_ratio("per_second", ROUTER, TODAY)),
    Goal("embedded_to_proxy_alone", "requests/s at 32, embedded, against the LiteLLM Proxy alone", 1.6, True,
         _ratio("per_second", EMBEDDED, PROXY), alone=_ratio("per_second", ROUTER, PROXY)),
    Goal("proxied_per_second", "requests/s at 32, proxy mode, against remote::openai → proxy", 2, True,
         _ratio("per_second", PROXIED, TODAY), alone=_ratio("per_second", PROXY, TODAY)),
    Goal("embedded_p50", "p50 at one caller, embedded, against remote::openai → proxy", 0.2, False,
         _ratio("p50_ms", EMBEDDED, TODAY), alone=_ratio("p50_ms", ROUTER, TODAY)),
    Goal("adapter", "adapter on top of the Router, in process, p50", 0.3, False,
         lambda found: found[INSIDE]["adapter_ms"], "ms", False),
    Goal("engine", "proxy engine on top of aiohttp, in process, p50", 0.4, False,
         lambda found: found[INSIDE]["engine_ms"], "ms", False),
    Goal("chunk", "a streamed chunk on top of the Router, in process", 25, False,
         lambda found: found[INSIDE]["chunk_us"], "µs", False),
    Goal("proxy_chunk", "a streamed chunk on top of aiohttp, in process", 25, False,
         lambda found: found[INSIDE]["proxy_chunk_us"], "µs", False),
    Goal("batches", "256 embeddings in one call, against the upstream's batches at once", 1.15, False,
         _ratio("batches_ms", EMBEDDED, UPSTREAM)),
    Goal("rag_insert", "RAG insert of 500 chunks, embedded, against remote::openai → proxy", 3, True,
         _ratio("rag_insert_ms", TODAY, EMBEDDED), alone=_ratio("rag_insert_ms", TODAY, CANNED),
         whose="the host alone"),
    Goal("boot", "boot to the first answer, embedded, against the host with a canned provider", 1.5, False,
         _ratio("boot_s", EMBEDDED, CANNED), each_round=False,
         alone=lambda found: 1 + found[INSIDE]["import_litellm_s"] / found[CANNED]["boot_s"],
         whose="the host and LiteLLM's import"),
    Goal("memory", "memory after 20,000 requests, embedded, against after 1,000", 1.02, False,
         lambda found: found[EMBEDDED]["memory_later_mib"] / found[EMBEDDED]["memory_mib"], each_round=False),
    Goal("proxied_memory", "memory after 20,000 requests, proxy mode, against after 1,000", 1.02, False,
         lambda found: found[PROXIED]["memory_later_mib"] / found[PROXIED]["memory_mib"], each_round=False),
)  # fmt: skip


def values(goal: Goal, rounds: Sequence[Figures], once: Figures, *, alone: bool = False) -> list[float]:
    """The ratio in each round, or the one of what is measured once; none where this run has not measured it. Or that of
    what is left without this package."""
    of = goal.alone if alone else goal.of
    if of is None:
        return []
    found: list[float] = []
    for figures in rounds if goal.each_round else [once]:
        with suppress(KeyError):
            found.append(of(figures))
    return found
