"""What this package counts, through OpenTelemetry: exported where the host's telemetry is.

Names and attributes of what a call took are those of OpenTelemetry's semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/); what these have no word for is `litellm.…`.
Callers are in none of them: whoever reads metrics need not know who asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from ..redaction import without_keys
from .call import Call

MOMENT = 0.05
"""How long after its end, in seconds, a call is counted."""

_METER = metrics.get_meter("llama_stack_provider_litellm")

# The boundaries that the conventions ask for.
_TOKENS = [4**power for power in range(14)]
_SECONDS = [0.01 * 2**power for power in range(14)]
_FIRST_CHUNK = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]

_TOKEN_USAGE = _METER.create_histogram(
    "gen_ai.client.token.usage",
    unit="{token}",
    description="Number of input and output tokens used.",
    explicit_bucket_boundaries_advisory=_TOKENS,
)
_DURATION = _METER.create_histogram(
    "gen_ai.client.operation.duration",
    unit="s",
    description="GenAI operation duration.",
    explicit_bucket_boundaries_advisory=_SECONDS,
)
_TIME_TO_FIRST_CHUNK = _METER.create_histogram(
    "gen_ai.client.operation.time_to_first_chunk",
    unit="s",
    description="Time to receive the first chunk of a stream.",
    explicit_bucket_boundaries_advisory=_FIRST_CHUNK,
)
_COST = _METER.create_counter("litellm.cost", unit="USD", description="What calls cost, where that is known.")
_UNPRICED = _METER.create_counter("litellm.unpriced", description="Answered calls of which nobody knows the cost.")
_RETRIES = _METER.create_counter("litellm.retries", description="Further attempts that LiteLLM made.")
_FALLBACKS = _METER.create_counter("litellm.fallbacks", description="Other models that LiteLLM went on to.")
_CACHE_HITS = _METER.create_counter("litellm.cache_hits", description="Answers that came from LiteLLM's cache.")
_SWITCHES = _METER.create_counter(
    "litellm.failover", description="How often requests have begun to go elsewhere, by where they go to."
)
_DROPPED = _METER.create_counter("litellm.usage.dropped", description="Calls of which no usage record could be kept.")

_OPERATIONS = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "messages": "chat",
    "rerank": "rerank",
}
# LiteLLM's name of a vendor → the conventions', where they differ.
_VENDORS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "text-completion-openai": "openai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}

_proxy_is_up: bool | None = None


def _proxy_state(_: CallbackOptions) -> Iterable[Observation]:
    return [] if _proxy_is_up is None else [Observation(int(_proxy_is_up))]


_METER.create_observable_gauge(
    "litellm.proxy.up", [_proxy_state], description="1 while the LiteLLM Proxy gets the requests, 0 while it is away."
)


def switched(to: str) -> None:
    """Count that requests go to ``proxy``, ``embedded`` or ``nowhere`` from now on."""
    global _proxy_is_up
    _proxy_is_up = to == "proxy"
    _SWITCHES.add(1, {"to": to})


def watched() -> None:
    """A LiteLLM Proxy is watched from now on, and is there until the contrary is known."""
    global _proxy_is_up
    if _proxy_is_up is None:
        _proxy_is_up = True


def ended(call: Call) -> None:
    """Count a call that has ended."""
    about: dict[str, str] = {
        "gen_ai.operation.name": _OPERATIONS[call.api],
        "gen_ai.provider.name": _VENDORS.get(call.vendor or "", call.vendor or "_OTHER"),
        # Behind a wildcard callers name the models: those that never answer must not become a metric each.
        "gen_ai.request.model": without_keys(call.model) if call.is_listed or call.error is None else "_OTHER",
        "litellm.served_by": call.engine or "nobody",
    }
    if call.response_model:
        about["gen_ai.response.model"] = without_keys(call.response_model)
    _DURATION.record(call.duration_seconds, {**about, "error.type": call.error} if call.error else about)
    if call.first_token_seconds is not None:
        _TIME_TO_FIRST_CHUNK.record(call.first_token_seconds, about)
    # The conventions count what is billed.
    if not call.cache_hit:
        if call.input_tokens is not None:
            _TOKEN_USAGE.record(call.input_tokens, {**about, "gen_ai.token.type": "input"})
        if call.output_tokens is not None and call.api in ("chat", "completion"):
            _TOKEN_USAGE.record(call.output_tokens, {**about, "gen_ai.token.type": "output"})
    if call.cost_usd:
        _COST.add(call.cost_usd, about)
    elif call.cost_usd is None and call.was_answered:
        _UNPRICED.add(1, about)
    for counter, count in ((_RETRIES, call.retries), (_FALLBACKS, call.fallbacks), (_CACHE_HITS, call.cache_hit)):
        if count:
            counter.add(int(count), about)


def dropped(calls: int) -> None:
    """Count calls that have no usage record."""
    _DROPPED.add(calls)
