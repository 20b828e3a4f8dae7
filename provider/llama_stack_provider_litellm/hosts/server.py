"""What every line's server has to learn, in the same way."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from ..caller import UNREADABLE
from ..errors import LiteLLMProviderError

_MARK = "__litellm_provider__"


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> bool:
    """Put what ``make`` makes of a function in its place, once; whether it was not there yet."""
    original = getattr(owner, name)
    if getattr(original, _MARK, False):
        return False
    wrapped = functools.wraps(original)(make(original))
    setattr(wrapped, _MARK, True)
    setattr(owner, name, wrapped)
    return True


def marking_unreadable(header: str) -> Callable[[Any], Any]:
    """For ``parse_request_provider_data``: the host logs a header that is no JSON and goes on without it, and the call
    would run, and be paid for, in nobody's name. Mark it instead; the adapter refuses it."""
    spellings = (header, header.lower())

    def make(original: Any) -> Any:
        def parse_request_provider_data(headers: Any) -> Any:
            data = original(headers)
            # A server's headers know no case; the library client's are a plain dict.
            unreadable = not isinstance(data, dict) and any(headers.get(name) for name in spellings)
            return {UNREADABLE: True} if unreadable else data

        return parse_request_provider_data

    return make


def plain_errors(record: logging.LogRecord) -> bool:
    """A filter of a logger: our errors by their message. Rendering their traceback with rich takes the event loop
    seconds, and what stands in brackets rich takes for its own."""
    # The host logs inside its `except`, with the exception's text or, for a stream, its traceback.
    exc = sys.exception()
    if isinstance(exc, LiteLLMProviderError) or isinstance(getattr(exc, "error", None), LiteLLMProviderError):
        record.plain = True
        if record.exc_info:
            record.msg, record.args, record.exc_info = f"{record.getMessage()}: {exc}", (), None
    return True
