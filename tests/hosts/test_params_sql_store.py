"""The host's SQL stores: another process makes the same tables at the same moment, and many rows come at once."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from llama_stack_provider_litellm.hosts.installed import core
from llama_stack_provider_litellm.hosts.params import sql_store
from tests.differences import needs

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

    async def make(self, table: str, **columns: str) -> None:
        """Name a table, which the host makes with the first use, or at once when there has been one."""
        kinds = self._module.ColumnType
        await self.sql.create_table(table, {name: kinds[kind] for name, kind in {"id": "STRING", **columns}.items()})

    async def rows(self, table: str) -> Any:
        """What the table holds."""
        return (await self.sql.fetch_all(table=table)).data

    def _be_first(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "CREATE" in statement:
            with closing(sqlite3.connect(self.file)) as other:
                other.execute(statement)
            self.raced.append(statement)


@needs("messages")
def test_every_process_that_serves_is_taught_before_its_first_store() -> None:
    """OGX has a store before it has a provider. What `up` has started each process imports, by another name."""
    told = """
import runpy, sys
from llama_stack_provider_litellm.cli.lines import LINES
from llama_stack_provider_litellm.patching import MARK
runpy.run_module(LINES["ogx"].module[0], run_name="__mp_main__", alter_sys=True)
from ogx.core.storage.sqlstore.sqlalchemy_sqlstore import SqlAlchemySqlStoreImpl
print(getattr(SqlAlchemySqlStoreImpl.create_engine, MARK, False))
"""
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split()[-1] == "True"


def test_the_host_is_taught_before_its_first_provider() -> None:
    told = """
from llama_stack_provider_litellm.hosts.installed import core
from llama_stack_provider_litellm.patching import MARK
from llama_stack_provider_litellm.provider import get_provider_spec
get_provider_spec()
print(hasattr(core("storage.sqlstore.sqlalchemy_sqlstore").SqlAlchemySqlStoreImpl.create_engine, MARK))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]


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


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 300])
def test_many_rows_are_inserted_as_they_are_with_few_statements(tmp_path: Path, count: int) -> None:
    rows = [
        {
            "id": f"c{number}",
            "created": number or None,
            "what": {"text": f"ü?), (?\0 {number}"} if number else None,
        }
        for number in range(count)
    ]
    statements: list[str] = []

    async def use() -> None:
        store = Store(tmp_path / "store.db")
        await store.make("chats", created="INTEGER", what="JSON")
        assert await store.rows("chats") == []
        pool = store.sql._engine.sync_engine.pool
        sa.event.listen(pool, "connect", lambda made, _: made.run_async(lambda its: its.set_trace_callback(told)))
        await store.sql._engine.dispose()
        await store.sql.insert("chats", rows)
        assert await store.rows("chats") == rows
        await store.sql.shutdown()

    def told(statement: str) -> None:
        if statement.startswith("INSERT"):
            statements.append(statement)

    asyncio.run(use())
    assert len(statements) == count // 32 + count % 32
