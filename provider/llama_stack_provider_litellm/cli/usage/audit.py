"""``usage audit``: one call, or all of one request."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.markup import escape

from ...usage import queries
from ..console import out
from . import asking, shown

_ABOUT = [
    *("started_at", "request_id", "call_id", "api", "via", "stream", "user_id", "agent", "project", "org", "tags"),
    *("key_hash", "model", "deployment", "vendor", "engine", "input_tokens", "output_tokens", "cached_tokens"),
    *("reasoning_tokens", "cost_usd", "cost_source", "cache_hit", "retries", "fallbacks", "chunks"),
    *("first_token_seconds", "duration_seconds", "status", "error"),
]


@click.command()
@click.option("--call", "identity", required=True, help="LiteLLM's id of a call, or the id of a request.")
@asking.url
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(identity: str, url: str, as_json: bool) -> None:
    """Show one call, or all of a request: what is known, and what was asked and answered where that is kept.

    The id is `litellm.call_id` of an answer, the `x-request-id` that a request came with, or the `x-trace-id` that the
    stack answered.
    """
    with asking.records(url) as (connection, _):
        rows = queries.calls_of(connection, identity)
    if not rows:
        raise click.ClickException(
            f"No call has the id '{identity}'. `usage --errors` shows ids of requests that failed."
        )
    if as_json:
        shown.as_json([{**row, "question": _parsed(row["question"]), "answer": _parsed(row["answer"])} for row in rows])
        return
    for row in rows:
        _show(row)


def _show(row: dict[str, Any]) -> None:
    for key in _ABOUT:
        if row[key] not in (None, [], ""):
            value = shown.moment(row[key]) if key == "started_at" else row[key]
            out.print(f"[bold]{key:<20}[/bold] {escape(str(value))}")
    if row["question"] is None:
        out.print("[dim]What was asked and answered was not kept (`usage.audit: full`, LITELLM_USAGE_AUDIT).[/dim]")
    else:
        for key in ("question", "answer"):
            out.print(f"\n[bold]{key}[/bold]")
            out.print(escape(json.dumps(_parsed(row[key]), indent=2, ensure_ascii=False)))
    out.print()


def _parsed(text: str | None) -> Any:
    """The JSON; as it stands where it was cut."""
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
