"""Reads what a prompt says that the imitation shall do; the table of it is in the package's own docstring."""

from __future__ import annotations

import re

Directives = dict[str, str]

STREAM_ONLY = {"big-event", "stream-error", "no-done", "hang-after", "crlf", "multi"}
_NUMBER = r"\d{1,9}"
_FORMS = {
    "error": r"[45]\d\d( [\w-]+=\S+)*",
    "gone": "50[234]",
    "crash": "",
    "html": "",
    "hang": "",
    "big": _NUMBER,
    "big-event": _NUMBER,
    "gzip": "",
    "headers": _NUMBER,
    "header": _NUMBER,
    "stream-error": r"([45]\d\d)?",
    "no-done": "",
    "hang-after": _NUMBER,
    "crlf": "",
    "multi": "",
    "cut": rf"(body )?{_NUMBER}",
    "short": "",
    "leave": "",
    "pieces": r"[1-9]\d*",
    "slow": _NUMBER,
    "times": _NUMBER,
}
_DIRECTIVE = re.compile(rf"\[\[({'|'.join(_FORMS)})(?: ([^\]]*))?\]\]")


class DirectiveError(ValueError):
    """A known directive whose arguments make no sense."""


def parse(text: str) -> Directives:
    """Each directive in `text` and its arguments. Raises `DirectiveError`."""
    said: Directives = {}
    for name, arguments in _DIRECTIVE.findall(text):
        if not re.fullmatch(_FORMS[name], arguments) or name in said:
            raise DirectiveError(f"[[{name} {arguments}]] is not understood, or said twice")
        said[name] = arguments
    return said
