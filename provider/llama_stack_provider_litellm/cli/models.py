"""``llama-stack-litellm models``: what a LiteLLM config gives."""

from __future__ import annotations

import asyncio
import json
import logging

import click

from .. import catalog, settings, storage
from ..engines.router import RouterEngine
from .console import clear_errors, err, out, table
from .up import found_config


@click.command()
@click.option("--config", "path", envvar="LITELLM_CONFIG", help="LiteLLM's config.yaml. [env: LITELLM_CONFIG]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(path: str | None, as_json: bool) -> None:
    """Show the models that a LiteLLM config gives.

    Without one these are the models that `up` would serve.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with clear_errors():
        config = settings.load(path or found_config(storage.folder(), out=err))
        with err.status("Reading LiteLLM's model registry…"):
            entries = list(asyncio.run(RouterEngine(config).catalog()).entries.values())
    if as_json:
        click.echo(json.dumps([_row(entry) for entry in entries], indent=2))
        return
    shown = table("model", "type", "served by", "dimension", "context", "$ / 1M in", "$ / 1M out")
    for entry in entries:
        shown.add_row(
            f"litellm/{entry.name}",
            entry.type + (" (wildcard)" if entry.is_wildcard else ""),
            ", ".join(entry.deployments),
            _number(entry.dimension),
            _number(entry.context_length),
            _price(entry.input_cost),
            _price(entry.output_cost),
        )
    out.print(shown)
    out.print(f"[dim]from {config.path}[/dim]")


def _row(entry: catalog.ModelEntry) -> dict[str, object]:
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
