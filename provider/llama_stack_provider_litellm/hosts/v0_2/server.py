"""What llama-stack 0.2's server has to learn: our errors' statuses, a bad provider-data header, a call's origin.

The 0.2 line is frozen; each change is guarded by a test against the release that is pinned.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import sys
from types import ModuleType
from typing import Any

from fastapi import HTTPException
from llama_stack.apis.common.errors import ModelTypeError
from llama_stack.core import request_headers
from llama_stack.core.server import server
from rich.logging import RichHandler

from ...caller import UNREADABLE
from ...errors import LiteLLMProviderError, RequestError
from . import origin

_MARK = "__litellm_provider__"
_HEADER_SPELLINGS = ("x-llamastack-provider-data", "X-LlamaStack-Provider-Data")


def install() -> None:
    """Teach the server, once per process."""
    if getattr(request_headers.parse_request_provider_data, _MARK, False):
        return
    _replace(request_headers, "parse_request_provider_data", _parse_provider_data)
    for module in _server_modules():
        _replace(module, "translate_exception", _translate)
        _replace(module, "user_from_scope", origin.noticing)
        _replace(module, "preserve_contexts_async_generator", origin.carrying)
        logging.getLogger(module.__name__).addFilter(_plain_errors)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, RichHandler):
            handler.addFilter(_Plainly(handler))
    if not re.search(r"=(info|debug)", os.environ.get("LLAMA_STACK_LOGGING", "").lower()):
        # A line per request through rich costs a fifth of the request.
        logging.getLogger("uvicorn.access").addFilter(lambda record: record.levelno > logging.INFO)


def _server_modules() -> list[ModuleType]:
    """The server's module, and its twin when it was started as a program (``python -m …server``)."""
    main = sys.modules["__main__"]
    started = getattr(main.__spec__, "name", None) == server.__name__
    return [server, main] if started else [server]


def _replace(module: Any, name: str, make: Any) -> None:
    original = getattr(module, name)
    wrapped = functools.wraps(original)(make(original))
    setattr(wrapped, _MARK, True)
    setattr(module, name, wrapped)


def _translate(original: Any) -> Any:
    """The host knows nothing that would become 429, 401 from a vendor, or a Retry-After header; and it
    answers 500 to an embedding model in a chat."""

    def translate_exception(exc: Exception) -> Any:
        if isinstance(exc, RequestError):
            return HTTPException(status_code=exc.status_code, detail=exc.message, headers=exc.headers or None)
        if isinstance(exc, ModelTypeError):
            return HTTPException(status_code=400, detail=str(exc))
        return original(exc)

    return translate_exception


def _parse_provider_data(original: Any) -> Any:
    """The host logs a header that is no JSON and goes on without it: the call would run, and be paid
    for, in nobody's name. Mark it instead; the adapter refuses it."""

    def parse_request_provider_data(headers: Any) -> Any:
        data = original(headers)
        # A server's headers know no case; the library client's are a plain dict.
        unreadable = not isinstance(data, dict) and any(headers.get(name) for name in _HEADER_SPELLINGS)
        return {UNREADABLE: True} if unreadable else data

    return parse_request_provider_data


def _plain_errors(record: logging.LogRecord) -> bool:
    """Log our errors by their message: rendering their traceback with rich takes the event loop seconds, and what
    stands in brackets rich takes for its own."""
    # The host logs inside its `except`, with the exception's text or, for a stream, its traceback.
    exc = sys.exception()
    if isinstance(exc, LiteLLMProviderError):
        record.plain = True
        if record.exc_info:
            record.msg, record.args, record.exc_info = f"{record.getMessage()}: {exc}", (), None
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
