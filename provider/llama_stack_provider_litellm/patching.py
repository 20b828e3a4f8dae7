"""Functions of the host and of litellm that this package puts others in the place of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

MARK = "__litellm_provider__"
"""The attribute of a function that stands in another's place."""


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> bool:
    """Put what ``make`` makes of a function in its place, once; whether it was not there yet."""
    original = getattr(owner, name)
    if getattr(original, MARK, False):
        return False
    wrapped = functools.wraps(original)(make(original))
    setattr(wrapped, MARK, True)
    setattr(owner, name, wrapped)
    return True
