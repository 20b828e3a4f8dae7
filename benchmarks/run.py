"""Runs the contenders of one server line, interleaved."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.processes import ROOT, clean_environment, memory, open_files

from benchmarks import contenders, load, rounds, targets
from benchmarks.contenders import Target
from benchmarks.workloads import Asking
from llama_stack_provider_litellm.cli.lines import Line

OURS = (contenders.EMBEDDED, contenders.PROXIED)
STACKS = (contenders.CANNED, contenders.TODAY, *OURS)
AS_RELEASED = (contenders.TODAY_DEFAULT, contenders.EMBEDDED_DEFAULT)
_MEMORY_CALLERS = 32


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    stacks: Sequence[str] = STACKS + AS_RELEASED
    alone: Sequence[str] = (contenders.UPSTREAM, contenders.ROUTER, contenders.PROXY)
    repeats: int = 3
    times: rounds.Times = rounds.WHOLE
    boots: int = 3
    requests: int = 1_000
    """After which memory and open files are looked at; 0 leaves that out."""
    more_requests: int = 20_000
    """The same of ours."""
    warm_up: float = 0
    """Seconds of load on each before the first round, where none has looked at memory: a server's first are slower."""


QUICK = Plan(
    stacks=(contenders.TODAY, *OURS),
    alone=(contenders.ROUTER, contenders.PROXY),
    repeats=4,
    times=rounds.CHAT,
    boots=1,
    requests=0,
    warm_up=4,
)


class Progress(Protocol):
    """Is told what is being done."""

    def step(self, what: str) -> None:
        """This begins, and what was before it is done."""


def steps(plan: Plan) -> int:
    """How often a run tells its progress."""
    boots = len(plan.stacks) + 2 * (plan.boots - 1)
    return boots + 2 * bool(plan.requests) + plan.repeats * (len(plan.stacks) + len(plan.alone)) + 1


def line_run(line: Line, plan: Plan, folder: Path, vendor: Target, proxy: Target, progress: Progress) -> dict[str, Any]:
    """All figures of a line: contender → figure → median, least, greatest; and each target's ratio."""
    with ExitStack() as servers:
        boots: dict[str, list[float]] = {}
        running = {vendor.name: vendor, proxy.name: proxy}
        for number in range(plan.boots - 1):
            for name in (contenders.CANNED, contenders.EMBEDDED):
                progress.step(f"starting {name}, once more")
                again = folder / f"again-{number}"
                with contenders.stack_target(name, line, again, vendor, proxy) as target:
                    boots.setdefault(name, []).append(target.boot or 0.0)
        for name in plan.stacks:
            progress.step(f"starting {name}")
            target = servers.enter_context(contenders.stack_target(name, line, folder, vendor, proxy))
            running[name] = target
            boots.setdefault(name, []).append(target.boot or 0.0)
        once: dict[str, dict[str, float]] = {
            name: {"boot_s": statistics.median(seconds)} for name, seconds in boots.items()
        }
        if plan.requests:
            # The upstream is its proxy: LiteLLM's takes four minutes for so many requests, and its memory is its own.
            with contenders.stack_target(contenders.PROXIED, line, folder / "memory", vendor, vendor) as proxied:
                asyncio.run(_remember({**running, contenders.PROXIED: proxied}, plan, once, progress))
        seen = asyncio.run(_rounds(line, plan, folder, running, servers, progress))
    progress.step("in one process, without the server")
    once[targets.INSIDE] = _inside(line, folder, vendor)
    return _summed_up(seen, once)


async def _remember(
    running: Mapping[str, Target], plan: Plan, once: dict[str, dict[str, float]], progress: Progress
) -> None:
    """Memory and open files after so many requests, of all contenders side by side."""

    async def ask(target: Target, count: int, later: str) -> None:
        async with Asking(target) as asking:
            await load.so_many(asking.chat, count, _MEMORY_CALLERS)
        found = once.setdefault(target.name, {})
        found[f"memory{later}_mib"], found[f"files{later}"] = memory(target.pids[0]), len(open_files(target.pids[0]))

    progress.step(f"{plan.requests:,} requests to each")
    compared = [target for name, target in running.items() if name not in AS_RELEASED]
    await asyncio.gather(*(ask(target, plan.requests, "") for target in compared))
    progress.step(f"{plan.more_requests:,} requests to ours")
    more = plan.more_requests - plan.requests
    await asyncio.gather(*(ask(running[name], more, "_later") for name in OURS))


async def _rounds(
    line: Line, plan: Plan, folder: Path, running: Mapping[str, Target], servers: ExitStack, progress: Progress
) -> list[dict[str, dict[str, float]]]:
    router = servers.enter_context(_router(line, folder, running[contenders.UPSTREAM])) if _has_router(plan) else None
    servers_asked = [running[name] for name in (*plan.alone, *plan.stacks) if name != contenders.ROUTER]
    for target in servers_asked if plan.warm_up else ():
        async with Asking(target) as asking:
            await load.at_once(target, asking.chat, rounds.CALLERS, plan.warm_up)
    seen: list[dict[str, dict[str, float]]] = []
    for number in range(plan.repeats):
        figures: dict[str, dict[str, float]] = {}
        for name in (*plan.alone, *plan.stacks):
            progress.step(f"round {number + 1} of {plan.repeats}: {name}")
            times = rounds.CHAT if name in AS_RELEASED else plan.times
            if name == contenders.ROUTER:
                assert router is not None
                figures[name] = await asyncio.to_thread(_asked, router, times)
                continue
            async with Asking(running[name]) as asking:
                figures[name] = await rounds.figures(asking, times)
        seen.append(figures)
    return seen


def _has_router(plan: Plan) -> bool:
    return contenders.ROUTER in plan.alone


@contextmanager
def _router(line: Line, folder: Path, vendor: Target) -> Iterator[subprocess.Popen[str]]:
    """The Router's process; the next round's times go in, figures come out."""
    config = folder / "router.yaml"
    config.write_text(contenders.litellm_config(vendor))
    command = [_python(line), "-m", "benchmarks.router", str(config), *map(str, vendor.pids)]
    with (folder / "router.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=_env(folder), cwd=ROOT
        )
    try:
        yield process
    finally:
        process.communicate(timeout=20)


def _asked(router: subprocess.Popen[str], times: rounds.Times) -> dict[str, float]:
    assert router.stdin is not None and router.stdout is not None
    router.stdin.write(json.dumps(asdict(times)) + "\n")
    router.stdin.flush()
    found: dict[str, float] = json.loads(router.stdout.readline())
    return found


def _inside(line: Line, folder: Path, vendor: Target) -> dict[str, float]:
    config = folder / "inside.yaml"
    config.write_text(contenders.litellm_config(vendor))
    command = [_python(line), "-m", "benchmarks.inprocess", str(config), vendor.url.removesuffix("/v1")]
    done = subprocess.run(command, capture_output=True, text=True, env=_env(folder), cwd=ROOT, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr[-4000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _python(line: Line) -> str:
    return str(ROOT / contenders.VENVS[line.name] / "bin/python")


def _env(folder: Path) -> dict[str, str]:
    quiet = {**contenders.QUIET, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return {**clean_environment(folder), **quiet, "PYTHONPATH": str(ROOT)}


def _summed_up(seen: list[dict[str, dict[str, float]]], once: dict[str, dict[str, float]]) -> dict[str, Any]:
    names = dict.fromkeys([*(name for figures in seen for name in figures), *once])
    found: dict[str, Any] = {"contenders": {}, "targets": {}}
    for name in names:
        figures = rounds.middle([figures[name] for figures in seen if name in figures])
        figures |= {figure: [value] for figure, value in once.get(name, {}).items()}
        found["contenders"][name] = {
            figure: [round(value, 4) for value in values] for figure, values in figures.items()
        }
    for goal in targets.GOALS:
        if values := targets.values(goal, seen, once):
            median = statistics.median(values)
            row = {"median": median, "min": min(values), "max": max(values)}
            if alone := targets.values(goal, seen, once, alone=True):
                row["alone"] = statistics.median(alone)
            found["targets"][goal.name] = {key: round(value, 4) for key, value in row.items()}
    return found
