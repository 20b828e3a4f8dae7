"""What a record costs a call."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import ProxySettings, UsageSettings
from llama_stack_provider_litellm.engines.proxy import ProxyEngine
from llama_stack_provider_litellm.usage import metrics
from llama_stack_provider_litellm.usage.recording import RecordingEngine
from tests.usage.records import rows_at
from tests.usage.test_recording import REQUEST, Engine, answer, gives, served
from tests.waiting import until


def test_it_costs_a_call_less_than_100_microseconds(
    sqlite_settings: UsageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With metrics that are read, keys that are looked for, and a writer that writes meanwhile: the mean, so that what
    the writer holds up counts."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    for name in ("_TOKEN_USAGE", "_DURATION", "_TIME_TO_FIRST_CHUNK"):
        monkeypatch.setattr(metrics, name, meter.create_histogram(name.lower().strip("_")))
    monkeypatch.setattr(metrics, "_COST", meter.create_counter("cost"))
    engine = Engine(gives(answer(served(retries=0, fallbacks=0))))
    redactor = ProxyEngine(ProxySettings.model_validate({"api_key": "sk-of-the-stack"}))
    monkeypatch.setattr(engine, "redact", redactor.redact)
    who = Caller(user="ann", project="p", tags=("a", "b"))

    async def seconds(serving: Any, count: int) -> float:
        """What calls take, one after the other, at the rate of a busy server."""
        taken = 0.0
        for _ in range(count):
            began = time.perf_counter()
            await serving.chat(REQUEST, who)
            taken += time.perf_counter() - began
            await asyncio.sleep(0.001)
        return taken / count

    async def both() -> float:
        recording = RecordingEngine(engine, sqlite_settings)
        await recording.start(lambda: None)
        await seconds(recording, 100)
        bare, recorded = await seconds(engine, 1500), await seconds(recording, 1500)
        assert len(rows_at(sqlite_settings)) > 500, "they are being written"
        until(lambda: len(rows_at(sqlite_settings)) == 1600)
        await recording.close()
        return recorded - bare

    cost = asyncio.run(both())
    assert cost < 100e-6, f"{cost * 1e6:.0f} µs"
    provider.shutdown()
