"""How many calls have no record."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from .call import new_id


@dataclass(frozen=True, slots=True)
class Loss:
    """So many calls, begun between two times (seconds since the epoch), and why there is no record of them. The id is
    that of its row."""

    calls: int
    since: float
    until: float
    reason: str
    id: str = field(default_factory=new_id)


class Losses:
    """Counts them. What has been counted is written down as one loss, and what comes meanwhile as the next."""

    def __init__(self) -> None:
        self.total = 0
        """Since the start."""
        self._lock = threading.Lock()
        self._counting: Loss | None = None
        self._telling: Loss | None = None

    @property
    def are_untold(self) -> bool:
        """Whether some have not been written down."""
        return self._counting is not None or self._telling is not None

    def add(self, calls: int, since: float, reason: str) -> None:
        """Some more."""
        with self._lock:
            self.total += calls
            now, before = time.time(), self._counting
            if before is None:
                self._counting = Loss(calls, since, now, reason)
            else:
                self._counting = replace(before, calls=before.calls + calls, since=min(before.since, since), until=now)

    def next(self) -> Loss | None:
        """The loss to be written down; the same until it is told."""
        with self._lock:
            if self._telling is None:
                self._telling, self._counting = self._counting, None
            return self._telling

    def told(self) -> None:
        """It has been written down."""
        with self._lock:
            self._telling = None
