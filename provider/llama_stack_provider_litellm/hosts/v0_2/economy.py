"""What llama-stack 0.2's server does in every request for nobody: a sixth of the time of a chat, and more of that of
large embeddings."""

from __future__ import annotations

import logging
import random
import secrets
from types import ModuleType, SimpleNamespace
from typing import Any

from llama_stack.apis.telemetry import MetricEvent
from llama_stack.providers.utils.telemetry import trace_protocol, tracing
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from ...patching import replace

# The sinks of the host's telemetry that take spans; the fourth takes metrics.
_OF_SPANS = {"otel_trace", "sqlite", "console"}
_OF_METRICS = {"otel_metric", *_OF_SPANS}


def install(*servers: ModuleType) -> None:
    """Spare it, once per process; ``servers`` are the host's server and its twin."""
    for server in servers:
        replace(server, "log_request_pre_validation", _if_shown(server.logger))
    replace(tracing.BackgroundLogger, "log_event", _if_read)
    for module in (trace_protocol, tracing):
        replace(module, "serialize_value", _if_told)
    if tracing.secrets is secrets:
        # Ids of traces are no secrets, and OpenTelemetry makes its own like this; to ask the system for each takes
        # longer than all else that a span does.
        ids = SimpleNamespace(randbits=random.Random().getrandbits)  # noqa: S311
        tracing.secrets = ids  # type: ignore[assignment]


def _if_shown(logger: logging.Logger) -> Any:
    """The host writes each body anew, indented, for a line of its log that is only shown at `debug`."""

    def make(original: Any) -> Any:
        async def log_request_pre_validation(request: Any) -> None:
            if logger.isEnabledFor(logging.DEBUG):
                await original(request)

        return log_request_pre_validation

    return make


def _if_read(original: Any) -> Any:
    """Events that no sink of the telemetry takes are not handed to its thread."""

    def log_event(self: Any, event: Any) -> None:
        if _is_read(self, _OF_METRICS if isinstance(event, MetricEvent) else _OF_SPANS):
            original(self, event)

    return log_event


def _if_told(original: Any) -> Any:
    """Arguments and results become text for the spans that show them, all numbers of all vectors among them."""

    def serialize_value(value: Any) -> Any:
        logger = tracing.BACKGROUND_LOGGER
        # What a span has of plain values the host itself looks at.
        is_plain = value is None or isinstance(value, str | int | float | bool)
        return original(value) if is_plain or logger is None or _is_read(logger, _OF_SPANS) else ""

    return serialize_value


def _is_read(logger: Any, by: set[str]) -> bool:
    """Whether the telemetry has one of these sinks, or spans go somewhere besides: to what started the server, for
    example. Of another telemetry than the host's own nothing is known."""
    sinks = getattr(getattr(logger.api, "config", None), "sinks", None)
    return sinks is None or not by.isdisjoint(sinks) or _is_exported()


def _is_exported() -> bool:
    provider = trace.get_tracer_provider()
    processor = getattr(provider, "_active_span_processor", None)
    return isinstance(provider, TracerProvider) and bool(getattr(processor, "_span_processors", True))
