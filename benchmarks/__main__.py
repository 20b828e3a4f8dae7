"""``make bench``: runs the comparison, writes benchmarks/results.json, the README's table and its plot.

``python -m benchmarks --quick`` takes two minutes, writes nothing, and fails where a ratio has become worse than the
committed results have it by more than a quarter, and not because LiteLLM alone has.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tests.processes import ROOT

from benchmarks import contenders, report, run, targets

RESULTS = ROOT / "benchmarks" / "results.json"
_LINES = ("0.2", "0.7")
_WORSE = 1.25
_RELEASES = (
    "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('llama-stack', 'litellm')}))"
)
# In a log it would be 80 columns wide, and a figure two characters.
console = Console(width=max(Console().width, report.WIDTH))


class _Steps:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._task = progress, progress.add_task("", total=total)

    def step(self, what: str) -> None:
        """This begins, and what was before it is done."""
        self._progress.update(self._task, description=what, advance=1)


@click.command()
@click.option("--quick", is_flag=True, help="The chats of 0.2 alone, against the committed results.")
@click.option(
    "--line", "lines", multiple=True, type=click.Choice(_LINES), help="One line alone; the other's results stay."
)
def main(quick: bool, lines: tuple[str, ...]) -> None:
    """Compare the stack on LiteLLM's models with what users would run instead."""
    plan = run.QUICK if quick else run.Plan()
    wanted = lines or (_LINES[:1] if quick else _LINES)
    results = _shown(_run(plan, wanted))
    if quick:
        worse = _worse(results["lines"])
        if worse:
            # Something else may have been busy: what is worse is so twice.
            again = _worse(_shown(_run(plan, wanted))["lines"])
            worse = {what: words for what, words in again.items() if what in worse}
        if worse:
            told = "\n".join(f"  {what}: {words}" for what, words in worse.items())
            console.print(f"[red]Worse than the committed results by more than a quarter:[/red]\n{told}")
            sys.exit(1)
    else:
        if set(wanted) != set(_LINES) and RESULTS.exists():
            before = json.loads(RESULTS.read_text())["lines"]
            results["lines"] = {
                line: found for line in _LINES if (found := results["lines"].get(line, before.get(line)))
            }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        report.write_readme(results)
        report.plot(results, report.PLOT)
        console.print(f"Wrote {RESULTS.relative_to(ROOT)}, the README's table and {report.PLOT.relative_to(ROOT)}")


def _shown(results: dict[str, Any]) -> dict[str, Any]:
    for line, result in results["lines"].items():
        console.print(*report.figures_tables(line, result))
    console.print(report.targets_table(results["lines"]))
    return results


def _run(plan: run.Plan, lines: tuple[str, ...]) -> dict[str, Any]:
    results: dict[str, Any] = {"lines": {}}
    measured = {
        "date": datetime.date.today().isoformat(),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "rounds": plan.repeats,
    }
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as servers:
        progress = servers.enter_context(Progress(*columns, console=Console(stderr=True)))
        steps, folder = _Steps(progress, 1 + len(lines) * run.steps(plan)), Path(name)
        steps.step("starting the upstream and the LiteLLM Proxy")
        vendor = servers.enter_context(contenders.upstream_target(folder))
        proxy = servers.enter_context(contenders.proxy_target(folder, vendor))
        for line in lines:
            (folder / line).mkdir()
            result = run.line_run(contenders.line_named(line), plan, folder / line, vendor, proxy, steps)
            results["lines"][line] = {"releases": _releases(line), **measured, **result}
    return results


def _worse(lines: Mapping[str, Any]) -> dict[str, str]:
    """What is worse than it was by more than a quarter, in words. Only ratios: a slower machine is slower in all.

    But not equally: one took LiteLLM's Router twice the time of another, and a fifth more all that has a proxy. So what
    is as much worse without this package, in the same run, is not named.
    """
    before = json.loads(RESULTS.read_text())["lines"]
    found = {}
    for goal in (goal for goal in targets.GOALS if goal.is_ratio):
        for line, result in lines.items():
            now, then = result["targets"].get(goal.name), before.get(line, {}).get("targets", {}).get(goal.name)
            if now and then and all(by > _WORSE for by in _worse_by(goal, now, then)):
                found[f"{goal.what} ({line})"] = f"{now['median']:.2f} {goal.unit}, was {then['median']:.2f}"
    return found


def _worse_by(goal: targets.Goal, now: Mapping[str, float], then: Mapping[str, float]) -> Iterator[float]:
    """How many times, and how many times more than what is left without this package."""
    yield goal.worse(now["median"], then["median"])
    if "alone" in now and "alone" in then:
        yield goal.worse(now["median"] / now["alone"], then["median"] / then["alone"])


def _releases(line: str) -> dict[str, str]:
    python = ROOT / contenders.VENVS[line] / "bin/python"
    found: dict[str, str] = json.loads(subprocess.check_output([str(python), "-c", _RELEASES], text=True))
    return found


def _cpu() -> str:
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            return " ".join(row.partition(":")[2].split())
    return platform.machine()


if __name__ == "__main__":
    main()
