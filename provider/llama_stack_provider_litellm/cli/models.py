"""``llama-stack-litellm models``: what a LiteLLM config, or a LiteLLM Proxy, gives."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from .. import settings, storage
from ..config import Mode
from ..engines.choosing import engine_of
from ..engines.proxy import watch
from . import options
from .console import clear_errors, err, out
from .listing import listed, row
from .up import found_config


@click.command()
@options.config
@options.mode
@options.proxy_url
@options.as_json
def models(path: str | None, mode: Mode, proxy_url: str, as_json: bool) -> None:
    """Show the models that a LiteLLM config gives, or a LiteLLM Proxy.

    Without a config these are the models that `up` would serve.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with clear_errors():
        if mode != "proxy":
            path = str(settings.load(path or found_config(storage.folder(), out=err)).path)
        engine = engine_of(options.provider_config(mode, proxy_url, path or ""))
        with err.status("Asking for the models…"), _without_the_watch():
            catalog = asyncio.run(engine.catalog())
        if catalog.away is not None and not catalog.entries:
            raise catalog.away
    entries = list(catalog.entries.values())
    if as_json:
        click.echo(json.dumps([row(entry) for entry in entries], indent=2))
        return
    out.print(listed(entries))
    out.print(f"[dim]from {catalog.where.replace('the LiteLLM config', path or '')}[/dim]")


@contextmanager
def _without_the_watch() -> Iterator[None]:
    """That a proxy is away is said here in the end, and once."""
    logger = logging.getLogger(watch.__name__)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
