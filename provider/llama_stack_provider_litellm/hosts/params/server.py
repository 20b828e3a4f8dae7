"""What the server of llama-stack 0.7 and of OGX has to learn: our errors' retry time and code, an error's words in a
stream, a bad provider-data header, a call's origin, which embedding model is the default, where 0.2 had OpenAI's API.

All that is changed is named in `install`. A release that has one of these no longer does not start, and says which.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ...catalog import Catalog
from ...garbage import settle
from ...patching import replace
from ..installed import LINE, api, core
from ..origin import activating, capturing, noticing
from ..server import log_briefly, marking_unreadable, plain_errors
from . import chat_store, vector_stores
from .refusals import Refused

_HEADER = "X-OGX-Provider-Data" if LINE == "ogx" else "X-LlamaStack-Provider-Data"
_OLD = "/v1/openai/v1/"


def install(catalog: Callable[[], Catalog], provider_id: Callable[[], str]) -> None:
    """Teach the server, once per process."""
    request_headers = core("request_headers")
    if not replace(request_headers, "parse_request_provider_data", marking_unreadable(_HEADER)):
        return
    server = core("server.server")
    replace(server, "user_from_scope", noticing)
    # Here, before the provider of responses is imported, which takes both by name.
    replace(core("task"), "capture_request_context", capturing)
    replace(core("task"), "activate_request_context", activating)
    replace(server.StackApp, "__call__", functools.partial(_serving, server.global_exception_handler))
    server.JSONResponse = _answering(server.JSONResponse)
    server.traceback = _Tracebacks(server.traceback)
    routes = [api("inference.fastapi_routes")]
    if LINE == "ogx":
        routes.append(api("messages.fastapi_routes"))
        for module in routes:
            replace(module, "get_sse_error_message", _with_our_words)
        replace(routes[-1], "_anthropic_error_response", _as_anthropics_error)
    for module in (server, *routes):
        logging.getLogger(module.__name__).addFilter(plain_errors)
    log_briefly("OGX_LOGGING" if LINE == "ogx" else "LLAMA_STACK_LOGGING", names_loggers=False)
    chat_store.install()
    vector_stores.install(catalog, provider_id)


# What the host answers with a status of its own, and breaks the connection, for want of a handler of its own: a body
# that one of its types refuses past its route, above all.
_ANSWERED = (ValueError, PermissionError, ConnectionError, TimeoutError, NotImplementedError)


def _serving(handler: Any, original: Any) -> Any:
    """The app, which has a handler for these before its first request, and serves OpenAI's API where llama-stack 0.2
    had it, too: apps that ask for it there need not change."""

    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if ValueError not in self.exception_handlers:
                self.exception_handlers.update(dict.fromkeys(_ANSWERED, handler))
                # It has been built for the start, and is built again with them.
                self.middleware_stack = None
                settle()
            await chat_store.opened()
            if scope["path"].startswith(_OLD):
                path = "/v1/" + scope["path"].removeprefix(_OLD)
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await original(self, scope, receive, send)

    return serve


def _answering(original: Any) -> Any:
    """The server's JSONResponse: of an error of ours with its code, and its Retry-After header."""

    class JSONResponse(original):  # type: ignore[misc]
        def __init__(self, content: Any = None, status_code: int = 200, **options: Any) -> None:
            # It is made in the `except` that has caught it.
            exc = sys.exception()
            if isinstance(exc, Refused) and status_code == exc.status_code:
                content = {"error": exc.body}
                options["headers"] = {**(options.get("headers") or {}), **exc.error.headers}
            super().__init__(content=content, status_code=status_code, **options)

    return JSONResponse


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
        if isinstance(given, Refused):
            logging.getLogger(__name__).warning("%s", given, extra={"plain": True})
            return
        self._original.print_exception(*args, **kwargs)


def _with_our_words(original: Any) -> Any:
    """OGX hides what an error of 500 and more says; ours say what happened to which model, and what to do."""

    def get_sse_error_message(exc: Exception) -> str:
        told: str = str(exc) if isinstance(exc, Refused) else original(exc)
        return told

    return get_sse_error_message


def _as_anthropics_error(original: Any) -> Any:
    """An error of the Messages API: ours with its status, words and retry time, of which OGX 1.4 makes a bare 500."""

    def _anthropic_error_response(status_code: int, message: str) -> Any:
        exc = sys.exception()
        if not isinstance(exc, Refused):
            return original(status_code, message)
        response = original(exc.error.status_code, exc.error.message)
        response.headers.update(exc.error.headers)
        return response

    return _anthropic_error_response
