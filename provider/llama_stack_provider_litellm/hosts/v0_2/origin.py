"""Which request to the server a call comes of: its path, its id, its trace.

The host tells a provider nothing of it. What it asks of each request first, the user, is the place to look; where it
carries its own context into a stream, ours goes with it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from llama_stack.providers.utils.telemetry.tracing import CURRENT_TRACE_CONTEXT

from ...caller import UNKNOWN, Origin

CURRENT: ContextVar[Origin] = ContextVar("litellm_origin", default=UNKNOWN)
"""The origin of what is done now."""

# W3C: https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
# /v1, /v1alpha, and OpenAI's own below.
_VERSIONS = re.compile(r"^(?:/v1\w*|/openai)+")
# The paths of inference itself.
_DIRECT = frozenset({"chat", "completions", "embeddings", "inference"})


def noticing(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """``user_from_scope`` of the server, which also notes the origin."""

    def user_from_scope(scope: dict[str, Any]) -> Any:
        CURRENT.set(_origin(scope))
        return original(scope)

    return user_from_scope


def carrying(original: Callable[..., Any]) -> Callable[..., Any]:
    """``preserve_contexts_async_generator`` of the server, which also carries the origin."""

    def preserve_contexts_async_generator(gen: Any, context_vars: list[ContextVar[Any]]) -> Any:
        return original(gen, [*context_vars, CURRENT])

    return preserve_contexts_async_generator


def _origin(scope: dict[str, Any]) -> Origin:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope.get("headers", ())}
    parts = [part for part in _VERSIONS.sub("", scope.get("path", "")).split("/") if part]
    via = parts[0] if parts and parts[0] not in _DIRECT else None
    return Origin(
        request_id=_request_id(headers),
        via=via,
        agent=parts[1] if via == "agents" and len(parts) > 1 else None,
        trace=MappingProxyType(_trace(headers)),
    )


def _request_id(headers: Mapping[str, str]) -> str:
    """The caller's own; else the host's, which it answers as ``x-trace-id``."""
    given = headers.get("x-request-id", "")
    trace = CURRENT_TRACE_CONTEXT.get()
    if _REQUEST_ID.fullmatch(given):
        return given
    return str(trace.trace_id) if trace is not None else uuid.uuid4().hex


def _trace(headers: Mapping[str, str]) -> dict[str, str]:
    parent, state = headers.get("traceparent", ""), headers.get("tracestate", "")
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    return {"traceparent": parent, **({"tracestate": state} if _TRACESTATE.fullmatch(state) else {})}
