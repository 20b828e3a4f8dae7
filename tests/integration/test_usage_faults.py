"""Whatever becomes of the database, or of the server: no request fails, and what is lost is counted."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage.tables import LOST
from tests.integration.conftest import litellm_config
from tests.line import OPENAI
from tests.postgresql import postgresql
from tests.small_disk import small_disk
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream
from tests.usage.records import rows_at
from tests.waiting import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.any_host,
    pytest.mark.embedded_only("what becomes of the records is the same in every mode"),
]

CALLERS = 8
# Seconds that a PostgreSQL stays away at least.
AWAY = 30


@dataclass
class Load:
    """Callers who ask over and over; ``ended`` is when the answer with each call id was there."""

    ended: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def caller(self, client: httpx.AsyncClient, number: int) -> None:
        while not self.over.is_set():
            body = {"model": "gpt", "messages": [{"role": "user", "content": f"caller {number}"}]}
            began = time.monotonic()
            try:
                answer = await client.post(f"{OPENAI}/chat/completions", json=body)
            except httpx.HTTPError as exc:
                if not self.over.is_set():
                    self.failed.append(repr(exc))
                return
            self.slowest = max(self.slowest, time.monotonic() - began)
            if answer.status_code == 200:
                self.ended[answer.json()["litellm"]["call_id"]] = time.time()
            else:
                self.failed.append(answer.text)


@asynccontextmanager
async def load_on(stack: Stack) -> AsyncIterator[Load]:
    load = Load()
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        callers = [asyncio.create_task(load.caller(client, number)) for number in range(CALLERS)]
        try:
            yield load
        finally:
            load.over.set()
            await asyncio.gather(*callers)


async def sure(holds: Callable[[], Any], seconds: float = 30) -> None:
    await asyncio.to_thread(until, holds, seconds)


def file_settings(stack: Stack) -> UsageSettings:
    return UsageSettings(url=f"sqlite:///{stack.folder}/store/litellm_usage.db")


def ids(settings: UsageSettings) -> set[str]:
    return {row["call_id"] for row in rows_at(settings)}


def test_a_killed_server_loses_the_last_second_at_most(upstream: Upstream, tmp_path: Path) -> None:
    with running_stack(tmp_path, litellm_config(upstream)) as stack:
        settings = file_settings(stack)
        for _ in range(2):
            load, killed = asyncio.run(_until_killed(stack))
            old = {identity for identity, ended in load.ended.items() if ended < killed - 1}
            assert len(old) > 100
            assert old <= ids(settings)
            # None is there by half: what is written of a call is written with it.
            assert all(row["status"] == 200 and row["input_tokens"] for row in rows_at(settings))
            with sqlite3.connect(str(settings.url).removeprefix("sqlite:///")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
            stack.restart()
        before = len(rows_at(settings))
        stack.openai().chat.completions.create(model="gpt", messages=[{"role": "user", "content": "after"}])
        until(lambda: len(rows_at(settings)) == before + 1)


async def _until_killed(stack: Stack) -> tuple[Load, float]:
    async with load_on(stack) as load:
        await sure(lambda: len(load.ended) > 400)
        killed = time.time()
        await asyncio.to_thread(stack.kill)
        load.over.set()
    return load, killed


def test_a_locked_database(upstream: Upstream, tmp_path: Path) -> None:
    with running_stack(tmp_path, litellm_config(upstream)) as stack:
        load = asyncio.run(_while_locked(stack))
        until(lambda: load.ended.keys() <= ids(file_settings(stack)))
        assert rows_at(file_settings(stack), LOST) == []
        assert "cannot be written" in stack.log and "are written again" in stack.log


async def _while_locked(stack: Stack) -> Load:
    settings = file_settings(stack)
    async with load_on(stack) as load:
        await sure(lambda: load.ended and ids(settings))
        with _locked(settings):
            await sure(lambda: "cannot be written" in stack.log)
            count = len(load.ended)
            await sure(lambda: len(load.ended) > count + 50)
    assert load.failed == []
    assert load.slowest < 5, "nobody waits for a database"
    return load


@contextmanager
def _locked(settings: UsageSettings) -> Iterator[None]:
    connection = sqlite3.connect(settings.url.removeprefix("sqlite:///"), isolation_level=None, timeout=20)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def test_a_full_disk(upstream: Upstream, tmp_path: Path) -> None:
    with small_disk(2**20) as disk:
        settings = UsageSettings(url=f"sqlite:///{disk}/usage.db")
        env = {"LITELLM_USAGE_URL": settings.url, "LITELLM_USAGE_QUEUE_SIZE": "50"}
        with running_stack(tmp_path, litellm_config(upstream), **env) as stack:
            load = asyncio.run(_while_full(stack, settings, disk / "filler"))
            until(lambda: "are written again" in stack.log)
            stack.stop()
        lost = sum(row["calls"] for row in rows_at(settings, LOST))
        assert lost > 0
        assert len(load.ended.keys() - ids(settings)) == lost


async def _while_full(stack: Stack, settings: UsageSettings, filler: Path) -> Load:
    async with load_on(stack) as load:
        await sure(lambda: load.ended and ids(settings))
        with filler.open("wb", buffering=0) as out:
            while True:
                try:
                    out.write(b"x" * 512)
                except OSError:
                    break
        await sure(lambda: "cannot be written" in stack.log)
        count = len(load.ended)
        await sure(lambda: len(load.ended) > count + 200)
        await asyncio.to_thread(filler.unlink)
    assert load.failed == []
    assert load.slowest < 5, "nobody waits for a database"
    return load


def test_a_postgresql_that_is_away(upstream: Upstream, tmp_path: Path) -> None:
    with postgresql() as server:
        settings = UsageSettings.model_validate({"url": server.url, "password": server.password})
        env = {"LITELLM_USAGE_URL": server.url, "LITELLM_USAGE_PASSWORD": server.password}
        env["LITELLM_USAGE_QUEUE_SIZE"] = "300"
        with running_stack(tmp_path, litellm_config(upstream), **env) as stack:
            load = asyncio.run(_while_away(stack, server, settings))
            until(lambda: "are written again" in stack.log)
            stack.stop()
            assert server.password not in stack.log
        lost = sum(row["calls"] for row in rows_at(settings, LOST))
        assert lost > 0, "more than the queue holds"
        assert len(load.ended.keys() - ids(settings)) == lost
        assert len(load.ended) > 500


async def _while_away(stack: Stack, server: Any, settings: UsageSettings) -> Load:
    async with load_on(stack) as load:
        await sure(lambda: load.ended and ids(settings))
        server.stop()
        # The time is what the test is about, and more calls than the queue holds.
        await asyncio.sleep(AWAY)
        await sure(lambda: len(load.ended) > 500, seconds=120)
        await asyncio.to_thread(server.start)
    assert load.failed == []
    assert load.slowest < 5, "nobody waits for a database"
    return load
