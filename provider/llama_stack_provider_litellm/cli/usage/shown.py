"""How usage is shown: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from ..console import err, out, table

Row = Mapping[str, Any]


def moment(value: datetime) -> str:
    """A moment, in UTC."""
    return _aware(value).strftime("%Y-%m-%d %H:%M")


def numbers(*columns: str, first: Sequence[str] = ("",)) -> Table:
    """A table whose columns after the ``first`` ones are numbers."""
    made = table(*first)
    for column in columns:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def name(value: object) -> str:
    """A group's name; what has none is said so."""
    return "[dim]none[/dim]" if value in (None, "") else escape(str(value))


def as_json(value: Any) -> None:
    """Print JSON; times are ISO 8601, in UTC."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def as_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print CSV with a line of names."""
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _plain(value) if isinstance(value, datetime) else value for key, value in row.items()})


def warn_of_lost(lost: Row) -> None:
    """Say how many calls have no record."""
    if lost["calls"]:
        reasons = escape("; ".join(lost["reasons"]))
        err.print(f"[yellow]Calls of this time without a record: {lost['calls']:,}.[/yellow] {reasons}")


def nothing() -> None:
    """Say that there is nothing to show."""
    out.print("No calls in this time. `--since all` shows every one.")


def _aware(value: datetime) -> datetime:
    # SQLite keeps no zone; ours are UTC.
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    return _aware(value).isoformat() if isinstance(value, datetime) else str(value)
