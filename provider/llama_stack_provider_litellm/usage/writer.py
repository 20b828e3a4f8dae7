"""The thread that writes usage records: in batches, again when the database could not take them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError

from . import metrics
from .call import Call
from .database import Database, words_of
from .losses import Losses
from .rows import Redact, Rows, plain
from .tables import AUDIT, CALLS, LOST, TAGS

logger = logging.getLogger(__name__)

# A record is written so many seconds after its call at the latest, where the database keeps up; so many at once.
_PAUSE = 0.25
_MOST_AT_ONCE = 1000
# Seconds until the database is asked again.
_SOON, _SELDOM = 0.25, 2.0
# How long, in seconds, the thread waits for a call before it looks for something else to do.
_LOOK = 30.0
# How often, in seconds, old records are looked for, and how many are deleted in one transaction.
_EXPIRE_EVERY = 3600.0
_EXPIRE_AT_ONCE = 5000


class Writer:
    """Runs in a thread of its own, and is told what to write through a queue. A None in it says that no more comes."""

    def __init__(
        self,
        database: Database,
        calls: queue.Queue[Call | None],
        losses: Losses,
        *,
        redact: Redact,
        retention_days: int,
        written: Callable[[int], None],
    ) -> None:
        """``written`` is told how many letters of questions and answers wait no more."""
        self._database = database
        self._calls = calls
        self._losses = losses
        self._redact = redact
        self._retention = timedelta(days=retention_days)
        self._written = written
        self._ready = False
        self._trouble = ""
        self._expire_at = 0.0
        self._stopping = threading.Event()
        self._until = float("inf")
        self.in_hand = 0
        """How many calls are being written."""

    def stop(self, seconds: float) -> None:
        """Write what waits, for so many seconds at most, and end."""
        self._until = time.monotonic() + seconds
        self._stopping.set()
        # In a full queue there is no room for it: then the thread does not wait for anything to come.
        with suppress(queue.Full):
            self._calls.put_nowait(None)

    @property
    def trouble(self) -> str:
        """Why the database does not take records at the moment; empty when it does."""
        return self._trouble

    @property
    def _is_late(self) -> bool:
        """Whether the time that a stop leaves is over."""
        return time.monotonic() >= self._until

    def run(self) -> None:
        """Write, until that is stopped and nothing waits."""
        try:
            self._try(lambda: None)
            while True:
                # Asked first: what comes between an empty batch and a stop is still to be written.
                is_last = self._stopping.is_set()
                batch = self._batch()
                self.in_hand = len(batch)
                if batch:
                    self._write(batch)
                self.in_hand = 0
                if self._losses.are_untold and not self._is_late:
                    self._try(self._tell)
                if not batch and is_last:
                    return
                if not self._stopping.is_set() and time.monotonic() >= self._expire_at:
                    self._expire_at = time.monotonic() + _EXPIRE_EVERY
                    self._try(self._expire)
        finally:
            self._database.close()

    def _batch(self) -> list[Call]:
        """The calls of the next moment; none when it is time for something else."""
        wait = 0.0 if self._stopping.is_set() else min(max(0.0, self._expire_at - time.monotonic()), _LOOK)
        if self._losses.are_untold:
            wait = min(wait, _SELDOM)
        batch: list[Call | None] = []
        with suppress(queue.Empty):
            batch.append(self._calls.get(timeout=wait))
            self._stopping.wait(_PAUSE)
            while len(batch) < _MOST_AT_ONCE:
                batch.append(self._calls.get_nowait())
        return [call for call in batch if call is not None]

    def _write(self, batch: list[Call]) -> None:
        """Write a batch, however long the database takes; what cannot be written is lost, and counted."""
        rows, refused = self._rows(batch), set[str]()
        pause = _SOON
        while self._is_late or not self._try(lambda: self._insert(rows, refused)):
            if self._is_late:
                self._lose(rows.calls, self._trouble)
                break
            # Not for the stop: a stop leaves time for another try.
            time.sleep(max(0.0, min(pause, self._until - time.monotonic())))
            pause = min(pause * 2, _SELDOM)
        self._written(sum(call.letters for call in batch))

    def _rows(self, batch: Iterable[Call]) -> Rows:
        rows = Rows()
        for call in batch:
            try:
                rows.add(call, self._redact)
            except Exception as exc:  # a call that we have not foreseen must not end the records of all others
                logger.exception("Usage records: call %s cannot be made a row of.", call.id)
                self._losses.add(1, call.started_at, f"it could not be made a row of: {exc!r}")
                metrics.dropped(1)
        return rows

    def _try(self, work: Callable[[], None]) -> bool:
        """Whether the work was done. Trouble is a line in the log when it begins and when it ends."""
        try:
            if not self._ready:
                self._database.upgrade()
                self._ready = True
            work()
        except Exception as exc:  # SQLAlchemy's, Alembic's, a driver's own
            if not self._trouble:
                logger.warning(
                    "Usage records cannot be written to %s; %d at most wait in memory. %s",
                    *(self._database.where, self._calls.maxsize, words_of(exc)),
                )
            self._trouble = words_of(exc)
            # What has been done to the tables meanwhile is looked at again.
            self._ready = False
            return False
        if self._trouble:
            self._trouble = ""
            logger.warning("Usage records are written again. Calls of this server without one: %d.", self._losses.total)
        return True

    def _insert(self, rows: Rows, refused: set[str]) -> None:
        """Insert rows. Those that the database refuses for themselves are lost, and in ``refused`` from then on."""
        try:
            self._insert_at_once(rows)
        except (DataError, IntegrityError):
            # One of them is not to be had, or there already: all but that one.
            for only in rows.each():
                call = only.calls[0]
                try:
                    self._insert_at_once(only, again=True)
                except (DataError, IntegrityError) as exc:
                    if call["id"] not in refused:
                        refused.add(call["id"])
                        logger.warning("Usage records: the database refuses call %s: %s", call["id"], words_of(exc))
                        self._lose([call], "the database refused it")

    def _insert_at_once(self, rows: Rows, *, again: bool = False) -> None:
        with self._database.engine.begin() as connection:
            for table, values in ((CALLS, rows.calls), (TAGS, rows.tags), (AUDIT, rows.audit)):
                if values:
                    self._add(connection, table, values, again=again)

    def _tell(self) -> None:
        """Write down how many calls have no record."""
        while (loss := self._losses.next()) is not None:
            since, until = (datetime.fromtimestamp(moment, UTC) for moment in (loss.since, loss.until))
            reason = plain(loss.reason, self._redact)
            row = {"id": loss.id, "since": since, "until": until, "calls": loss.calls, "reason": reason}
            with self._database.engine.begin() as connection:
                self._add(connection, LOST, [row], again=True)
            self._losses.told()

    def _add(self, connection: sa.Connection, table: sa.Table, values: list[dict[str, Any]], *, again: bool) -> None:
        if self._database.is_sqlite and not again:
            # Many rows in a statement, which SQLAlchemy has for a plain one alone.
            connection.execute(sa.insert(table), values)
            return
        # What was committed without an answer is there already.
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(table).on_conflict_do_nothing()
        connection.execute(insert, values)

    def _lose(self, calls: list[dict[str, Any]], reason: str) -> None:
        if calls:
            self._losses.add(len(calls), min(call["started_at"] for call in calls).timestamp(), reason)
            metrics.dropped(len(calls))

    def _expire(self) -> None:
        """Delete a part of what is older than its time; the next part follows when what waits has been written."""
        if not self._retention:
            return
        oldest = datetime.now(UTC) - self._retention
        with self._database.engine.begin() as connection:
            old = sa.select(CALLS.c.id).where(CALLS.c.started_at < oldest).limit(_EXPIRE_AT_ONCE)
            ids = list(connection.execute(old).scalars())
            for table in (TAGS, AUDIT, CALLS):
                connection.execute(sa.delete(table).where(table.c.id.in_(ids)))
            connection.execute(sa.delete(LOST).where(LOST.c.until < oldest))
        if len(ids) == _EXPIRE_AT_ONCE:
            self._expire_at = time.monotonic()
