"""What the commands share: where they write, and how they fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import LiteLLMProviderError

# A pipe has no width; there a table must not be folded to eighty columns.
_WIDTH = None if sys.stdout.isatty() else 200
out = Console(highlight=False, soft_wrap=True, width=_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def clear_errors() -> Iterator[None]:
    """End the command with the error's own words and status 1, not with a traceback."""
    try:
        yield
    except ValidationError as exc:
        # Without the value, which may be a secret.
        words = "; ".join(str(error["msg"]).removeprefix("Value error, ") for error in exc.errors(include_input=False))
    except LiteLLMProviderError as exc:
        words = str(exc)
    else:
        return
    err.print(f"[red]Error:[/red] {escape(words)}")
    raise click.exceptions.Exit(1)


def table(*columns: str) -> Table:
    """An empty table in the commands' one style."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
