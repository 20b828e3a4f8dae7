"""``usage compare``: the two engines side by side."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from ...usage import queries
from ...usage.units import cost, seconds, usd
from ..console import out
from . import asking, shown

_COLUMNS = [
    *("model", "engine", "calls", "errors", "input_tokens", "output_tokens", "cost_usd", "unpriced", "cache_hits"),
    *("p50_seconds", "p95_seconds", "first_token_p50_seconds", "first_token_p95_seconds"),
]


@click.command()
@asking.options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def compare(since: datetime | None, url: str, as_json: bool, as_csv: bool) -> None:
    """Show the embedded router and the LiteLLM Proxy side by side, on the models that both have served."""
    with asking.records(url) as (connection, _):
        rows = queries.compared(connection, since)
    if as_json:
        shown.as_json({"since": since, "rows": [{key: row[key] for key in _COLUMNS} for row in rows]})
    elif as_csv:
        shown.as_csv(rows, _COLUMNS)
    elif not rows:
        out.print("No model has been served by both in this time. In mode `auto`, or after a change of mode, they are.")
    else:
        _show(rows)


def _show(rows: list[dict[str, Any]]) -> None:
    made = shown.numbers(
        *("calls", "errors", "USD", "USD / call", "p50", "p95", "first token p50", "p95"), first=("model", "engine")
    )
    for position, row in enumerate(rows):
        made.add_row(
            shown.name(row["model"]) if position % 2 == 0 else "",
            row["engine"],
            f"{row['calls']:,}",
            f"{row['errors']:,}",
            cost(row["cost_usd"], row["unpriced"]),
            usd(row["cost_usd"] / row["priced"]) if row["cost_usd"] else "",
            *(seconds(row[key]) for key in _COLUMNS[-4:]),
            end_section=position % 2 == 1,
        )
    out.print(made)
