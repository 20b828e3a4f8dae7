"""What the errors in the records mean: the words stand where the errors are."""

from __future__ import annotations

from collections.abc import Iterator

from ... import errors
from ...usage.call import LEFT

_OTHERS = {
    "left": f"The caller left before the end (status {LEFT}).",
    "internal_error": "A defect of the stack or of this package; the stack's log says more.",
}


def meaning(code: str) -> str:
    """What happened, and what to do."""
    for kind in _kinds(errors.RequestError):
        if kind.code == code and kind.__doc__:
            return f"{' '.join(kind.__doc__.split())} {kind.mend}".rstrip()
    return _OTHERS.get(code, "")


def _kinds(kind: type[errors.RequestError]) -> Iterator[type[errors.RequestError]]:
    for narrower in kind.__subclasses__():
        yield narrower
        yield from _kinds(narrower)
