"""What the server of llama-stack 0.7 and of OGX has to learn: our errors' retry time and code, an error's words in a
stream, a bad provider-data header, a call's origin, which embedding model is the default, where 0.2 had OpenAI's API.

All that is changed is named in `install`. A release that has one of these no longer does not start, and says which.
"""

from __future__ import annotations

import contextvars
import functools
import json
import logging
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from ...catalog import Catalog
from ..installed import API, LINE, api, core
from ..origin import noticing
from ..server import log_briefly, marking_unreadable, plain_errors, replace
from . import vector_stores
from .refusals import NotFound, Refused

_HEADER = "X-OGX-Provider-Data" if LINE == "ogx" else "X-LlamaStack-Provider-Data"
_OLD = "/v1/openai/v1/"
# The error that the handler answers now.
_HANDLED: contextvars.ContextVar[Refused | NotFound | None] = contextvars.ContextVar("litellm_handled", default=None)


def install(catalog: Callable[[], Catalog], provider_id: Callable[[], str]) -> None:
    """Teach the server, once per process."""
    request_headers = core("request_headers")
    if not replace(request_headers, "parse_request_provider_data", marking_unreadable(_HEADER)):
        return
    server = core("server.server")
    replace(server, "user_from_scope", noticing)
    replace(server, "translate_exception", _noting)
    replace(server.StackApp, "__call__", _at_the_old_address_too)
    replace(server.StackApp, "build_middleware_stack", functools.partial(_living_on, server.global_exception_handler))
    server.JSONResponse = _answering(server.JSONResponse)
    server.traceback = _Tracebacks(server.traceback)
    routes = api("inference.fastapi_routes")
    if hasattr(routes, "get_sse_error_message"):
        replace(routes, "get_sse_error_message", _with_our_words)
    told_by = [f"{API}.inference.fastapi_routes", server.__name__]
    if LINE == "ogx":
        messages = api("messages.fastapi_routes")
        told_by.append(messages.__name__)
        replace(messages, "_anthropic_error_response", _as_anthropics_error)
        replace(messages, "_format_anthropic_sse_error_event", _as_anthropics_event)
    for name in told_by:
        logging.getLogger(name).addFilter(plain_errors)
    log_briefly("OGX_LOGGING" if LINE == "ogx" else "LLAMA_STACK_LOGGING", names_loggers=False)
    if LINE == "0.7":
        stores = import_module("llama_stack.providers.utils.inference.inference_store")
        replace(stores.InferenceStore, "initialize", _queued)
    vector_stores.install(catalog, provider_id)


def _at_the_old_address_too(original: Any) -> Any:
    """Llama Stack 0.2 had OpenAI's API below /v1/openai/v1; apps that ask for it there need not change."""

    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and ValueError not in self.exception_handlers:
            # OGX has begun to serve before it makes its providers.
            self.middleware_stack = None
        if scope["type"] == "http" and scope["path"].startswith(_OLD):
            path = "/v1/" + scope["path"].removeprefix(_OLD)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await original(self, scope, receive, send)

    return serve


# What the host answers with a status of its own, and breaks the connection, for want of a handler of its own.
_ANSWERED = (ValueError, PermissionError, ConnectionError, TimeoutError, NotImplementedError)


def _living_on(handler: Any, original: Any) -> Any:
    """A body that one of the host's own types refuses, past its route, is a 400, and the connection lives on."""

    def build_middleware_stack(self: Any) -> Any:
        for kind in _ANSWERED:
            self.exception_handlers.setdefault(kind, handler)
        return original(self)

    return build_middleware_stack


def _queued(original: Any) -> Any:
    """The host has SQLite keep every chat as it comes, in as many transactions at a time, and under load nothing moves
    any more. One after the other, with the queue that it has for other databases, they are kept too."""

    async def initialize(self: Any) -> None:
        await original(self)
        if not self.enable_write_queue:
            self.enable_write_queue, self._num_writers = True, 1

    return initialize


def _noting(original: Any) -> Any:
    def translate_exception(exc: Exception) -> Any:
        _HANDLED.set(exc if isinstance(exc, Refused | NotFound) else None)
        return original(exc)

    return translate_exception


def _answering(original: Any) -> Any:
    """The server's JSONResponse: of an error of ours with its code, and its Retry-After header."""

    class JSONResponse(original):  # type: ignore[misc]
        def __init__(self, content: Any = None, status_code: int = 200, **options: Any) -> None:
            handled = _HANDLED.get()
            _HANDLED.set(None)
            if handled is not None and status_code == handled.status_code:
                content = {"error": handled.body}
                options["headers"] = {**(options.get("headers") or {}), **handled.error.headers}
            super().__init__(content=content, status_code=status_code, **options)

    return JSONResponse


def _told(exc: BaseException) -> None:
    logging.getLogger(__name__).warning("%s", exc, extra={"plain": True})


class _Tracebacks(ModuleType):
    """The standard module, except that our errors have none: they are answers, and say what there is to say."""

    def __init__(self, original: ModuleType) -> None:
        super().__init__(original.__name__)
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def print_exception(self, *args: Any, **kwargs: Any) -> None:
        """Print it, unless it is an error of ours."""
        given = next((item for item in args if isinstance(item, BaseException)), None)
        if isinstance(given, Refused | NotFound):
            _told(given)
            return
        self._original.print_exception(*args, **kwargs)


def _with_our_words(original: Any) -> Any:
    """OGX hides what an error of 500 and more says; ours say what happened to which model, and what to do."""

    def get_sse_error_message(exc: Exception) -> str:
        told: str = str(exc) if isinstance(exc, Refused | NotFound) else original(exc)
        return told

    return get_sse_error_message


def _as_anthropics_error(original: Any) -> Any:
    """An error of the Messages API: ours with its status, words and retry time, of which OGX 1.4 makes a bare 500."""

    def _anthropic_error_response(status_code: int, message: str) -> Any:
        # It is made in the `except` that has caught it.
        exc = sys.exception()
        if not isinstance(exc, Refused | NotFound):
            return original(status_code, message)
        response = original(exc.error.status_code, exc.error.message)
        response.headers.update(exc.error.headers)
        return response

    return _anthropic_error_response


def _as_anthropics_event(original: Any) -> Any:
    """The error that ends a stream of the Messages API, in our words."""

    def _format_anthropic_sse_error_event(exc: Exception) -> str:
        if not isinstance(exc, Refused | NotFound):
            told: str = original(exc)
            return told
        _told(exc)
        data = {"type": "error", "error": {"type": "api_error", "message": exc.error.message}}
        return f"event: error\ndata: {json.dumps(data)}\n\n"

    return _format_anthropic_sse_error_event
