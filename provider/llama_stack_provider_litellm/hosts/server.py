"""What every line's server has to learn, in the same way."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from rich.logging import RichHandler

from ..caller import UNREADABLE
from ..errors import LiteLLMProviderError

_PACKAGE = __name__.partition(".")[0]


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


def log_briefly(variable: str, *, names_loggers: bool) -> None:
    """Whatever this package tells, and no line per request, unless ``variable``, the host's own for its log, says
    otherwise; no litter; plain records past rich. ``names_loggers``: whether the host's log says who tells it."""
    if not os.environ.get(variable):
        _tell_all()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_without_marks)
        if not names_loggers:
            handler.addFilter(_named)
        if isinstance(handler, RichHandler):
            handler.addFilter(_Plainly(handler))
    if not re.search(r"=(info|debug)", os.environ.get(variable, "").lower()):
        # A line per request through rich costs a fifth of the request.
        logging.getLogger("uvicorn.access").addFilter(lambda record: record.levelno > logging.INFO)


def _tell_all() -> None:
    """OGX keeps to itself what another package than its own tells below a warning: which models came and went, above
    all."""
    for name in logging.root.manager.loggerDict:
        if name.startswith(f"{_PACKAGE}."):
            logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger(_PACKAGE).setLevel(logging.INFO)


def _named(record: logging.LogRecord) -> bool:
    """Our records say whose they are: `llama-stack-litellm up` shows the warnings among them."""
    mark = f"{_PACKAGE}: "
    if record.name.startswith(_PACKAGE) and not str(record.msg).startswith(mark):
        record.msg, record.args = mark + record.getMessage(), ()
    return True


def _without_marks(record: logging.LogRecord) -> bool:
    # LiteLLM marks what it has looked through, and the host's log shows whatever a record has.
    record.__dict__.pop("litellm_redacted", None)
    return True


class _Plainly(logging.Filter):
    """Writes plain records past rich, which takes a millisecond for a line, and brackets for its own markup."""

    def __init__(self, handler: RichHandler) -> None:
        super().__init__()
        self._handler = handler

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "plain", False):
            return True
        out = self._handler.console.file
        out.write(f"{record.levelname:<8} {self._handler.format(record)}\n")
        out.flush()
        return False
