"""The charts of the usage page, as plotly figures. They need the extra ``report``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from .queries import Row

# Distinct for colour-blind eyes, on white and on black (Okabe and Ito, less black and yellow).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#7F7F7F")
_NOBODY = "none"
_OTHERS = "others"
_HEIGHT = 340
_ROW = 34


def cost_over_time(rows: Sequence[Row], order: Sequence[str]) -> go.Figure:
    """USD per hour or day, by model, in this order."""
    return _stacked(rows, order, lambda row: row["cost_usd"] or 0.0, "%{y:.6f} USD", "USD")


def tokens_over_time(rows: Sequence[Row], order: Sequence[str]) -> go.Figure:
    """Tokens in and out per hour or day, by model, in this order."""
    return _stacked(rows, order, lambda row: row["input_tokens"] + row["output_tokens"], "%{y:,} tokens", "tokens")


def errors_over_time(rows: Sequence[Row]) -> go.Figure:
    """Failed calls per hour or day, by status and error; ``rows`` are by status."""
    failed = [row for row in rows if row["errors"]]
    counts = Counter[str]()
    for row in failed:
        counts[row["group"]] += row["errors"]
    return _stacked(
        failed, [group for group, _ in counts.most_common()], lambda row: row["errors"], "%{y:,} calls", "calls"
    )


def latency(rows: Sequence[Row]) -> go.Figure:
    """Percentiles of each model's times."""
    timed = [row for row in rows if row["p50_seconds"] is not None][: len(_COLOURS)][::-1]
    figure = _figure(_HEIGHT // 2 + _ROW * 2 * len(timed), "seconds", across=[row["group"] for row in timed])
    for part, colour in (("p99", _COLOURS[5]), ("p95", _COLOURS[1]), ("p50", _COLOURS[0])):
        figure.add_bar(
            x=[row[f"{part}_seconds"] for row in timed],
            y=list(range(len(timed))),
            name=part,
            orientation="h",
            marker_color=colour,
            customdata=[_text(row["group"]) for row in timed],
            hovertemplate="%{customdata}<br>" + part + " %{x:.3f} s<extra></extra>",
        )
    figure.update_layout(barmode="group", legend_traceorder="reversed")
    return figure


def latency_over_time(rows: Sequence[Row]) -> go.Figure:
    """Percentiles of all times, and the time to the first token, per hour or day."""
    figure = _figure(_HEIGHT, "seconds")
    lines = (
        ("p50_seconds", "p50", _COLOURS[0]),
        ("p95_seconds", "p95", _COLOURS[1]),
        ("first_token_p50_seconds", "first token p50", _COLOURS[2]),
    )
    for key, name, colour in lines:
        figure.add_scatter(
            x=[_time(row) for row in rows],
            y=[row[key] for row in rows],
            name=name,
            mode="lines+markers",
            line_color=colour,
            hovertemplate="%{x}<br>" + name + " %{y:.3f} s<extra></extra>",
        )
    return figure


def callers(rows: Sequence[Row]) -> go.Figure:
    """Who spent most; ``rows`` are by user, the dearest first."""
    shown = list(rows)[::-1]
    figure = _figure(_HEIGHT // 3 + _ROW * len(shown), "USD", across=[row["group"] for row in shown])
    figure.add_bar(
        x=[row["cost_usd"] or 0.0 for row in shown],
        y=list(range(len(shown))),
        orientation="h",
        marker_color=_COLOURS[0],
        customdata=[
            [row["calls"], row["input_tokens"] + row["output_tokens"], row["unpriced"], _text(row["group"])]
            for row in shown
        ],
        hovertemplate="%{customdata[3]}<br>%{x:.6f} USD, %{customdata[2]:,} calls of unknown cost<br>"
        "%{customdata[0]:,} calls, %{customdata[1]:,} tokens<extra></extra>",
    )
    figure.update_layout(showlegend=False)
    return figure


def _stacked(
    rows: Sequence[Row], order: Sequence[str], value: Callable[[Row], float], hover: str, unit: str
) -> go.Figure:
    """Bars over time, one colour per group, the same in each chart of this order; the last of many groups are one."""
    own = order if len(order) <= len(_COLOURS) else order[: len(_COLOURS) - 1]
    series: dict[str, dict[str, float]] = {name: {} for name in (*own, *([_OTHERS] if len(own) < len(order) else []))}
    for row in rows:
        times = series.setdefault(row["group"] if row["group"] in own else _OTHERS, {})
        times[_time(row)] = times.get(_time(row), 0.0) + value(row)
    figure = _figure(_HEIGHT, unit)
    for colour, (name, times) in zip(_COLOURS, series.items(), strict=False):
        figure.add_bar(
            x=list(times),
            y=list(times.values()),
            name=_name(name),
            marker_color=colour,
            hovertemplate="%{x}<br>" + hover + "<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="stack", showlegend=True, legend_traceorder="normal")
    return figure


def _figure(height: int, unit: str, *, across: Sequence[Any] | None = None) -> go.Figure:
    """An empty chart; ``across``: the names of its bars, which lie on their side."""
    value = {"title": {"text": unit}, "rangemode": "tozero"}
    # By their places: a name may be a number, and two may be alike when they are cut.
    names = {"tickvals": list(range(len(across or ()))), "ticktext": [_name(group) for group in across or ()]}
    figure = go.Figure()
    figure.update_layout(
        # The page's own colours, light and dark, show through; its script sets those of the text.
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"align": "left"},
        xaxis={"automargin": True, **({} if across is None else value)},
        yaxis={"automargin": True, **(value if across is None else names)},
    )
    return figure


def _time(row: Row) -> str:
    """What plotly takes for a time: an hour comes as ``2026-11-24 22``."""
    time: str = row["time"]
    return f"{time}:00" if len(time) > len("2026-11-24") else time


def _text(group: Any) -> str:
    """A group's name as plotly shows it, which takes a few tags of HTML."""
    return str(group or _NOBODY).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _name(group: Any) -> str:
    """The same, cut to what fits beside a chart."""
    text = str(group or _NOBODY)
    return _text(text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…")


_LETTERS = 32
