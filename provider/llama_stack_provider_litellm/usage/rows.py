"""A call as rows of the tables: no secret, no text that a database refuses, nothing that does not fit its column."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ..redaction import without_keys
from .audit import texts
from .call import Call
from .tables import CALLS, TAGS

Redact = Callable[[str], str]

# PostgreSQL takes no NUL, and neither database half of a character.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_COLUMNS = [column for column in CALLS.columns if column.name != "started_at"]
# What callers write freely. A model's name may be theirs behind a wildcard, but it is the config's in most cases, and
# a config's key may be a word such as "ollama": there only what looks like a key is taken out.
_CALLERS_OWN = frozenset({"request_id", "user_id", "agent", "project", "org"})
_NAMES = frozenset({"model", "deployment"})
# A longer question or answer is cut, and says so. So much more is looked at, for a key that the cut would halve.
_MOST_IN_AUDIT, _MARGIN = 1_000_000, 10_000
# Redaction holds all other threads up, for as long as it takes with this many letters.
_AT_ONCE = 50_000
# More than any vendor has, and what PostgreSQL's integer holds.
_MOST = 2**31 - 1


@dataclass(slots=True)
class Rows:
    """What some calls become: the rows of each table, by the columns' names."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)

    def add(self, call: Call, redact: Redact) -> None:
        """Take in the rows of a call. ``redact`` takes secrets out of a text."""
        values = {column.name: _fitting(getattr(call, column.name), column, redact) for column in _COLUMNS}
        values["started_at"] = datetime.fromtimestamp(call.started_at, UTC)
        tags = dict.fromkeys(_text(tag, TAGS.c.tag, redact) for tag in call.tags)
        audit = []
        if call.question is not None:
            question, answer = (_cut(text, redact) for text in texts(call))
            audit = [{"id": call.id, "question": question, "answer": answer}]
        # All of it or nothing.
        self.calls.append(values)
        self.tags += [{"id": call.id, "tag": tag} for tag in tags]
        self.audit += audit

    def each(self) -> Iterator[Rows]:
        """The same, call by call."""
        for call in self.calls:
            mine = call["id"]
            yield Rows(
                [call],
                [row for row in self.tags if row["id"] == mine],
                [row for row in self.audit if row["id"] == mine],
            )


def plain(text: str, redact: Redact) -> str:
    """A text as a database takes it, without secrets."""
    return _NO_TEXT.sub("�", redact(text))


def _fitting(value: Any, column: sa.Column[Any], redact: Redact) -> Any:
    """A value of the column's type; None for what is none, where the column takes that."""
    if value is None:
        return None
    if isinstance(column.type, sa.Boolean):
        return bool(value)
    if isinstance(column.type, sa.Integer):
        return max(0, min(int(value), _MOST)) if isinstance(value, int | float) and math.isfinite(value) else None
    if isinstance(column.type, sa.Float):
        # An infinite one would be every sum's.
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    if column.name in _CALLERS_OWN:
        return _text(value, column, redact)
    return _text(value, column, without_keys if column.name in _NAMES else str)


def _text(value: Any, column: sa.Column[Any], redact: Redact) -> str:
    return plain(str(value), redact)[: column.type.length]  # type: ignore[attr-defined]


def _cut(text: str, redact: Redact) -> str:
    # In this order: half of a key would not be known for one.
    kept = "".join(plain(part, redact) for part in _parts(text[: _MOST_IN_AUDIT + _MARGIN]))
    return kept if len(text) <= _MOST_IN_AUDIT else f"{kept[:_MOST_IN_AUDIT]}… ({len(text):,} letters)"


def _parts(text: str) -> Iterator[str]:
    """The JSON in parts, cut where a string ends, so that no key is halved."""
    while len(text) > _AT_ONCE:
        end = text.rfind('"', _AT_ONCE // 2, _AT_ONCE) + 1 or text.find('"', _AT_ONCE) + 1 or len(text)
        yield text[:end]
        text = text[end:]
    yield text
