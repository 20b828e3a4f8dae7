"""The usage records of a running stack: whoever serves a call hands it over, and never waits."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable

from ..config import UsageSettings
from . import metrics
from .audit import size_of
from .call import Call
from .database import Database
from .losses import Losses
from .writer import Writer

logger = logging.getLogger(__name__)

# Letters of questions and answers that may wait in memory; for those of further calls there is no room.
_MOST_IN_AUDIT = 64 * 2**20
# Seconds that an ending server gives the writer for what still waits. The host gives five to everything.
_LAST_WORDS = 2.5


class Ledger:
    """A bounded queue, and one thread that writes what is in it.

    When the queue is full the newest record is dropped, and counted: in the metric ``litellm.usage.dropped``, in the
    log, and in the table :data:`.tables.LOST` as soon as the database takes records again.
    """

    def __init__(self, settings: UsageSettings, redact: Callable[[str], str]) -> None:
        """Raises ConfigError for a database that cannot be used. ``redact`` takes the stack's secrets out of a text."""
        self.audits = settings.audit == "full"
        self._database = Database(settings)
        self._retention_days = settings.retention_days
        self._redact = redact
        self._queue: queue.Queue[Call | None] = queue.Queue(settings.queue_size)
        self._letters = _Letters()
        self._losses = Losses()
        self._starting = threading.Lock()
        self._closed = False
        self._writer: Writer | None = None
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many calls have no record, since the start."""
        return self._losses.total

    def start(self) -> None:
        """Begin to write; after a close, again."""
        with self._starting:
            self._closed = False
            if self._thread is not None and self._thread.is_alive():
                return
            self._writer = Writer(
                self._database,
                self._queue,
                self._losses,
                redact=self._redact,
                retention_days=self._retention_days,
                written=self._letters.gone,
            )
            self._thread = threading.Thread(target=self._writer.run, name="litellm-usage", daemon=True)
            self._thread.start()

    def record(self, call: Call) -> None:
        """Hand a call over that has ended. Never waits."""
        if self._closed:
            self.lose(call, "the stack was ending")
            return
        if self._thread is None or not self._thread.is_alive():
            self.start()
        if call.question is not None and not self._letters.come(call):
            call.question = call.answer = None
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            self._letters.gone(call.letters)
            trouble = self._writer.trouble if self._writer else ""
            self.lose(call, f"the queue was full. {trouble}".rstrip())

    async def close(self) -> None:
        """Write what still waits, if that takes no more than a moment."""
        thread, writer, self._closed = self._thread, self._writer, True
        if thread is None or writer is None or not thread.is_alive():
            return
        writer.stop(_LAST_WORDS)
        # It may be amid a statement when its time is over.
        await asyncio.to_thread(thread.join, _LAST_WORDS + 1)
        unwritten = self._queue.qsize() + writer.in_hand if thread.is_alive() else 0
        if self._losses.total + unwritten:
            total = self._losses.total + unwritten
            logger.warning("Usage records: calls since the start without one: %d. %s", total, writer.trouble)

    def lose(self, call: Call, reason: str) -> None:
        """Count a call of which there is no record."""
        if not self._closed and self._thread is None:
            self.start()
        self._losses.add(1, call.started_at, reason)
        metrics.dropped(1)


class _Letters:
    """How many letters of questions and answers wait, bounded."""

    def __init__(self) -> None:
        self._waiting = 0
        self._lock = threading.Lock()
        self._was_full = False

    def come(self, call: Call) -> bool:
        """Whether there is room for those of a call, which are counted then."""
        letters = size_of(call)
        with self._lock:
            if self._waiting + letters > _MOST_IN_AUDIT:
                if not self._was_full:
                    logger.warning(
                        "Usage records: no room for what is asked and answered; call %s has no audit.", call.id
                    )
                self._was_full = True
                return False
            self._waiting += letters
            self._was_full = False
        call.letters = letters
        return True

    def gone(self, letters: int) -> None:
        """So many do not wait any more."""
        with self._lock:
            self._waiting -= letters
