"""Which request to the server a call comes of: its path, its id, its trace.

The host tells a provider nothing of it. What it asks of each request first, the user, is the place to look; where it
carries its own context into a stream, or to a worker in the background, ours goes with it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from ..caller import UNKNOWN, Origin

CURRENT: ContextVar[Origin] = ContextVar("litellm_origin", default=UNKNOWN)
"""The origin of what is done now."""

# W3C: https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
# /v1, /v1alpha, and OpenAI's own below.
_VERSIONS = re.compile(r"^(?:/v1\w*|/openai)+")
# The paths of inference itself.
_DIRECT = frozenset({"chat", "completions", "embeddings", "inference", "messages"})


def noticing(
    original: Callable[[dict[str, Any]], Any], host_id: Callable[[], str | None] = lambda: None
) -> Callable[[dict[str, Any]], Any]:
    """``user_from_scope`` of the server, which also notes the origin. ``host_id`` is the host's own id of the request,
    where it has one."""

    def user_from_scope(scope: dict[str, Any]) -> Any:
        CURRENT.set(_origin(scope, host_id))
        return original(scope)

    return user_from_scope


def carrying(original: Callable[..., Any]) -> Callable[..., Any]:
    """``preserve_contexts_async_generator`` of the server, which also carries the origin."""

    def preserve_contexts_async_generator(gen: Any, context_vars: list[ContextVar[Any]]) -> Any:
        return original(gen, [*context_vars, CURRENT])

    return preserve_contexts_async_generator


def capturing(original: Callable[[], Any]) -> Callable[[], Any]:
    """``capture_request_context`` of the host, which keeps the origin for a worker too."""

    def capture_request_context() -> Any:
        context = original()
        context.litellm_origin = CURRENT.get()
        return context

    return capture_request_context


def activating(original: Callable[[Any], AbstractContextManager[None]]) -> Callable[[Any], Any]:
    """``activate_request_context`` of the host, which gives the worker the origin of what it does now; its own is that
    of the request which made the worker start."""

    @contextmanager
    def activate_request_context(context: Any) -> Iterator[None]:
        # One that was captured by a module which the host had loaded before us says nothing.
        token = CURRENT.set(getattr(context, "litellm_origin", UNKNOWN))
        try:
            with original(context):
                yield
        finally:
            CURRENT.reset(token)

    return activate_request_context


def _origin(scope: dict[str, Any], host_id: Callable[[], str | None]) -> Origin:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
    parts = [part for part in _VERSIONS.sub("", scope.get("path", "")).split("/") if part]
    via = parts[0] if parts and parts[0] not in _DIRECT else None
    return Origin(
        request_id=_request_id(headers, host_id),
        via=via,
        agent=parts[1] if via == "agents" and len(parts) > 1 else None,
        trace=MappingProxyType(_trace(headers)),
    )


def _request_id(headers: Mapping[str, str], host_id: Callable[[], str | None]) -> str:
    """The caller's own; else the host's, which it may answer; else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else host_id() or uuid.uuid4().hex


def _trace(headers: Mapping[str, str]) -> dict[str, str]:
    parent, state = headers.get("traceparent", ""), headers.get("tracestate", "")
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    return {"traceparent": parent, **({"tracestate": state} if _TRACESTATE.fullmatch(state) else {})}
