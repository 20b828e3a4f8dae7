"""The host's SQL stores, whose tables and indexes another process makes at the same moment."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from llama_stack_provider_litellm.hosts.installed import core
from llama_stack_provider_litellm.hosts.params import sql_store

_TABLES = "agents", "chats", "files"


class Store:
    """A store of the host in a SQLite file. Just before it makes a table or an index, another process makes it."""

    def __init__(self, file: Path) -> None:
        self._module = core("storage.sqlstore.sqlalchemy_sqlstore")
        config = core("storage.datatypes").SqliteSqlStoreConfig(db_path=str(file))
        self.file, self.raced = file, list[str]()
        sql_store.install()
        self.sql = self._module.SqlAlchemySqlStoreImpl(config)
        create_engine = self.sql.create_engine

        def raced() -> Any:
            engine = create_engine()
            sa.event.listen(engine.sync_engine, "before_cursor_execute", self._be_first)
            return engine

        self.sql.create_engine = raced

    async def make(self, table: str) -> None:
        """Name a table, which the host makes with the first use, or at once when there has been one."""
        await self.sql.create_table(table, {"id": self._module.ColumnType.STRING})

    async def rows(self, table: str) -> Any:
        """What the table holds."""
        return (await self.sql.fetch_all(table=table)).data

    def _be_first(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "CREATE" in statement:
            with closing(sqlite3.connect(self.file)) as other:
                other.execute(statement)
            self.raced.append(statement)


def test_what_another_process_makes_is_taken(tmp_path: Path) -> None:
    async def use() -> Store:
        store = Store(tmp_path / "store.db")
        for table in _TABLES:
            await store.make(table)
        assert [await store.rows(table) for table in _TABLES] == [[], [], []]
        await store.sql.shutdown()
        return store

    assert len(asyncio.run(use()).raced) == len(_TABLES)


@pytest.mark.skipif(
    not hasattr(core("storage.sqlstore.sqlalchemy_sqlstore").SqlAlchemySqlStoreImpl, "create_index"),
    reason="llama-stack 0.7 makes no index, and every table with the first use",
)
def test_what_is_made_while_it_serves_is_taken_too(tmp_path: Path) -> None:
    async def use() -> Store:
        store = Store(tmp_path / "store.db")
        await store.make("agents")
        assert await store.rows("agents") == []
        await store.make("chats")
        await store.sql.create_index("chats_by_id", "chats", ["id"])
        assert await store.rows("chats") == []
        await store.sql.shutdown()
        return store

    raced = asyncio.run(use()).raced
    assert len(raced) == 3
    assert "CREATE INDEX" in raced[-1]
