"""The host's SQL stores, opened by several processes at once: ``up --workers``.

The host looks which tables and indexes there are and then makes the others. What another process makes in between is an
error that ends this process, and with it the server, on the first start of a stack.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from ...patching import replace
from ..installed import core


def install() -> None:
    """Teach the stores, once per process."""
    replace(core("storage.sqlstore.sqlalchemy_sqlstore").SqlAlchemySqlStoreImpl, "create_engine", _for_several)


def _for_several(original: Any) -> Any:
    def create_engine(self: Any) -> Any:
        engine = original(self)
        sa.event.listen(engine.sync_engine, "before_execute", _if_not_exists)
        return engine

    return create_engine


def _if_not_exists(connection: Any, statement: Any, *_: Any) -> None:
    if isinstance(statement, CreateTable | CreateIndex):
        statement.if_not_exists = True
