"""Parameters on their way to a vendor: none is lost without a word.

LiteLLM knows for each vendor which of OpenAI's parameters it takes. One that a vendor does not take is an
error, or, with ``drop_params`` in the config, left out in silence; ``user`` is always left out in silence.
For a model that it does not know behind an OpenAI-shaped address it leaves out what the address may well
take.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..errors import UnsupportedParameter
from .answers import NO_ARGUMENTS
from .base import Request

logger = logging.getLogger(__name__)

_MOST_TOLD = 1000

OPENAI_SHAPED = frozenset(
    {"openai", "text-completion-openai", "hosted_vllm", "litellm_proxy", "xinference", "lm_studio", "llamafile"}
)
"""Vendors, by LiteLLM's names, that speak OpenAI's own format."""
TEXT_SERVERS = frozenset({"hosted_vllm", "litellm_proxy", "llamafile", "lm_studio", "xinference"})
"""Those that have OpenAI's endpoint for text completions beside its chat endpoint."""
TAKE_MANY_PROMPTS = frozenset({"text-completion-openai", "azure_text", "text-completion-codestral"})
"""Vendors that LiteLLM sends whatever prompts there are; of the others it makes one chat."""
ONE_PROMPT = (
    "its vendor has no endpoint for text completions, and a chat holds one prompt: send one text in `prompt`, "
    "not a list or tokens"
)
# What LiteLLM would hold back from them, because it does not know the model.
UNDERSTOOD = ("user", "dimensions")
# Parameters that callers choose; the others of a request are ours or a vendor's own.
CHOSEN = frozenset(
    {"frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens"}
    | {"max_tokens", "n", "parallel_tool_calls", "presence_penalty", "prompt_cache_key", "reasoning_effort"}
    | {"response_format", "safety_identifier", "seed", "service_tier", "stop", "temperature", "tool_choice", "tools"}
    | {"top_logprobs", "top_p", "user"}
)
# The same of text completions alone. In a chat, which LiteLLM makes of one for most vendors, they have no meaning:
# Gemini's never arrive, the others' vendors refuse them.
_CHOSEN_FOR_TEXT = frozenset({"best_of", "echo", "guided_choice", "prompt_logprobs", "suffix"})


def opened(model_list: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The deployments, with the OpenAI-shaped ones told to pass on what LiteLLM would hold back."""
    return [_opened(deployment) for deployment in model_list]


def _opened(deployment: Mapping[str, Any]) -> dict[str, Any]:
    params = deployment["litellm_params"]
    if vendor_of(params) not in OPENAI_SHAPED:
        return dict(deployment)
    allowed = [*(params.get("allowed_openai_params") or ()), *UNDERSTOOD]
    return {**deployment, "litellm_params": {**params, "allowed_openai_params": allowed}}


def vendor_of(params: Mapping[str, Any]) -> str:
    """LiteLLM's name of the vendor that serves a deployment's ``litellm_params``; empty for an unknown one."""
    return _vendor_and_model(params["model"], params.get("custom_llm_provider"), params.get("api_base"))[0]


def with_arguments(messages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Chat messages whose tool calls have arguments. LiteLLM makes nonsense of empty strings on the way to Gemini."""
    return [_with_arguments(message) for message in messages]


def _with_arguments(message: Mapping[str, Any]) -> Mapping[str, Any]:
    calls = message.get("tool_calls")
    if not calls or all(call["function"].get("arguments") for call in calls):
        return message
    filled = [
        {**call, "function": {**call["function"], "arguments": call["function"].get("arguments") or NO_ARGUMENTS}}
        for call in calls
    ]
    return {**message, "tool_calls": filled}


def without_usual_tier(request: Request, takes_tiers: bool) -> Request:
    """The request without a ``service_tier`` that asks a vendor without tiers for what it does anyway. The hosts' own
    Responses API asks so where its caller says nothing."""
    if takes_tiers or request.get("service_tier") not in ("auto", "default"):
        return request
    return {name: value for name, value in request.items() if name != "service_tier"}


def unsupported(model: str, lost: Iterable[str]) -> UnsupportedParameter:
    """The error for parameters that would not arrive."""
    return UnsupportedParameter(
        f"Model {model}: its vendor does not take {_listed(lost)}, and LiteLLM would leave it out. "
        "Leave it out yourself, or set `strict_params: false` in the provider's config.",
        model=model,
    )


class Guard:
    """Watches what the deployments of a config will not pass on."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._told: set[tuple[str, str]] = set()

    def checked(self, request: Request, deployments: Sequence[Mapping[str, Any]]) -> Request:
        """The chat or text request, after naming, once per model, every parameter that will not arrive.

        ``deployments`` are the entries of ``model_list`` that may serve it. Raises UnsupportedParameter
        instead when the provider's config says ``strict_params``.
        """
        request = without_usual_tier(request, all(_takes_tiers(item["litellm_params"]) for item in deployments))
        lost = {name for deployment in deployments for name in _lost(deployment, request)}
        if "greedy" in request:
            request = {name: value for name, value in request.items() if name != "greedy"}
            if all(_takes_temperature_0(deployment["litellm_params"]) for deployment in deployments):
                request["temperature"] = 0.0
            else:
                # Never refused: most callers have not chosen it.
                self._tell(request["model"], {"temperature: 0"})
        if lost and self._strict:
            raise unsupported(request["model"], lost)
        self._tell(request["model"], lost)
        return request

    def _tell(self, model: str, lost: set[str]) -> None:
        for name in sorted(lost):
            # Bounded: behind a wildcard the models are named by callers.
            if (model, name) not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add((model, name))
                logger.warning("Model '%s': its vendor does not take `%s`; it is left out.", model, name)


def _lost(deployment: Mapping[str, Any], request: Request) -> set[str]:
    import litellm

    from . import text_completion

    params = deployment["litellm_params"]
    vendor, model = _vendor_and_model(params["model"], params.get("custom_llm_provider"), params.get("api_base"))
    chosen = (CHOSEN | _CHOSEN_FOR_TEXT) & request.keys()
    if "prompt" in request and text_completion.has_endpoint(vendor, model, deployment.get("model_info")):
        vendor = text_completion.VENDOR
    unsupported = (chosen & CHOSEN) - _supported(model, vendor) - set(params.get("allowed_openai_params") or ())
    dropping = litellm.drop_params is True or params.get("drop_params") is True
    lost = set(unsupported if dropping else unsupported & {"user"})
    lost |= chosen & set(params.get("additional_drop_params") or ())
    # What LiteLLM lists as taken, and leaves out: Anthropic has no JSON mode without a schema, Gemini calls its
    # tools side by side or not as it likes.
    if vendor == "anthropic" and (request.get("response_format") or {}).get("type") == "json_object":
        lost.add("response_format")
    if vendor == "gemini":
        lost |= chosen & {"parallel_tool_calls", *_CHOSEN_FOR_TEXT}
    return lost


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


@lru_cache(maxsize=256)
def _vendor_and_model(model: str, vendor: str | None, api_base: str | None) -> tuple[str, str]:
    import litellm

    try:
        name, found, _, _ = litellm.get_llm_provider(model, custom_llm_provider=vendor, api_base=api_base)
    except litellm.exceptions.BadRequestError:
        # A wildcard such as `*`: the vendor shows only when a model is asked for.
        return "", model
    return found, name


def _takes_temperature_0(params: Mapping[str, Any]) -> bool:
    vendor, model = _vendor_and_model(params["model"], params.get("custom_llm_provider"), params.get("api_base"))
    return _maps_temperature_0(model, vendor)


def _takes_tiers(params: Mapping[str, Any]) -> bool:
    vendor, model = _vendor_and_model(params["model"], params.get("custom_llm_provider"), params.get("api_base"))
    return "service_tier" in _supported(model, vendor)


@lru_cache(maxsize=256)
def _maps_temperature_0(model: str, vendor: str) -> bool:
    import litellm

    try:
        mapped = litellm.get_optional_params(model=model, custom_llm_provider=vendor, temperature=0.0)
    except litellm.exceptions.UnsupportedParamsError:
        return False
    # With `drop_params` LiteLLM leaves it out.
    return mapped.get("temperature") is not None


@lru_cache(maxsize=256)
def _supported(model: str, vendor: str) -> frozenset[str]:
    import litellm

    known = litellm.get_supported_openai_params(model, custom_llm_provider=vendor) if vendor else None
    # Of a vendor that LiteLLM has no list for it passes everything on.
    return frozenset(known) if known is not None else CHOSEN
