"""What the tests of the usage records share: calls, and the rows that they become."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import sqlalchemy as sa

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage.call import Call
from llama_stack_provider_litellm.usage.database import Database
from llama_stack_provider_litellm.usage.ledger import Ledger
from llama_stack_provider_litellm.usage.tables import CALLS
from tests.postgresql import PostgreSQL


def a_call(model: str = "gpt", *, caller: Caller | None = None, stream: bool = False, **values: Any) -> Call:
    """A call that has ended, with these values."""
    call = Call.of("chat", model, caller or Caller(), stream=stream)
    for name, value in values.items():
        setattr(call, name, value)
    return call


def written(settings: UsageSettings, calls: Iterable[Call], redact: Callable[[str], str] = str) -> None:
    """Let a ledger write the calls."""
    ledger = Ledger(settings, redact)
    for call in calls:
        ledger.record(call)
    asyncio.run(ledger.close())
    assert ledger.dropped == 0


def rows(database: Database, table: sa.Table = CALLS) -> list[dict[str, Any]]:
    """All rows of a table, in the order of their ids; none of a table that is not there yet."""
    if not sa.inspect(database.engine).has_table(table.name):
        return []
    with database.engine.connect() as connection:
        found = connection.execute(sa.select(table).order_by(table.columns[0]))
        return [dict(row) for row in found.mappings()]


def rows_at(settings: UsageSettings, table: sa.Table = CALLS) -> list[dict[str, Any]]:
    """The same, as another process sees them."""
    database = Database(settings, reads=True)
    try:
        return rows(database, table)
    finally:
        database.close()


def emptied(server: PostgreSQL) -> None:
    """Take every table away."""
    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
