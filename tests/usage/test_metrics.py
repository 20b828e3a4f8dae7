"""What is counted, as an exporter sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as names
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.usage import metrics
from tests.usage.records import a_call


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Reads what the module's instruments, made anew for one provider, are told."""
    read = InMemoryMetricReader()
    provider = MeterProvider([read], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    for name, instrument in list(vars(metrics).items()):
        kind = type(instrument).__name__
        if kind == "_ProxyCounter":
            monkeypatch.setattr(metrics, name, meter.create_counter(instrument._name))
        elif kind == "_ProxyHistogram":
            monkeypatch.setattr(metrics, name, meter.create_histogram(instrument._name))
    yield read
    provider.shutdown()


def told(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    """The points of each metric."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_an_answer(reader: InMemoryMetricReader) -> None:
    call = a_call("gpt", stream=True, vendor="gemini", engine="embedded", input_tokens=30, output_tokens=7)
    call.duration_seconds, call.first_token_seconds, call.cost_usd, call.response_model = 2.5, 0.5, 0.25, "gemini-x"
    call.retries, call.fallbacks = 2, 1
    metrics.ended(call)
    found = told(reader)
    about = {
        names.GEN_AI_OPERATION_NAME: "chat",
        names.GEN_AI_PROVIDER_NAME: "gcp.gemini",
        names.GEN_AI_REQUEST_MODEL: "gpt",
        names.GEN_AI_RESPONSE_MODEL: "gemini-x",
        "litellm.served_by": "embedded",
    }
    tokens = {
        point.attributes[names.GEN_AI_TOKEN_TYPE]: point for point in found[gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE]
    }
    assert {kind: point.sum for kind, point in tokens.items()} == {"input": 30, "output": 7}
    assert dict(tokens["input"].attributes) == {**about, names.GEN_AI_TOKEN_TYPE: "input"}
    (duration,) = found[gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION]
    assert (duration.sum, duration.count, dict(duration.attributes)) == (2.5, 1, about)
    (first,) = found[gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK]
    assert first.sum == 0.5
    for name, value in {"litellm.cost": 0.25, "litellm.retries": 2, "litellm.fallbacks": 1}.items():
        (point,) = found[name]
        assert (point.value, dict(point.attributes)) == (value, about)
    assert "litellm.cache_hits" not in found and "litellm.unpriced" not in found


def test_an_answer_from_the_cache_uses_no_tokens(reader: InMemoryMetricReader) -> None:
    metrics.ended(a_call(cache_hit=True, input_tokens=3, output_tokens=4, cost_usd=0.0))
    found = told(reader)
    assert gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE not in found
    assert found["litellm.cache_hits"][0].value == 1


def test_an_error_and_a_model_that_a_caller_made_up(reader: InMemoryMetricReader) -> None:
    metrics.ended(a_call("gpt", status=429, error="rate_limit_exceeded", vendor="openai", is_listed=True))
    for number in range(50):
        metrics.ended(a_call(f"wild/made-up-{number}", status=400, error="invalid_request"))
    points = told(reader)[gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION]
    kinds = {point.attributes["error.type"]: point.attributes[names.GEN_AI_REQUEST_MODEL] for point in points}
    assert kinds == {"rate_limit_exceeded": "gpt", "invalid_request": "_OTHER"}
    assert len(points) == 2
    assert "litellm.unpriced" not in told(reader)


def test_a_key_for_a_models_name_is_in_no_metric(reader: InMemoryMetricReader) -> None:
    metrics.ended(a_call("wild/sk-0123456789", response_model="sk-0123456789"))
    assert "0123456789" not in repr(told(reader))


def test_a_cost_that_nobody_knows_is_counted(reader: InMemoryMetricReader) -> None:
    metrics.ended(a_call())
    metrics.ended(a_call(status=499, error="left", chunks=3))
    assert sum(point.value for point in told(reader)["litellm.unpriced"]) == 2


def test_nothing_tells_who_asked(reader: InMemoryMetricReader) -> None:
    who = Caller(user="ann-x", agent="agent-x", project="project-x", org="org-x", tags=("tag-x",), api_key="sk-x-key")
    metrics.ended(a_call(caller=who))
    assert "-x" not in repr(told(reader))


def test_each_switch_is_counted_by_where_it_leads(
    reader: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_proxy_is_up", None)
    assert list(metrics._proxy_state(None)) == []  # type: ignore[arg-type]
    metrics.watched()
    states = [state()]
    for to in ("embedded", "proxy", "nowhere"):
        metrics.switched(to)
        states.append(state())
    metrics.watched()
    assert [*states, state()] == [1, 0, 1, 0, 0]
    counted = {point.attributes["to"]: point.value for point in told(reader)["litellm.failover"]}
    assert counted == {"embedded": 1, "proxy": 1, "nowhere": 1}


def state() -> float:
    (seen,) = metrics._proxy_state(None)  # type: ignore[arg-type]
    return seen.value


def test_without_telemetry_counting_does_nothing() -> None:
    metrics.switched("proxy")
    metrics.ended(a_call())
