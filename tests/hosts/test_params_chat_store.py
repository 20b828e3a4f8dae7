"""The host's store of chats: none is lost, each belongs to who has asked, and one that is refused stops no other."""

from __future__ import annotations

import asyncio
import sqlite3
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from llama_stack_provider_litellm.hosts.installed import CORE, api, core
from llama_stack_provider_litellm.hosts.params import chat_store

_TYPES = api()
_CHATS = 300


class Store:
    """The host's store in a SQLite file, and how often something is written there."""

    def __init__(self, chats: Any) -> None:
        self.chats, self.writes = chats, 0
        below = chats.sql_store.sql_store
        insert = below.insert

        async def counted(table: str, data: Any) -> None:
            self.writes += 1
            await insert(table, data)

        below.insert = counted

    async def keep(self, *ids: str, user: str | None = None, answer: str = "hello") -> None:
        """Give it chats of one user."""
        headers = core("request_headers")
        data = {"__authenticated_user": core("datatypes").User(user, None)} if user else None
        token = headers.PROVIDER_DATA_VAR.set(data)
        try:
            for id in ids:
                message = _TYPES.OpenAIUserMessageParam(role="user", content=f"asked {id}")
                await self.chats.store_chat_completion(completion(id, answer), [message])
        finally:
            headers.PROVIDER_DATA_VAR.reset(token)

    async def kept(self) -> dict[str, tuple[str, str, str]]:
        """By the chat's id: who owns it, what was asked, what was answered."""
        await self.chats.flush()
        found = await self.chats.sql_store.sql_store.fetch_all(table="chats")
        return {
            row["id"]: (
                row["owner_principal"],
                row["input_messages"][0]["content"],
                row["choices"][0]["message"]["content"],
            )
            for row in found.data
        }


def completion(id: str, answer: str) -> Any:
    message = {"role": "assistant", "content": answer}
    return _TYPES.OpenAIChatCompletion(
        id=id, created=1, model="m", choices=[{"index": 0, "finish_reason": "stop", "message": message}]
    )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    datatypes, sqlstore = core("storage.datatypes"), core("storage.sqlstore.sqlstore")
    sqlstore.register_sqlstore_backends({"sql": datatypes.SqliteSqlStoreConfig(db_path=str(folder / "chats.db"))})
    chat_store.install()
    module = import_module(f"{CORE}.providers.utils.inference.inference_store")
    chats = module.InferenceStore(datatypes.InferenceStoreReference(backend="sql", table_name="chats"), [])
    await chats.initialize()
    try:
        yield Store(chats)
    finally:
        await chats.shutdown()
        await sqlstore.shutdown_sqlstore_backends()


def test_many_are_written_at_a_time(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as store:
            ids = [f"c{number}" for number in range(_CHATS)]
            await store.keep(*ids)
            assert await store.kept() == {id: ("", f"asked {id}", "hello") for id in ids}
            assert store.writes <= 2

    asyncio.run(work())


def test_each_has_its_owner(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as store:
            of = {f"c{number}": "ann" if number % 3 else "bob" for number in range(20)}
            for id, user in of.items():
                await store.keep(id, user=user)
            assert {id: owner for id, (owner, _, _) in (await store.kept()).items()} == of

    asyncio.run(work())


def test_an_id_twice(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as store:
            more = [f"c{number}" for number in range(_CHATS)]
            await store.keep("a", "b", *more, "a", "c")
            await store.keep("b", answer="again")
            answers = {id: answer for id, (_, _, answer) in (await store.kept()).items()}
            assert answers == {"a": "hello", "b": "again", "c": "hello", **dict.fromkeys(more, "hello")}

    asyncio.run(work())


def test_what_waits_is_what_will_be_kept(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as store:
            answer = completion("a", "hello")
            asked = _TYPES.OpenAIUserMessageParam(role="user", content="asked a")
            gone = [weakref.ref(answer), weakref.ref(asked)]
            await store.chats.store_chat_completion(answer, [asked])
            del answer, asked
            assert [ref() for ref in gone] == [None, None], "the whole answer waits"
            assert await store.kept() == {"a": ("", "asked a", "hello")}

    asyncio.run(work())


def test_one_that_cannot_be_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with opened(tmp_path) as store:
            broken = completion("broken", "x")
            broken.choices = object()
            await store.keep("before")
            await store.chats.store_chat_completion(broken, [])
            await store.keep("after")
            assert set(await store.kept()) == {"before", "after"}

    asyncio.run(work())
    assert "The chat broken was not kept: " in caplog.text


def test_the_database_is_there_before_the_first_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_store, "_opened", None)
    monkeypatch.setattr(chat_store, "_stores", [])

    def tables() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "chats.db")) as database:
            return [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    async def work() -> None:
        async with opened(tmp_path):
            assert tables() == []
            await asyncio.gather(chat_store.opened(), chat_store.opened())
            assert tables() == ["chats"]

    asyncio.run(work())


def test_a_database_that_cannot_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chat_store, "_opened", None)
    monkeypatch.setattr(chat_store, "_stores", [])

    async def refused() -> None:
        raise OSError("disk full")

    async def work() -> None:
        async with opened(tmp_path) as store:
            # A real one that fails would leave its driver's thread about.
            monkeypatch.setattr(store.chats.sql_store.sql_store, "_ensure_engine", refused)
            await chat_store.opened()

    asyncio.run(work())
    assert "The store of chats cannot be opened: disk full" in caplog.text
