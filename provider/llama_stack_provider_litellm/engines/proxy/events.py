"""Server-sent events, read as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_BYTES = 16 * 2**20
"""A longer event is refused; the longest honest one holds a tool call's arguments."""
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventTooLong(Exception):
    """More than MOST_BYTES came without the end of an event."""


class Decoder:
    """Makes the data of events out of pieces that may end anywhere, amid a character too."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._returned = False
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that ``piece`` completes. Raises EventTooLong."""
        if not piece:
            return
        # The second half of a line's end that was taken for a whole one.
        self._rest += piece[1:] if self._returned and piece.startswith(b"\n") else piece
        self._returned = piece.endswith(b"\r")
        start = 0
        for end in _LINE_END.finditer(self._rest, self._searched):
            event = self._line(bytes(self._rest[start : end.start()]))
            start = end.end()
            if event is not None:
                yield event
        del self._rest[:start]
        self._searched = len(self._rest)
        if self._size + len(self._rest) > MOST_BYTES:
            raise EventTooLong

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data) if data else None
        # Comments (keep-alive), event names and ids say nothing here.
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._size += len(line)
        return None
