"""The usage report: one page that holds all it needs, and opens without a network."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from string import Template
from typing import Any

import sqlalchemy as sa

from ..errors import ConfigError
from . import queries
from .queries import Row
from .units import cost, seconds, usd

# Shorter times are shown by the hour.
_BY_HOUR = timedelta(days=3)
_CALLERS = 12
_MODELS = 50


def page(connection: sa.Connection, since: datetime | None, *, source: str) -> str:
    """The page as HTML; ``source`` says where the records are. Raises ConfigError where plotly is not installed."""
    try:
        from plotly.offline import get_plotlyjs

        from . import charts
    except ModuleNotFoundError as exc:
        if exc.name is None or not exc.name.startswith("plotly"):
            raise
        raise ConfigError(
            "The report is drawn with plotly, which an extra brings: "
            "pip install 'llama-stack-provider-litellm[report]'."
        ) from None
    now = datetime.now(UTC)
    hourly = since is not None and now - since <= _BY_HOUR
    total, models = queries.totals(connection, since), queries.by(connection, "model", since, _MODELS)
    by_model = queries.over_time(connection, "model", since, hourly=hourly)
    order = [row["group"] for row in models]
    per = "hour" if hourly else "day"
    drawn = [
        (f"Cost per {per}, by model", charts.cost_over_time(by_model, order)),
        (f"Tokens per {per}, by model", charts.tokens_over_time(by_model, order)),
        ("Time per call, by model", charts.latency(models)),
        (
            f"Time per call, by {per}",
            charts.latency_over_time(queries.over_time(connection, None, since, hourly=hourly)),
        ),
        (
            f"Failed calls per {per}",
            charts.errors_over_time(queries.over_time(connection, "status", since, hourly=hourly)),
        ),
        ("Who spent most", charts.callers(queries.by(connection, "user", since, _CALLERS))),
    ]
    template = Template(_resource("page.html"))
    return template.substitute(
        period=f"{since:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC"
        if since
        else f"all until {now:%Y-%m-%d %H:%M} UTC",
        source=escape(source),
        lost=_lost(queries.lost(connection, since)),
        cards="".join(_card(*card) for card in _cards(total)),
        charts="".join(_chart(title, figure) for title, figure in drawn),
        models=_table(_MODEL_COLUMNS, ([_text(row["group"]), *_numbers(row)] for row in models)),
        errors=_table(_ERROR_COLUMNS, map(_error, queries.errors(connection, since))),
        plotly=get_plotlyjs(),
    )


def _resource(name: str) -> str:
    return (importlib.resources.files(__package__ or "") / name).read_text(encoding="utf-8")


def _chart(title: str, figure: Any) -> str:
    if not any(len(trace.x or ()) for trace in figure.data):
        return f"<section><h2>{escape(title)}</h2><p>None in this time.</p></section>"
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"responsive": True, "displayModeBar": False}
    )
    return f"<section><h2>{escape(title)}</h2>{drawn}</section>"


def _cards(total: Row) -> Iterable[tuple[str, str, str]]:
    unknown = f"and {total['unpriced']:,} calls of unknown cost" if total["unpriced"] else "the cost of all is known"
    share = 100 * total["errors"] / total["calls"] if total["calls"] else 0.0
    yield "Cost", f"{usd(total['cost_usd'] or 0.0)} USD", unknown
    yield "Calls", f"{total['calls']:,}", f"{total['cache_hits']:,} answered from the cache"
    yield "Failed", f"{total['errors']:,}", f"{share:.1f} % of all"
    yield "Tokens in", f"{total['input_tokens']:,}", f"{total['cached_tokens']:,} of them cached by the vendor"
    yield "Tokens out", f"{total['output_tokens']:,}", f"{total['reasoning_tokens']:,} of them reasoning"
    yield "Time per call", seconds(total["p50_seconds"]) or "–", f"95 % within {seconds(total['p95_seconds']) or '–'}"


def _card(title: str, value: str, note: str) -> str:
    return f"<div class=card><b>{title}</b><strong>{value}</strong><span>{note}</span></div>"


_MODEL_COLUMNS = (
    "model",
    "calls",
    "failed",
    "from cache",
    "tokens in",
    "tokens out",
    "USD",
    "p50",
    "p95",
    "first token",
)
_ERROR_COLUMNS = ("error", "status", "model", "served by", "calls", "last (UTC)")


def _numbers(row: Row) -> list[str]:
    counts = (row[key] for key in ("calls", "errors", "cache_hits", "input_tokens", "output_tokens"))
    times = (row[key] for key in ("p50_seconds", "p95_seconds", "first_token_p50_seconds"))
    return [*(f"{count:,}" for count in counts), cost(row["cost_usd"], row["unpriced"]), *map(seconds, times)]


def _error(row: Row) -> list[str]:
    served_by = f"{row['deployment']} ({row['engine']})" if row["deployment"] else ""
    names = (_text(row[key]) for key in ("error", "status", "model"))
    return [*names, _text(served_by), f"{row['calls']:,}", f"{row['last_at']:%Y-%m-%d %H:%M}"]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return "<p>None in this time.</p>"
    head = "".join(f"<th>{column}</th>" for column in columns)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _lost(lost: Row) -> str:
    if not lost["calls"]:
        return ""
    return f"<p class=warning>Calls without a record: {lost['calls']:,}. {escape('; '.join(lost['reasons']))}</p>"


def _text(value: Any) -> str:
    return escape(str(value)) if value not in (None, "") else "<i>none</i>"
