"""How models are shown."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from .. import catalog
from .console import table


def listed(entries: Iterable[catalog.ModelEntry]) -> Table:
    """A table of models."""
    shown = table("model", "type", "served by", "dimension", "context", "$ / 1M in", "$ / 1M out")
    for entry in entries:
        shown.add_row(
            escape(f"litellm/{entry.name}"),
            entry.type + (" (wildcard)" if entry.is_wildcard else ""),
            escape(", ".join(entry.deployments)),
            _number(entry.dimension),
            _number(entry.context_length),
            _price(entry.input_cost),
            _price(entry.output_cost),
        )
    return shown


def row(entry: catalog.ModelEntry) -> dict[str, object]:
    """A model, for JSON."""
    return {
        "model": f"litellm/{entry.name}",
        "type": entry.type,
        "wildcard": entry.is_wildcard,
        "deployments": list(entry.deployments),
        "embedding_dimension": entry.dimension,
        "context_length": entry.context_length,
        "input_cost_per_token": entry.input_cost,
        "output_cost_per_token": entry.output_cost,
    }


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _price(per_token: float | None) -> str:
    return "" if per_token is None else f"{per_token * 1_000_000:.2f}"
