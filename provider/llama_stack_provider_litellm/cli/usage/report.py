"""``usage report``: the same as a page with charts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ... import storage
from ...usage.page import page
from ..console import err, out
from . import asking


@click.command()
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("usage.html"),
    show_default=True,
    help="The file to write.",
)
@asking.options
def report(path: Path, since: datetime | None, url: str) -> None:
    """Write one page with charts: cost and tokens over time, times, errors, who spent most.

    It holds all that it needs, opens without a network, on a phone too, in light and dark.
    """
    with asking.records(url) as (connection, where), err.status("Drawing…"):
        made = page(connection, since, source=where)
    try:
        storage.write(path.absolute(), made)
    except OSError as exc:
        raise click.ClickException(f"{path} cannot be written: {exc.strerror}") from None
    out.print(f"{path.absolute()}", highlight=False)
