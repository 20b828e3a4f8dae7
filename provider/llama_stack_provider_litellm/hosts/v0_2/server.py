"""What llama-stack 0.2's server has to learn: our errors' statuses, a bad provider-data header, a call's origin.

The 0.2 line is frozen; each change is guarded by a test against the release that is pinned.
"""

from __future__ import annotations

import functools
import logging
import sys
from types import ModuleType
from typing import Any

from fastapi import HTTPException
from llama_stack.apis.common.errors import ModelTypeError
from llama_stack.core import request_headers
from llama_stack.core.server import server
from llama_stack.providers.utils.telemetry.tracing import CURRENT_TRACE_CONTEXT

from ...errors import RequestError
from .. import origin
from ..server import log_briefly, marking_unreadable, plain_errors, replace

_HEADER = "X-LlamaStack-Provider-Data"


def install() -> None:
    """Teach the server, once per process."""
    if not replace(request_headers, "parse_request_provider_data", marking_unreadable(_HEADER)):
        return
    for module in _server_modules():
        replace(module, "translate_exception", _translate)
        replace(module, "user_from_scope", functools.partial(origin.noticing, host_id=_trace_id))
        replace(module, "preserve_contexts_async_generator", origin.carrying)
        logging.getLogger(module.__name__).addFilter(plain_errors)
    log_briefly("LLAMA_STACK_LOGGING", names_loggers=True)


def _trace_id() -> str | None:
    """The host's id of a request, which it answers as ``x-trace-id``."""
    trace = CURRENT_TRACE_CONTEXT.get()
    return None if trace is None else str(trace.trace_id)


def _server_modules() -> list[ModuleType]:
    """The server's module, and its twin when it was started as a program (``python -m …server``)."""
    main = sys.modules["__main__"]
    started = getattr(main.__spec__, "name", None) == server.__name__
    return [server, main] if started else [server]


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
