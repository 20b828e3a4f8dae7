"""Short tracebacks for LiteLLM's failure logs, and none in its log lines.

LiteLLM renders the whole traceback of every failed call, up to three times, and then searches the text for
secrets: on the event loop, for longer than an answer takes, and even where nobody reads it. Finding the
column of each frame is most of that, since its functions are long. Here a traceback names file, line and
function of the frames nearest to the failure, and nothing else.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections import deque
from types import ModuleType, TracebackType
from typing import Any

import litellm.litellm_core_utils.litellm_logging
import litellm.router
import litellm.utils

_READERS: tuple[Any, ...] = (litellm.utils, litellm.router, litellm.litellm_core_utils.litellm_logging)

_MOST_FRAMES = 4
_LOGGERS = ("LiteLLM", "LiteLLM Router")
_BEGIN = "Traceback (most recent call last)"


class _ShortTracebacks(ModuleType):
    """The standard module, except for the two functions that LiteLLM calls for every failure."""

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)

    @staticmethod
    def format_exc(limit: int | None = None, chain: bool = True) -> str:
        """The exception that is handled now, without what it came from."""
        exc = sys.exception()
        if exc is None:
            return traceback.format_exc(limit, chain)
        frames = _ShortTracebacks.format_tb(exc.__traceback__, limit)
        # Not format_exception_only: it renders what the exception came from, and throws that away.
        return "".join([f"{_BEGIN}:\n", *frames, f"{type(exc).__qualname__}: {exc}\n"])

    @staticmethod
    def format_tb(tb: TracebackType | None, limit: int | None = None) -> list[str]:
        """A line for each of the frames nearest to the failure."""
        nearest: deque[TracebackType] = deque(maxlen=_MOST_FRAMES if limit is None else limit)
        while tb is not None:
            nearest.append(tb)
            tb = tb.tb_next
        frames = [(entry.tb_frame.f_code, entry.tb_lineno) for entry in nearest]
        return [f'  File "{code.co_filename}", line {line}, in {code.co_name}\n' for code, line in frames]


def install() -> None:
    """Give LiteLLM's modules the short ones.

    Their ``traceback`` is a private name; a test fails when they no longer use it.
    """
    for module in _READERS:
        if not isinstance(module.traceback, _ShortTracebacks):
            module.traceback = _ShortTracebacks(traceback.__name__)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Log what happened, not where in LiteLLM: rich takes seconds of the event loop for a chain of its frames."""
    text, found, _ = record.getMessage().partition(_BEGIN)
    if found:
        record.msg, record.args = text.rstrip(), ()
    if record.exc_info:
        record.msg, record.args, record.exc_info = f"{text}: {record.exc_info[1]!r}", (), None
    return True
