"""What llama-stack 0.2's server has to learn: our errors' statuses, a bad provider-data header, a call's origin.

The 0.2 line is frozen; each change is guarded by a test against the release that is pinned.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import sys
import threading
from types import ModuleType
from typing import Any

from fastapi import HTTPException
from llama_stack.apis.common.errors import ModelTypeError
from llama_stack.core import request_headers
from llama_stack.core.server import server
from llama_stack.providers.utils.telemetry.tracing import CURRENT_TRACE_CONTEXT

from ...errors import RequestError
from ...garbage import settle
from ...patching import replace
from .. import origin
from ..server import log_briefly, marking_unreadable, plain_errors
from . import economy

_HEADER = "X-LlamaStack-Provider-Data"


def install() -> None:
    """Teach the server, once per process."""
    if not replace(request_headers, "parse_request_provider_data", marking_unreadable(_HEADER)):
        return
    modules = _server_modules()
    economy.install(*modules)
    for module in modules:
        module.asyncio = _Asyncio()  # type: ignore[attr-defined]
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


class _Asyncio(ModuleType):
    """The standard module, except that its ``run``, with which the host serves when it has started, takes uvloop's
    event loop where that is installed. Uvicorn's own ``run`` would."""

    def __init__(self) -> None:
        super().__init__("asyncio")

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def run(self, main: Any) -> Any:
        """Serve. A stack is booted with it too, in a thread."""
        if threading.current_thread() is not threading.main_thread():
            return asyncio.run(main)
        settle()
        factory = None
        if importlib.util.find_spec("uvloop") is not None:
            import uvloop

            factory = uvloop.new_event_loop
        return asyncio.run(main, loop_factory=factory)


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
