"""Records reach the database whatever becomes of it, or are counted; nobody waits for them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage import ledger as module
from llama_stack_provider_litellm.usage import writer
from llama_stack_provider_litellm.usage.ledger import Ledger
from llama_stack_provider_litellm.usage.tables import AUDIT, LOST, TAGS
from llama_stack_provider_litellm.usage.writer import Writer
from tests.postgresql import PostgreSQL, postgresql
from tests.small_disk import small_disk
from tests.usage.records import a_call, rows_at, written
from tests.waiting import until


@contextmanager
def running(settings: UsageSettings) -> Iterator[Ledger]:
    ledger = Ledger(settings, str)
    ledger.start()
    try:
        yield ledger
    finally:
        asyncio.run(ledger.close())


def test_a_call_and_its_tags(settings: UsageSettings) -> None:
    caller = Caller(user="ann", agent="a", project="p", org="o", tags=("x", "y", "x"), api_key="sk-virtual")
    values = {"input_tokens": 3, "output_tokens": 4, "cost_usd": 0.1 + 0.2, "cost_source": "litellm", "status": 200}
    call = a_call("gpt", caller=caller, stream=True, first_token_seconds=0.5, duration_seconds=1.25, **values)
    written(settings, [call])
    (row,) = rows_at(settings)
    assert {name: row[name] for name in values} == values, "to the last digit"
    assert (row["user_id"], row["agent"], row["project"], row["org"]) == ("ann", "a", "p", "o")
    assert (row["stream"], row["cache_hit"], row["cached_tokens"], row["error"]) == (True, False, None, None)
    # printf sk-virtual | sha256sum
    assert row["key_hash"] == "20a4978a8ac1fc791528e3a4c4edbb6f0dcc8ae3dee37f8813ec55991e3964dc"
    began = row["started_at"].replace(tzinfo=UTC)
    assert abs(began.timestamp() - call.started_at) < 1e-3
    assert {tag["tag"] for tag in rows_at(settings, TAGS)} == {"x", "y"}
    assert len(rows_at(settings, TAGS)) == 2


def test_a_record_is_written_within_a_second(settings: UsageSettings) -> None:
    with running(settings) as ledger:
        for _ in range(3):
            before, began = len(rows_at(settings)), time.monotonic()
            ledger.record(a_call())
            until(lambda before=before: len(rows_at(settings)) > before, seconds=5)  # type: ignore[misc]
            assert time.monotonic() - began < 1


def test_two_servers_add_up(settings: UsageSettings) -> None:
    with running(settings) as one, running(settings) as other:
        threads = [
            threading.Thread(target=lambda ledger=ledger: [ledger.record(a_call()) for _ in range(2000)])
            for ledger in (one, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (one.dropped, other.dropped) == (0, 0)
    assert len(rows_at(settings)) == 4000


def test_a_batch_that_is_there_already_is_not_there_twice(settings: UsageSettings) -> None:
    call = a_call(caller=Caller(tags=("x",)))
    written(settings, [call])
    written(settings, [call, a_call()])
    assert len(rows_at(settings)) == 2
    assert len(rows_at(settings, TAGS)) == 1


def test_a_full_queue_drops_the_newest_and_counts_them(
    sqlite_settings: UsageSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = sqlite_settings.model_copy(update={"queue_size": 5})
    written(settings, [a_call("first")])
    calls = [a_call() for _ in range(40)]
    with running(settings) as ledger, _locked(settings):
        ledger.record(calls[0])
        # The writer has this one in its hands.
        until(lambda: ledger._queue.empty())
        for call in calls[1:]:
            began = time.perf_counter()
            ledger.record(call)
            assert time.perf_counter() - began < 0.05
        assert ledger.dropped == 34
    assert [row["id"] for row in rows_at(settings)][1:] == [call.id for call in calls[:6]]
    (lost,) = rows_at(settings, LOST)
    assert lost["calls"] == 34
    assert "the queue was full" in lost["reason"]
    first = datetime.fromtimestamp(calls[6].started_at, UTC)
    assert abs(lost["since"].replace(tzinfo=UTC) - first) < timedelta(milliseconds=1)


def test_a_locked_database_is_waited_for(sqlite_settings: UsageSettings, caplog: pytest.LogCaptureFixture) -> None:
    written(sqlite_settings, [a_call("first")])
    with running(sqlite_settings) as ledger:
        with _locked(sqlite_settings):
            ledger.record(a_call())
            until(lambda: "cannot be written" in caplog.text, seconds=20)
            assert len(rows_at(sqlite_settings)) == 1
        until(lambda: len(rows_at(sqlite_settings)) == 2)
        until(lambda: "are written again. Calls of this server without one: 0" in caplog.text)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"], "once each"
    assert "database is locked" in caplog.text
    assert rows_at(sqlite_settings, LOST) == []


@contextmanager
def _locked(settings: UsageSettings) -> Iterator[None]:
    """Another process writes, and does not end."""
    connection = sqlite3.connect(settings.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def test_a_full_disk_loses_what_it_cannot_hold_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(2**20) as disk:
        settings = UsageSettings(url=f"sqlite:///{disk}/usage.db", queue_size=200)
        filler = disk / "filler"
        with running(settings) as ledger:
            ledger.record(a_call("before"))
            until(lambda: Path(f"{disk}/usage.db").exists() and rows_at(settings))
            _fill(filler)
            for number in range(1500):
                ledger.record(a_call(f"{number:0200}"))
            until(lambda: "cannot be written" in caplog.text and ledger.dropped)
            dropped = ledger.dropped
            filler.unlink()
            until(lambda: "are written again" in caplog.text)
            ledger.record(a_call("after"))
        found = rows_at(settings)
        assert len(found) + sum(lost["calls"] for lost in rows_at(settings, LOST)) == 1502
        assert ledger.dropped == dropped > 0
        assert (found[0]["model"], found[-1]["model"]) == ("before", "after")
        with sqlite3.connect(f"{disk}/usage.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    assert "disk is full" in caplog.text or "disk I/O error" in caplog.text


def _fill(file: Path) -> None:
    """Take what is left of a disk."""
    with file.open("wb", buffering=0) as out:
        for size in (4096, 1):
            while True:
                try:
                    if not out.write(b"x" * size):
                        break
                except OSError:
                    break


def test_a_postgresql_that_was_away_gets_what_waited(caplog: pytest.LogCaptureFixture) -> None:
    with postgresql() as server, running(_at(server)) as ledger:
        ledger.record(a_call("before"))
        until(lambda: rows_at(_at(server)))
        server.stop()
        for _ in range(500):
            ledger.record(a_call("while it was away"))
        until(lambda: "cannot be written" in caplog.text)
        assert server.password not in caplog.text
        server.start()
        until(lambda: len(rows_at(_at(server))) == 501, seconds=20)
        assert ledger.dropped == 0


def test_a_postgresql_that_is_not_there_yet_is_waited_for() -> None:
    with postgresql() as server:
        server.stop()
        with running(_at(server)) as ledger:
            ledger.record(a_call())
            server.start()
            until(lambda: rows_at(_at(server)), seconds=20)


def test_the_end_does_not_wait_for_a_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with postgresql() as server:
        server.stop()
        ledger = Ledger(_at(server), str)
        for _ in range(3):
            ledger.record(a_call())
        began = time.monotonic()
        asyncio.run(ledger.close())
        assert time.monotonic() - began < 4.5, "the host gives every provider five seconds"
    assert "calls since the start without one: 3" in caplog.text


def _at(server: PostgreSQL) -> UsageSettings:
    return UsageSettings.model_validate({"url": server.url, "password": server.password})


def test_old_records_go(settings: UsageSettings) -> None:
    day = 86400
    old = [a_call("old", caller=Caller(tags=("t",)), started_at=time.time() - age * day) for age in (31, 60, 400)]
    young = [a_call("young", started_at=time.time() - age * day) for age in (0, 1, 29)]
    for call in old:
        call.question, call.answer = {"a": "b"}, "c"
    forever = settings.model_copy(update={"retention_days": 0, "audit": "full"})
    written(forever, [*old, *young])
    assert len(rows_at(settings)) == 6
    with running(settings.model_copy(update={"retention_days": 30})):
        until(lambda: {row["model"] for row in rows_at(settings)} == {"young"})
    assert rows_at(settings, TAGS) == rows_at(settings, AUDIT) == []


def test_one_that_the_database_refuses_takes_no_other_with_it(
    settings: UsageSettings, caplog: pytest.LogCaptureFixture
) -> None:
    bad = a_call(api=None)
    ledger = Ledger(settings, str)
    for call in (a_call("one"), bad, a_call("two")):
        ledger.record(call)
    asyncio.run(ledger.close())
    assert sorted(row["model"] for row in rows_at(settings)) == ["one", "two"]
    assert ledger.dropped == 1
    assert f"the database refuses call {bad.id}" in caplog.text


def test_one_that_cannot_be_made_a_row_of_takes_no_other_with_it(
    sqlite_settings: UsageSettings, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(sqlite_settings, str)
    for call in (a_call("one"), a_call(tags=None), a_call("two")):
        ledger.record(call)
    asyncio.run(ledger.close())
    assert sorted(row["model"] for row in rows_at(sqlite_settings)) == ["one", "two"]
    assert ledger.dropped == 1
    assert "cannot be made a row of" in caplog.text
    assert "could not be made a row of" in rows_at(sqlite_settings, LOST)[0]["reason"]


def test_what_was_asked_waits_in_bounded_memory(
    sqlite_settings: UsageSettings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_IN_AUDIT", 1000)
    settings = sqlite_settings.model_copy(update={"audit": "full"})
    with running(settings) as ledger:
        for letters in (600, 600, 600):
            ledger.record(a_call(question={"prompt": "x" * letters}, answer="y"))
        until(lambda: len(rows_at(settings)) == 3)
        assert len(rows_at(settings, AUDIT)) == 1
        ledger.record(a_call(question={"prompt": "x" * 600}, answer="y"))
        until(lambda: len(rows_at(settings, AUDIT)) == 2)
    assert caplog.text.count("has no audit") == 1
    assert len(rows_at(settings)) == 4


def test_what_was_dropped_takes_no_room_for_audit(
    sqlite_settings: UsageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_IN_AUDIT", 10_000)
    settings = sqlite_settings.model_copy(update={"audit": "full", "queue_size": 2})
    written(settings, [a_call("first")])
    with running(settings) as ledger:
        with _locked(settings):
            for _ in range(50):
                ledger.record(a_call(question={"prompt": "x" * 900}, answer="y"))
            assert ledger.dropped >= 40
        until(lambda: len(rows_at(settings)) == 51 - ledger.dropped)
        until(lambda: ledger._writer and not ledger._writer.in_hand)
        ledger.record(a_call("last", question={"prompt": "x" * 9000}, answer="y"))
        until(lambda: any("x" * 9000 in row["question"] for row in rows_at(settings, AUDIT)))


def test_calls_that_end_after_the_end_are_counted(sqlite_settings: UsageSettings) -> None:
    ledger = Ledger(sqlite_settings, str)
    ledger.record(a_call())
    asyncio.run(ledger.close())
    ledger.record(a_call())
    assert ledger.dropped == 1
    ledger.start()
    ledger.record(a_call())
    asyncio.run(ledger.close())
    assert len(rows_at(sqlite_settings)) == 2
    assert [row["calls"] for row in rows_at(sqlite_settings, LOST)] == [1]


def test_a_call_between_an_empty_batch_and_the_end_is_written(
    sqlite_settings: UsageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, original = Ledger(sqlite_settings, str), Writer._batch

    def batch(self: Writer) -> Any:
        found = original(self)
        if not found and not self._stopping.is_set():
            ledger.record(a_call())
            self.stop(5)
        return found

    monkeypatch.setattr(Writer, "_batch", batch)
    ledger._queue.put(None)
    ledger.start()
    until(lambda: ledger._thread and not ledger._thread.is_alive())
    assert len(rows_at(sqlite_settings)) == 1


def test_refused_and_dropped_calls_are_counted_once(settings: UsageSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away amid the rows of a batch, and again before it has said that a loss is written down."""
    written(settings, [a_call("first")])
    failing = iter([False, False, True] + [False, True] + [False] * 50)
    original = Writer._add

    def add(
        self: Writer, connection: sa.Connection, table: sa.Table, values: list[dict[str, Any]], *, again: bool
    ) -> None:
        original(self, connection, table, values, again=again)
        if (table is LOST or len(values) == 1) and next(failing):
            connection.commit()
            raise OSError("gone")

    monkeypatch.setattr(Writer, "_add", add)
    ledger = Ledger(settings, str)
    for call in (a_call(api=None), a_call("one"), a_call("two"), a_call(api=None), a_call("three")):
        ledger.record(call)
    until(lambda: len(rows_at(settings)) == 4)
    until(lambda: sum(row["calls"] for row in rows_at(settings, LOST)) == 2)
    asyncio.run(ledger.close())
    assert ledger.dropped == 2
    assert sum(row["calls"] for row in rows_at(settings, LOST)) == 2


def test_an_end_without_a_database_does_not_spin(sqlite_settings: UsageSettings) -> None:
    written(sqlite_settings, [a_call()])
    ledger = Ledger(sqlite_settings, str)
    with _locked(sqlite_settings):
        ledger.record(a_call())
        began = time.process_time()
        asyncio.run(ledger.close())
        assert time.process_time() - began < 1


def test_many_old_records_hold_no_new_one_up(settings: UsageSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_EXPIRE_AT_ONCE", 10)
    old = time.time() - 40 * 86400
    written(settings.model_copy(update={"retention_days": 0}), [a_call("old", started_at=old) for _ in range(95)])
    with running(settings.model_copy(update={"retention_days": 30})) as ledger:
        ledger.record(a_call("new"))
        until(lambda: [row["model"] for row in rows_at(settings)] == ["new"])


def test_a_record_costs_a_call_next_to_nothing(sqlite_settings: UsageSettings) -> None:
    with running(sqlite_settings) as ledger:
        calls = [a_call() for _ in range(2000)]
        began = time.perf_counter()
        for call in calls:
            ledger.record(call)
        each = (time.perf_counter() - began) / len(calls)
    assert each < 20e-6, f"{each * 1e6:.1f} µs"


def test_records_of_a_busy_process_are_written_in_time(sqlite_settings: UsageSettings) -> None:
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(range(100))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        began = time.monotonic()
        written(sqlite_settings, [a_call() for _ in range(3000)])
        took = time.monotonic() - began
    finally:
        over.set()
        thread.join()
    assert len(rows_at(sqlite_settings)) == 3000
    # Each statement waits five milliseconds for its turn: a statement for each row would take fifteen seconds.
    assert took < 7
