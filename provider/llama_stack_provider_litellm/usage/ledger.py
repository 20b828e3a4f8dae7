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

# Letters of questions that may wait in memory; for those of further calls there is no room.
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
        self._waiting_letters = 0
        self._losses = Losses()
        self._starting = threading.Lock()
        self._writer: Writer | None = None
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many calls have no record, since the start."""
        return self._losses.total

    def start(self) -> None:
        """Begin to write."""
        with self._starting:
            if self._thread is not None:
                return
            self._writer = Writer(
                self._database,
                self._queue,
                self._losses,
                redact=self._redact,
                retention_days=self._retention_days,
                written=self._written,
            )
            self._thread = threading.Thread(target=self._writer.run, name="litellm-usage", daemon=True)
            self._thread.start()

    def record(self, call: Call) -> None:
        """Hand a call over that has ended. Never waits, and never fails."""
        if self._thread is None:
            self.start()
        if call.question is not None:
            self._take_in(call)
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            trouble = self._writer.trouble if self._writer else ""
            self._losses.add(1, call.started_at, f"the queue was full. {trouble}".rstrip())
            metrics.dropped(1)

    async def close(self) -> None:
        """Write what still waits, if that takes no more than a moment."""
        thread, self._thread = self._thread, None
        if thread is None or self._writer is None:
            return
        self._writer.stop(_LAST_WORDS)
        # It may be amid a statement when its time is over.
        await asyncio.to_thread(thread.join, _LAST_WORDS + 1)
        lost = self._losses.total + (self._queue.qsize() if thread.is_alive() else 0)
        if lost:
            logger.warning("Usage records: calls since the start without one: %d. %s", lost, self._writer.trouble)

    def _take_in(self, call: Call) -> None:
        """Note the size of a question and its answer; without room for both they are left out."""
        letters = size_of(call.question) + 6 * (call.output_tokens or call.chunks)
        if self._waiting_letters + letters > _MOST_IN_AUDIT:
            call.question = call.answer = None
            logger.warning("Usage records: no room for what was asked in call %s; its row has no audit.", call.id)
            return
        call.letters = letters
        self._waiting_letters += letters

    def _written(self, letters: int) -> None:
        self._waiting_letters -= letters
