"""One key of LiteLLM's config, and tables of keys written as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Use(StrEnum):
    """What becomes of a key here."""

    HONOURED = "honoured"
    NEEDS_PROXY = "needs a proxy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Key:
    """A documented key: what it means in one line, and how it is honoured or why it is not."""

    name: str
    use: Use
    meaning: str
    how: str


def table(use: Use, how: str, lines: str) -> Iterator[Key]:
    """The keys of a text of lines ``name name …: meaning``; names of one line share the meaning."""
    for line in lines.strip().splitlines():
        names, _, meaning = line.strip().partition(": ")
        for name in names.split():
            yield Key(name, use, meaning, how)
