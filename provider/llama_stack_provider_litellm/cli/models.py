"""``llama-stack-litellm models``: what a LiteLLM config gives."""

from __future__ import annotations

import asyncio
import json
import logging

import click

from .. import settings, storage
from ..engines.router import RouterEngine
from .console import clear_errors, err, out
from .listing import listed, row
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
        click.echo(json.dumps([row(entry) for entry in entries], indent=2))
        return
    out.print(listed(entries))
    out.print(f"[dim]from {config.path}[/dim]")
