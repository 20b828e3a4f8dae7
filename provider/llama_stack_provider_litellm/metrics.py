"""What this package counts, through OpenTelemetry: exported where the host's telemetry is."""

from __future__ import annotations

from opentelemetry import metrics

_METER = metrics.get_meter("llama_stack_provider_litellm")
_SWITCHES = _METER.create_counter(
    "litellm_failover", description="How often requests have begun to go elsewhere, by where they go to."
)


def switched(to: str) -> None:
    """Count that requests go to ``proxy``, ``embedded`` or ``nowhere`` from now on."""
    _SWITCHES.add(1, {"to": to})
