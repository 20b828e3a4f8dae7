"""What the benchmark makes of its figures. What it measures is no test's business."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks import __main__ as command
from benchmarks import contenders, report, rounds, run, upstream
from benchmarks.inprocess import Timed, in_turn
from benchmarks.targets import GOALS, INSIDE, values
from click.testing import CliRunner
from rich.console import Console

from llama_stack_provider_litellm.cli.lines import LINES

PER_SECOND = {
    contenders.TODAY: 20.0,
    contenders.ROUTER: 70.0,
    contenders.PROXY: 50.0,
    contenders.EMBEDDED: 100.0,
    contenders.PROXIED: 60.0,
}


def one_round(factor: float = 1.0, router: float = 1.0) -> dict[str, dict[str, float]]:
    factors = {contenders.EMBEDDED: factor, contenders.ROUTER: router}
    return {
        name: {"per_second": value * factors.get(name, 1), "p50_ms": 1000 / value} for name, value in PER_SECOND.items()
    }


def results(factor: float = 1.0, router: float = 1.0) -> dict[str, Any]:
    inside = {INSIDE: {"adapter_ms": 0.2, "engine_ms": 0.3, "chunk_us": 12.0, "proxy_chunk_us": 14.0}}
    summed = run._summed_up([one_round(factor * each, router) for each in (1, 1.1, 0.9)], inside)
    releases = {"llama-stack": "0.2.24", "litellm": "1.106.2"}
    machine = {"cpu": "a CPU", "cores": 2, "python": "3.12.1"}
    measured = {"date": "2026-11-26", "machine": machine, "rounds": 3}
    return {"lines": {"0.2": {"releases": releases, **measured, **summed}}}


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Results of before, for the quick run to compare with."""
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results()))
    monkeypatch.setattr(command, "RESULTS", file)


def test_ratios_are_those_of_a_round_and_the_median_of_all() -> None:
    found = results()["lines"]["0.2"]["targets"]
    assert found["embedded_per_second"] == {"median": 5.0, "min": 4.5, "max": 5.5, "alone": 3.5}
    assert found["embedded_p50"]["median"] == pytest.approx(0.2)
    assert found["adapter"] == {"median": 0.2, "min": 0.2, "max": 0.2}
    assert "boot" not in found, "this run has not measured it"


def test_a_figure_has_its_median_least_and_greatest() -> None:
    assert rounds.middle([{"a": 3.0}, {"a": 1.0, "b": 9.0}, {"a": 2.0}]) == {"a": [2.0, 1.0, 3.0], "b": [9.0, 9.0, 9.0]}


@pytest.mark.parametrize(("factor", "is_worse"), [(1.0, False), (0.81, False), (0.79, True), (3.0, False)])
def test_a_ratio_that_is_worse_by_more_than_a_quarter_is_named(factor: float, is_worse: bool, committed: None) -> None:
    found = command._worse(results(factor)["lines"])
    assert any(what.startswith("requests/s at 32, embedded, against remote::openai") for what in found) is is_worse


def test_on_a_slower_machine_nothing_is_worse(committed: None) -> None:
    slower = results()["lines"]
    for name, row in slower["0.2"]["targets"].items():
        if name in ("adapter", "engine", "chunk", "proxy_chunk"):
            row["median"] *= 4
    assert command._worse(slower) == {}


@pytest.mark.parametrize(("factor", "router", "is_worse"), [(0.6, 0.5, False), (0.6, 0.9, True), (0.6, 2.0, True)])
def test_what_litellm_alone_lost_as_well_is_not_named(
    factor: float, router: float, is_worse: bool, committed: None
) -> None:
    assert bool(command._worse(results(factor, router)["lines"])) is is_worse


def test_where_litellm_alone_became_quicker_nothing_is_worse(committed: None) -> None:
    assert command._worse(results(1.0, 3.0)["lines"]) == {}


def test_the_quick_run_measures_what_its_ratios_are_held_against() -> None:
    figures = {name: row for name, row in one_round().items() if name in (*run.QUICK.alone, *run.QUICK.stacks)}
    compared = [goal for goal in GOALS if values(goal, [figures], {})]
    assert len(compared) == 4
    assert all(values(goal, [figures], {}, alone=True) for goal in compared)


@pytest.mark.parametrize(("factors", "fails"), [((1.0,), False), ((0.5, 1.0), False), ((0.5, 0.5), True)])
def test_what_is_worse_is_so_twice(
    factors: tuple[float, ...], fails: bool, committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(factors)
    monkeypatch.setattr(command, "_run", lambda plan, lines: results(left.pop(0)))
    done = CliRunner().invoke(command.main, ["--quick"])
    assert (done.exit_code, left) == (int(fails), [])
    assert ("Worse than the committed results" in done.output) is fails


def test_the_page_tells_every_target_and_figure() -> None:
    page = report.markdown(results())
    assert "| requests/s at 32, embedded, against remote::openai → proxy: at least 5 × | 5.00 × |" in page
    assert f"| {contenders.EMBEDDED} | 10.0 | 100 |" in page
    assert INSIDE not in [row.split(" | ")[0].strip("| ") for row in page.splitlines()]


def test_the_page_says_what_is_missed() -> None:
    page = report.markdown(results(0.9))
    missed = "requests/s at 32, embedded, against remote::openai → proxy: at least 5 ×"
    assert f"| {missed} | 4.50 ×, missed; LiteLLM alone 3.50 × |" in page


def test_a_boot_cannot_take_less_than_the_hosts_and_litellms_import() -> None:
    boot = next(goal for goal in GOALS if goal.name == "boot")
    once = {contenders.CANNED: {"boot_s": 2.0}, contenders.EMBEDDED: {"boot_s": 3.6}, INSIDE: {"import_litellm_s": 1.5}}
    assert (values(boot, [], once), values(boot, [], once, alone=True)) == ([1.8], [1.75])
    assert values(boot, [], {}, alone=True) == []


def test_another_lines_results_stay(committed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    new = {"lines": {"0.7": results(2.0)["lines"]["0.2"]}}
    monkeypatch.setattr(command, "_run", lambda plan, lines: new)
    shown: list[Any] = []
    monkeypatch.setattr(report, "write_readme", shown.append)
    monkeypatch.setattr(report, "plot", lambda results, file: None)
    monkeypatch.setattr(command, "ROOT", command.RESULTS.parent)
    monkeypatch.setattr(report, "PLOT", command.RESULTS.parent / "plot.png")
    done = CliRunner().invoke(command.main, ["--line", "0.7"])
    assert done.exit_code == 0, done.output
    kept = json.loads(command.RESULTS.read_text())
    assert shown == [kept]
    assert list(kept["lines"]) == ["0.2", "0.7"]
    assert kept["lines"]["0.2"] == results()["lines"]["0.2"]


def test_a_target_is_met_from_its_bound_on() -> None:
    at_least, at_most = GOALS[0], next(goal for goal in GOALS if not goal.is_least)
    assert at_least.met(5.0) and not at_least.met(4.99)
    assert at_most.met(at_most.bound) and not at_most.met(at_most.bound * 1.01)
    assert at_least.worse(4.0, 5.0) == at_most.worse(5.0, 4.0) == 1.25


@pytest.mark.parametrize("line", ["0.2", "0.7"])
@pytest.mark.parametrize("name", run.STACKS)
def test_the_stacks_differ_in_their_provider_alone(line: str, name: str, tmp_path: Any) -> None:
    here = contenders.Target(contenders.UPSTREAM, "http://127.0.0.1:1/v1", "gpt", "embed")
    prefix, provider, _ = contenders._provider(name, tmp_path, here, here)
    config = contenders._run_config(LINES[line], name, prefix, provider)  # type: ignore[index]
    shipped = contenders._run_config(LINES[line], contenders.EMBEDDED, "litellm", None)  # type: ignore[index]
    for each in (config, shipped):
        del each["providers"]["inference"]
        each.pop("models", None)
        each.get("registered_resources", {}).pop("models", None)
    assert config == shipped


def test_the_upstream_answers_as_asked() -> None:
    assert upstream.kind_of({"messages": [{"role": "user"}]}) == "text"
    assert upstream.kind_of({"messages": [{"role": "user"}], "tools": [{}]}) == "call"
    assert upstream.kind_of({"messages": [{"role": "user"}, {"role": "tool"}], "tools": [{}]}) == "text"
    assert len(json.loads(upstream.vectors(3, "base64"))["data"]) == 3
    assert len(json.loads(upstream.vectors(1, "float"))["data"][0]["embedding"]) == upstream.DIMENSION


def test_every_target_has_a_name_of_its_own() -> None:
    assert len({goal.name for goal in GOALS}) == len(GOALS)


def test_in_a_log_every_figure_and_target_can_be_read() -> None:
    found = results(0.9)
    figures = {figure: [12345.6] * 3 for figure in report._COLUMNS}
    found["lines"]["0.2"]["contenders"] = dict.fromkeys([*run.STACKS, *run.AS_RELEASED], figures)
    out = io.StringIO()
    shown = Console(file=out, width=report.WIDTH)
    shown.print(*report.figures_tables("0.2", found["lines"]["0.2"]), report.targets_table(found["lines"]))
    rows = out.getvalue().splitlines()
    for name in [*run.STACKS, *run.AS_RELEASED]:
        told = [row.split()[-1] for row in rows if row.startswith(f"  {name}  ")]
        assert told == ["12346", "12346"], "one row in each table, to its last figure"
    assert "…" not in out.getvalue()
    assert "4.50 × (4.05 – 4.95), missed; LiteLLM alone 3.50 ×" in out.getvalue()


def test_what_a_call_leaves_to_the_next_is_nobodys_time() -> None:
    left, seen = {"": 0.0, "first": 7.0, "second": 2.0}, [""]

    def timed(name: str, takes: float) -> Timed:
        async def once() -> float:
            seen.append(name)
            return takes + left[seen[-2]]

        return once

    assert asyncio.run(in_turn(timed("first", 1.0), timed("second", 1.5), 8)) == pytest.approx(0.5)
