"""A call as rows of the tables: no secret, no text that a database refuses, nothing longer than its column."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .audit import texts
from .call import Call
from .tables import CALLS, MOST_LETTERS

Redact = Callable[[str], str]

# PostgreSQL takes no NUL, and neither database half of a character.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_COLUMNS = [column.name for column in CALLS.columns if column.name != "started_at"]
# A longer question or answer is cut, and says so.
_MOST_IN_AUDIT = 1_000_000
# More than any vendor has, and what PostgreSQL's integer holds.
_MOST = 2**31 - 1


@dataclass(slots=True)
class Rows:
    """What some calls become: the rows of each table, by the columns' names."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    tags: list[dict[str, Any]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)


def rows_of(calls: Iterable[Call], redact: Redact) -> Rows:
    """The rows of calls. ``redact`` takes secrets out of a text."""
    rows = Rows()
    for call in calls:
        values = {name: _clean(getattr(call, name), redact) for name in _COLUMNS}
        values["started_at"] = datetime.fromtimestamp(call.started_at, UTC)
        rows.calls.append(values)
        # Twice the same tag, or one that is only as long as another, is one.
        rows.tags += [{"id": call.id, "tag": tag} for tag in dict.fromkeys(_clean(tag, redact) for tag in call.tags)]
        if call.question is not None:
            question, answer = texts(call)
            rows.audit.append({"id": call.id, "question": _cut(question, redact), "answer": _cut(answer, redact)})
    return rows


def _clean(value: Any, redact: Redact) -> Any:
    if isinstance(value, str):
        return _plain(value, redact)[:MOST_LETTERS]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, min(value, _MOST))
    if isinstance(value, float) and not math.isfinite(value):
        # One of them would be every sum's.
        return None
    return value


def _cut(text: str, redact: Redact) -> str:
    # In this order: half of a key would not be known for one.
    text = _plain(text, redact)
    return text if len(text) <= _MOST_IN_AUDIT else f"{text[:_MOST_IN_AUDIT]}… ({len(text):,} letters)"


def _plain(text: str, redact: Redact) -> str:
    return _NO_TEXT.sub("�", redact(text))
