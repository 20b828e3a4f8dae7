"""The command itself: a table by model, vendor, user …; the other questions are its subcommands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
import sqlalchemy as sa

from ...usage import queries
from ...usage.queries import BY, By
from ...usage.units import cost, seconds
from ..console import out
from . import asking, shown
from .audit import audit
from .compare import compare
from .meanings import meaning
from .report import report

_COLUMNS = [
    *("group", "calls", "errors", "cache_hits", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"),
    *("cost_usd", "unpriced", "retries", "fallbacks", "p50_seconds", "p95_seconds", "first_token_p50_seconds"),
]
_OF_ERRORS = ["error", "status", "model", "deployment", "engine", "calls", "last_at", "request_id", "user_id"]


@click.group(invoke_without_command=True)
@click.option("--by", type=click.Choice(BY), default="model", show_default=True, help="What a row stands for.")
@click.option("--top", type=click.IntRange(1), help="Only so many rows, the dearest.")
@click.option("--errors", "only_errors", is_flag=True, help="What failed, and why, in place of what was used.")
@asking.options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.pass_context
def usage(
    ctx: click.Context,
    by: By,
    top: int | None,
    only_errors: bool,
    since: datetime | None,
    url: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show what was used: calls, tokens, dollars and times, from the records of every call.

    Tokens are those that a vendor counted; an answer from the cache adds none. A cost that nobody knows is said to be
    unknown, and is not 0. Times are those of calls that succeeded.
    """
    if ctx.invoked_subcommand is not None:
        return
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both.")
    with asking.records(url) as (connection, _):
        rows, lost = _rows(connection, by, since, top, only_errors), queries.lost(connection, since)
        total = queries.totals(connection, since)
    if as_json:
        shown.as_json(
            {"by": "error" if only_errors else by, "since": since, "rows": rows, "total": total, "lost": lost}
        )
    elif as_csv:
        shown.as_csv(rows, _OF_ERRORS if only_errors else _COLUMNS)
    elif not rows:
        shown.nothing()
    elif only_errors:
        _show_errors(rows)
    else:
        _show(rows, by, total)
    if not as_json:
        shown.warn_of_lost(lost)


def _rows(
    connection: sa.Connection, by: By, since: datetime | None, top: int | None, only_errors: bool
) -> list[dict[str, Any]]:
    if not only_errors:
        return queries.by(connection, by, since, top)
    return [{**row, "meaning": meaning(row["error"])} for row in queries.errors(connection, since, top)]


def _show(rows: list[dict[str, Any]], by: By, total: dict[str, Any]) -> None:
    made = shown.numbers(
        *("calls", "errors", "cached", "tokens in", "tokens out", "USD", "p50", "p95", "first token"), first=(by,)
    )
    for row in rows:
        made.add_row(shown.name(row["group"]), *_numbers(row))
    # A call has several tags, and what is left out by --top counts too.
    made.add_section()
    made.add_row("[bold]all calls[/bold]", *_numbers(total))
    out.print(made)


def _numbers(row: dict[str, Any]) -> list[str]:
    counts = (row[key] for key in ("calls", "errors", "cache_hits", "input_tokens", "output_tokens"))
    times = (row[key] for key in ("p50_seconds", "p95_seconds", "first_token_p50_seconds"))
    return [*(f"{count:,}" for count in counts), cost(row["cost_usd"], row["unpriced"]), *map(seconds, times)]


def _show_errors(rows: list[dict[str, Any]]) -> None:
    made = shown.numbers("calls", first=("error", "status", "model", "served by", "last", "its request"))
    for row in rows:
        made.add_row(
            *(shown.name(row[key]) for key in ("error", "status", "model")),
            shown.name(row["deployment"] and f"{row['deployment']} ({row['engine']})"),
            shown.moment(row["last_at"]),
            shown.name(row["request_id"]),
            f"{row['calls']:,}",
        )
    out.print(made)
    out.print()
    for error, told in {row["error"]: row["meaning"] for row in rows}.items():
        out.print(f"[bold]{error}[/bold]: {told}")


usage.add_command(compare)
usage.add_command(report)
usage.add_command(audit)
