"""What the commands about usage share: which records, of which time, and how they are opened."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ...config import UsageSettings
from ...usage.database import Database, OtherTables, words_of
from ..console import clear_errors

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Since(click.ParamType[datetime | None]):
    """``30m``, ``24h``, ``7d``, ``2w``, ``all``, or a date: the moment from which on calls count (None: all)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime | None:
        if value is None or isinstance(value, datetime):
            return value
        if value == "all":
            return None
        if span := re.fullmatch(r"(\d{1,6})([mhdw])", value):
            with suppress(OverflowError):
                return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no time. Write 30m, 24h, 7d, 2w, all, or a date such as 2026-11-01.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


url = click.option(
    "--url",
    envvar="LITELLM_USAGE_URL",
    default="",
    help="The database; without it the one in the storage folder, SQLITE_STORE_DIR. [env: LITELLM_USAGE_URL; its "
    "password is taken from LITELLM_USAGE_PASSWORD]",
)
_since = click.option(
    "--since",
    type=_Since(),
    default="30d",
    show_default=True,
    help="30m, 24h, 7d, 2w, all, or a date; days are those of UTC.",
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--since`` and ``--url``."""
    return _since(url(command))


@contextmanager
def records(address: str) -> Iterator[tuple[sa.Connection, str]]:
    """The records, for reading, and where they are. Whatever is wrong with them ends the command, in words."""
    with clear_errors():
        settings = UsageSettings.model_validate({"url": address, "password": os.environ.get("LITELLM_USAGE_PASSWORD")})
        database = Database(settings, reads=True)
        try:
            database.check()
            with database.engine.connect() as connection:
                yield connection, database.where
        except OtherTables as exc:
            raise click.ClickException(str(exc)) from None
        except SQLAlchemyError as exc:
            raise click.ClickException(f"{database.where} cannot be read: {words_of(exc)}") from None
        finally:
            database.close()
