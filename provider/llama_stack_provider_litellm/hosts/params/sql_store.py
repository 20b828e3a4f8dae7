"""The host's SQL stores, opened by several processes at once (``up --workers``), and given many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from ...patching import replace
from ..installed import core

# Rows in a statement.
_ROWS = 32


def install() -> None:
    """Teach the stores, once per process."""
    replace(core("storage.sqlstore.sqlalchemy_sqlstore").SqlAlchemySqlStoreImpl, "create_engine", _taught)


def _taught(original: Any) -> Any:
    def create_engine(self: Any) -> Any:
        engine = original(self)
        sa.event.listen(engine.sync_engine, "before_execute", _if_not_exists)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine.sync_engine, "do_executemany", _in_few_statements)
        return engine

    return create_engine


def _if_not_exists(connection: Any, statement: Any, *_: Any) -> None:
    """The host looks which tables and indexes there are and then makes the others. What another process makes in
    between is an error that ends this process, and with it the server, on the first start of a stack."""
    if isinstance(statement, CreateTable | CreateIndex):
        statement.if_not_exists = True


def _in_few_statements(cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]], context: Any) -> bool:
    """Insert many rows with few statements; whether that is done.

    Python's driver gives way to the other threads at each round of an ``executemany``, and in a busy server waits a
    millisecond for its turn. SQLAlchemy's own pages are statements by themselves, each of which waits for three turns
    of the event loop.
    """
    head, values, row = statement.partition(" VALUES ")
    if len(rows) < _ROWS or not context.isinsert or row != f"({', '.join('?' * len(rows[0]))})":
        return False
    whole = len(rows) - len(rows) % _ROWS
    many = head + values + ", ".join([row] * _ROWS)
    cursor.executemany(many, [tuple(chain(*rows[start : start + _ROWS])) for start in range(0, whole, _ROWS)])
    if rows[whole:]:
        cursor.executemany(statement, rows[whole:])
    return True
