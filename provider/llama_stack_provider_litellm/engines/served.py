"""The ``litellm`` object on an answer: which deployment gave it, after what, at what cost.

``{served_by, call_id, model_id, cost_usd, retries, fallbacks, cache_hit}``; ``model_id`` is LiteLLM's id of
the deployment (``model_info.id`` of the config, or a hash), ``cost_usd`` is None where no price is known.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any


class Served(dict[str, Any]):
    """The object as the caller gets it; what only the records need is no part of it.

    ``deployment`` is ``vendor/model`` as the LiteLLM config has it, ``vendor`` LiteLLM's name of who serves it.
    """

    deployment: str | None = None
    vendor: str | None = None


Deployments = Mapping[str, tuple[str | None, str | None]]
"""LiteLLM's id of a deployment → the deployment and its vendor, as in :class:`Served`; None for what it alone does not
tell: all models of a wildcard have one id."""


def by_router(answer: Any, usage: Mapping[str, Any] | None = None, *, deployments: Deployments) -> Served:
    """What an answer of the Router, or its finished stream with the last chunk's ``usage``, says of itself.
    ``deployments`` are the Router's."""
    hidden = getattr(answer, "_hidden_params", None) or {}
    headers = hidden.get("additional_headers") or {}
    cache_hit = bool(hidden.get("cache_hit"))
    # LiteLLM tells a stream's cost with its usage, and the first call's cost again with an answer from the cache.
    cost = _usd(usage.get("cost") if usage is not None else hidden.get("response_cost"))
    if not cost and not _has_price(hidden.get("model_id"), hidden.get("litellm_model_name")):
        cost = None
    told = Served(
        served_by="embedded",
        call_id=hidden.get("litellm_call_id"),
        model_id=hidden.get("model_id"),
        cost_usd=0.0 if cache_hit else cost,
        retries=_count(headers.get("x-litellm-attempted-retries")),
        fallbacks=_count(headers.get("x-litellm-attempted-fallbacks")),
        cache_hit=cache_hit,
    )
    told.deployment, told.vendor = deployments.get(told["model_id"] or "", (None, None))
    if told.deployment is None or "*" in told.deployment:
        told.deployment = hidden.get("litellm_model_name")
    return told


def by_proxy(
    headers: Mapping[str, str],
    *,
    priced: bool,
    usage: Mapping[str, Any] | None = None,
    deployments: Deployments,
    asked: Collection[str] = (),
) -> Served:
    """What a LiteLLM Proxy says of an answer in its headers, and at the end of a stream with the last chunk's
    ``usage``. ``priced``: whether the proxy knows a price of the model, so that a cost of 0 is one. ``deployments`` are
    all that the proxy tells of, ``asked`` those of the model that was asked for."""
    cost = _usd(headers.get("x-litellm-response-cost") if usage is None else usage.get("cost"))
    # The proxy names a key of its cache with an answer from there only.
    cache_hit = bool(headers.get("x-litellm-cache-key"))
    if not cost and not priced:
        cost = None
    told = Served(
        served_by="proxy",
        call_id=headers.get("x-litellm-call-id"),
        model_id=headers.get("x-litellm-model-id"),
        cost_usd=0.0 if cache_hit else cost,
        retries=_count(headers.get("x-litellm-attempted-retries")),
        fallbacks=_count(headers.get("x-litellm-attempted-fallbacks")),
        cache_hit=cache_hit,
    )
    told.deployment, told.vendor = deployments.get(told["model_id"] or "", (None, None))
    if told.deployment is None and not told["fallbacks"]:
        told.deployment = _only(set(asked))
        told.vendor = told.vendor or vendor_in(told.deployment)
    return told


def vendor_in(deployment: str | None) -> str | None:
    """The vendor in a deployment that is written ``vendor/model``."""
    vendor, slash, _ = (deployment or "").partition("/")
    return vendor if slash else None


def _usd(value: Any) -> float | None:
    """A cost, whatever a vendor writes for one; Perplexity writes an object."""
    number = _number(value.get("total_cost") if isinstance(value, Mapping) else value)
    return number if number is not None and number >= 0 else None


def _count(value: Any) -> int:
    return int(_number(value) or 0)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _has_price(model_id: str | None, name: str | None) -> bool:
    """Whether a cost of 0 is one: LiteLLM's price list holds each deployment's prices under its id, if it has any."""
    import litellm

    known = (model_id, name, (name or "").partition("/")[2])
    prices = (item for entry in known for item in (litellm.model_cost.get(entry) or {}).items())
    return any("cost_per" in key and price is not None for key, price in prices)


def together(parts: Sequence[Served]) -> Served:
    """The same of a request that was sent in several parts: one deployment's id only if all have it."""
    costs = [part["cost_usd"] for part in parts]
    told = Served(
        {
            **parts[0],
            "model_id": _only({part["model_id"] for part in parts}),
            "cost_usd": None if None in costs else sum(costs),
            "retries": sum(part["retries"] for part in parts),
            "fallbacks": sum(part["fallbacks"] for part in parts),
            "cache_hit": all(part["cache_hit"] for part in parts),
        }
    )
    told.deployment = _only({part.deployment for part in parts})
    told.vendor = _only({part.vendor for part in parts})
    return told


def _only(found: set[Any]) -> Any:
    return found.pop() if len(found) == 1 else None
