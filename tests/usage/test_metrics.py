"""What is counted, as an exporter sees it."""

from __future__ import annotations

import pytest

from llama_stack_provider_litellm.usage import metrics


class Counter:
    def __init__(self) -> None:
        self.added: list[tuple[float, dict[str, str]]] = []

    def add(self, amount: float, attributes: dict[str, str]) -> None:
        self.added.append((amount, attributes))


def test_each_switch_is_counted_by_where_it_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter()
    monkeypatch.setattr(metrics, "_SWITCHES", counter)
    metrics.switched("embedded")
    metrics.switched("proxy")
    assert counter.added == [(1, {"to": "embedded"}), (1, {"to": "proxy"})]


def test_without_telemetry_counting_does_nothing() -> None:
    metrics.switched("proxy")
