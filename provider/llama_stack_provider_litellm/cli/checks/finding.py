"""One thing that was found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "note", "warning", "error"]

# Where a text of ours turns from what is wrong to what to do.
_TURN = re.compile(r"(?<=[\w'`)\]])\. (?=[A-Z`])")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a subject, and the mend; where there is nothing to mend that is empty.

    An ``error`` keeps the stack from working, a ``warning`` a part of it; a ``note`` is good to know.
    """

    subject: str
    severity: Severity
    what: str
    mend: str = ""

    @classmethod
    def of_words(cls, subject: str, severity: Severity, words: str, mend: str) -> Finding:
        """A finding of a text that says what is wrong and then, in most cases, what to do; ``mend`` is for the rest."""
        what, *todo = _TURN.split(words, maxsplit=1)
        return cls(subject, severity, f"{what.rstrip('.')}.", todo[0] if todo else mend)
