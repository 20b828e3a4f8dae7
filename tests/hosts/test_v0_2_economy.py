"""What nobody reads is not made, and what somebody reads is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from llama_stack.apis.telemetry import LogSeverity, MetricEvent, UnstructuredLogEvent
from llama_stack.core.server import server
from llama_stack.providers.utils.telemetry import trace_protocol, tracing

from llama_stack_provider_litellm.hosts.v0_2 import economy

economy.install(server)

WHEN: dict[str, Any] = {"trace_id": "1", "span_id": "2", "timestamp": datetime.now(UTC)}
METRIC = MetricEvent(**WHEN, metric="tokens", value=1, unit="tokens", attributes={})
LINE = UnstructuredLogEvent(**WHEN, message="a line", severity=LogSeverity.INFO)


class Telemetry:
    """Hears what the host's background logger hands on."""

    logger: tracing.BackgroundLogger

    def __init__(self, sinks: list[str] | None) -> None:
        self.heard: list[Any] = []
        self.config = SimpleNamespace() if sinks is None else SimpleNamespace(sinks=sinks)

    async def log_event(self, event: Any, ttl_seconds: int = 0) -> None:
        self.heard.append(event)


@pytest.fixture
def telemetry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Telemetry]:
    found = Telemetry(request.param)
    found.logger = tracing.BackgroundLogger(found)  # type: ignore[arg-type]
    monkeypatch.setattr(tracing, "BACKGROUND_LOGGER", found.logger)
    yield found
    found.logger.log_queue.join()


READ = [
    ([], []),
    (["otel_metric"], [METRIC]),
    (["console"], [METRIC, LINE]),
    (["sqlite"], [METRIC, LINE]),
    (["otel_trace", "otel_metric"], [METRIC, LINE]),
    # Another telemetry than the host's own.
    (None, [METRIC, LINE]),
]


@pytest.mark.parametrize(("telemetry", "read"), READ, indirect=["telemetry"], ids=[str(row[0]) for row in READ])
def test_events_go_to_who_reads_them(telemetry: Telemetry, read: list[Any]) -> None:
    for event in (METRIC, LINE):
        tracing.enqueue_event(event)
    telemetry.logger.log_queue.join()
    assert telemetry.heard == read


@pytest.mark.parametrize("telemetry", [[], ["otel_metric"], ["console"], None], indirect=True, ids=str)
def test_spans_show_values_to_who_reads_them(telemetry: Telemetry) -> None:
    sinks = getattr(telemetry.config, "sinks", None)
    told = "[1, 2]" if sinks is None or "console" in sinks else ""
    for module in (trace_protocol, tracing):
        assert module.serialize_value([1, 2]) == told
        assert module.serialize_value("text") == "text"
        assert module.serialize_value(7) == "7"


def test_ids_are_of_the_hosts_form_and_differ() -> None:
    spans, traces = ({make() for _ in range(1000)} for make in (tracing.generate_span_id, tracing.generate_trace_id))
    assert len(spans) == len(traces) == 1000
    assert {len(name) for name in spans} == {16} and {len(name) for name in traces} == {32}


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_a_body_is_written_anew_for_a_log_that_shows_it(level: int, caplog: pytest.LogCaptureFixture) -> None:
    read: list[bool] = []

    async def body() -> bytes:
        read.append(True)
        return b'{"model": "gpt"}'

    request: Any = SimpleNamespace(method="POST", url=SimpleNamespace(path="/v1/x"), body=body)
    with caplog.at_level(level, server.logger.name):
        asyncio.run(server.log_request_pre_validation(request))
    assert bool(read) is ("{'model': 'gpt'}" in caplog.text) is (level == logging.DEBUG)
