"""The results as people read them: tables on the terminal and in the README, and a plot."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from rich import box
from rich.table import Table
from tests import browser
from tests.processes import ROOT

from benchmarks import contenders, targets

README = ROOT / "README.md"
PLOT = ROOT / "docs" / "benchmark.png"
_PLACE = re.compile(r"(<!-- benchmark -->\n).*?(\n<!-- /benchmark -->)", re.S)
_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "p50_ms": ("p50, ms", "{:.1f}".format),
    "p95_ms": ("p95, ms", "{:.1f}".format),
    "per_second": ("requests/s at 32", "{:.0f}".format),
    "cpu_ms": ("CPU, ms/request", "{:.1f}".format),
    "first_chunk_ms": ("first chunk, ms", "{:.1f}".format),
    "chunk_us": ("µs/chunk", "{:.0f}".format),
    "embeddings_ms": ("256 embeddings, ms", "{:.0f}".format),
    "agent_turn_ms": ("agent turn, ms", "{:.0f}".format),
    "rag_insert_ms": ("RAG insert, ms", "{:.0f}".format),
    "rag_query_ms": ("RAG query, ms", "{:.0f}".format),
    "boot_s": ("boot, s", "{:.1f}".format),
    "memory_mib": ("MiB after 1,000", "{:.0f}".format),
    "memory_later_mib": ("after 20,000", "{:.0f}".format),
    "files": ("files after 1,000", "{:.0f}".format),
    "files_later": ("after 20,000", "{:.0f}".format),
}
_OF_CALLS = tuple(_COLUMNS)[: tuple(_COLUMNS).index("agent_turn_ms")]
WIDTH = 140
"""Columns that the tables need."""
_SIZE = (1100, 430)
# Of what is compared grey, of ours the colours of Okabe and Ito, which colour-blind eyes tell apart.
_COLOURS = {contenders.EMBEDDED: "#0072B2", contenders.PROXIED: "#E69F00"}
_GREY = "#9a9a9a"


def figures_tables(line: str, result: Mapping[str, Any]) -> list[Table]:
    """Every figure of every contender, at the median; in two, since a terminal is not as wide as all of them."""
    rows, title = _rows(result), contenders.line_named(line).release
    present = _present(rows)
    of_calls = [figure for figure in present if figure in _OF_CALLS]
    return [_table(title, rows, part) for part in (of_calls, [f for f in present if f not in _OF_CALLS]) if part]


def _table(title: str, rows: Mapping[str, Any], figures: list[str]) -> Table:
    shown = Table(title=title, box=box.SIMPLE_HEAD)
    shown.add_column("", no_wrap=True)
    for figure in figures:
        header = _COLUMNS[figure][0]
        shown.add_column(header, justify="right", min_width=max(map(len, header.split())))
    for name, found in rows.items():
        if any(figure in found for figure in figures):
            shown.add_row(name, *(_cell(found, figure) for figure in figures))
    return shown


def targets_table(lines: Mapping[str, Any]) -> Table:
    """Every target, with what came of it: the median, in brackets the least and the greatest, and of what is missed
    what is left of it without this package."""
    shown = Table("target", "bound", *lines, box=box.SIMPLE_HEAD)
    for goal in targets.GOALS:
        cells = [result["targets"].get(goal.name) for result in lines.values()]
        if any(cells):
            bound = f"{'≥' if goal.is_least else '≤'} {goal.bound:g} {goal.unit}"
            shown.add_row(goal.what, bound, *(_coloured(goal, cell) if cell else "" for cell in cells))
    return shown


def _coloured(goal: targets.Goal, row: Mapping[str, float]) -> str:
    span = f" ({row['min']:.2f} – {row['max']:.2f})" if row["min"] < row["max"] else ""
    mark = "green" if goal.met(row["median"]) else "red"
    return f"[{mark}]{_median(goal, row)}[/{mark}]{span}{_missed(goal, row)}"


def markdown(results: Mapping[str, Any]) -> str:
    """What stands in the README."""
    parts = []
    for result in results["lines"].values():
        rows = _rows(result)
        shown = [figure for figure in _present(rows) if figure not in ("p95_ms", "files", "files_later")]
        releases = ", ".join(f"{name} {version}" for name, version in result["releases"].items())
        parts += [f"**{releases}**", ""]
        parts += ["| | " + " | ".join(_COLUMNS[figure][0] for figure in shown) + " |", "|---" * (len(shown) + 1) + "|"]
        parts += [
            f"| {name} | " + " | ".join(_cell(figures, figure) for figure in shown) + " |"
            for name, figures in rows.items()
        ]
        machine = result["machine"]
        parts += ["", f"Medians of {result['rounds']} rounds on {machine['cores']} shared cores ({machine['cpu']}), "]
        parts[-1] += f"Python {machine['python']}, {result['date']}."
        parts += [""]
    parts += ["| target | " + " | ".join(results["lines"]) + " |", "|---" * (len(results["lines"]) + 1) + "|"]
    for goal in targets.GOALS:
        cells = [result["targets"].get(goal.name) for result in results["lines"].values()]
        bound = f"{'at least' if goal.is_least else 'at most'} {goal.bound:g} {goal.unit}"
        told = [_median(goal, cell) + _missed(goal, cell) if cell else "" for cell in cells]
        parts.append(f"| {goal.what}: {bound} | " + " | ".join(told) + " |")
    return "\n".join(parts)


def _median(goal: targets.Goal, row: Mapping[str, float]) -> str:
    # What is nothing may be a little less, and would be -0.00.
    return f"{round(row['median'], 2) + 0:.2f} {goal.unit}"


def _missed(goal: targets.Goal, row: Mapping[str, float]) -> str:
    if goal.met(row["median"]):
        return ""
    return ", missed" + (f"; {goal.whose} {row['alone']:.2f} {goal.unit}" if "alone" in row else "")


def write_readme(results: Mapping[str, Any]) -> None:
    """Put the tables into the README."""
    README.write_text(_PLACE.sub(lambda found: found[1] + markdown(results) + found[2], README.read_text()))


def plot(results: Mapping[str, Any], file: Path) -> None:
    """Requests per second at 32 callers, and the time of one, of each contender on each line."""
    figure = go.Figure()
    names = [contenders.TODAY, contenders.PROXY, contenders.PROXIED, contenders.EMBEDDED, contenders.CANNED]
    for name in names:
        found = {line: result["contenders"].get(name) for line, result in results["lines"].items()}
        figure.add_bar(
            x=[f"Llama Stack {line}" for line in found],
            y=[figures["per_second"][0] for figures in found.values()],
            error_y={
                "symmetric": False,
                "array": [figures["per_second"][2] - figures["per_second"][0] for figures in found.values()],
                "arrayminus": [figures["per_second"][0] - figures["per_second"][1] for figures in found.values()],
            },
            text=[f"{figures['per_second'][0]:.0f}" for figures in found.values()],
            name=name,
            marker_color=_COLOURS.get(name, _GREY),
            marker_opacity=1 if name in _COLOURS else 1 - 0.2 * names.index(name),
            marker_pattern_shape={contenders.PROXY: "/", contenders.CANNED: "."}.get(name, ""),
        )
    figure.update_layout(
        template="plotly_white",
        title="Chats per second at 32 callers (bars: median, whiskers: least and greatest)",
        yaxis_title="requests/s",
        legend={"orientation": "h", "y": -0.12},
        width=_SIZE[0],
        height=_SIZE[1],
        margin={"l": 60, "r": 20, "t": 50, "b": 20},
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "plot.html"
        figure.write_html(page, include_plotlyjs=True, config={"displayModeBar": False})
        browser.picture(f"file://{page}", file, size=(_SIZE[0] + 16, _SIZE[1] + 16))


def _rows(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures for name, figures in result["contenders"].items() if name != targets.INSIDE}


def _present(rows: Mapping[str, Any]) -> list[str]:
    return [figure for figure in _COLUMNS if any(figure in figures for figures in rows.values())]


def _cell(figures: Mapping[str, list[float]], figure: str) -> str:
    return _COLUMNS[figure][1](figures[figure][0]) if figure in figures else ""
