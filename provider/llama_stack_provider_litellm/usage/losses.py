"""How many calls have no record."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """So many calls, begun between two times (seconds since the epoch), and why there is no record of them."""

    calls: int
    since: float
    until: float
    reason: str


class Losses:
    """Counts them; what has been counted is told once."""

    def __init__(self) -> None:
        self.total = 0
        """Since the start."""
        self._lock = threading.Lock()
        self._untold: Loss | None = None

    @property
    def are_untold(self) -> bool:
        """Whether nobody has been told of some."""
        return self._untold is not None

    def add(self, calls: int, since: float, reason: str) -> None:
        """Some more."""
        with self._lock:
            self.total += calls
            before = self._untold or Loss(0, since, since, reason)
            self._untold = Loss(before.calls + calls, min(before.since, since), time.time(), before.reason)

    def take(self) -> Loss | None:
        """Those that nobody has been told of; whoever takes them has to."""
        with self._lock:
            untold, self._untold = self._untold, None
            return untold

    def give_back(self, loss: Loss) -> None:
        """They could not be told after all."""
        with self._lock:
            now = self._untold
            if now is not None:
                loss = Loss(loss.calls + now.calls, min(loss.since, now.since), max(loss.until, now.until), loss.reason)
            self._untold = loss
