"""What the converters of streams ask of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable
from typing import Protocol


class Closable[Chunk](AsyncIterable[Chunk], Protocol):
    """Chunks that come one by one, from a source that can be given up (an engine's Stream)."""

    def aclose(self) -> Awaitable[object]:
        """Give the source up."""
