"""The models that the imitation has, and what LiteLLM 1.106.2 says about such ones."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_BASE = "http://127.0.0.1:9/v1"
_KNOWN_TO = {"gpt": "openai/gpt-4o-mini", "embedding": "openai/embed-1", "reranker": "hosted_vllm/rerank-1"}
# What LiteLLM makes of `wild/*` where that is `openai/*`; the real list has 200 names.
_EXPANDED = ("wild/gpt-4o-mini", "wild/text-embedding-3-small")
_PARAMETERS = ["temperature", "top_p", "max_tokens", "stop", "stream", "stream_options", "tools", "response_format"]
_CHAT = {
    "max_tokens": 16384,
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
    "input_cost_per_token": 1.5e-07,
    "output_cost_per_token": 6e-07,
    "supports_function_calling": True,
    "supports_vision": True,
}


class Model(NamedTuple):
    """A model as the headers of an answer tell it; `price` is USD per prompt and per completion token."""

    id: str
    name: str
    price: tuple[float, float] | None


MODELS = {
    "gpt": Model("a" * 64, _KNOWN_TO["gpt"], (1.5e-07, 6e-07)),
    "embedding": Model("b" * 64, _KNOWN_TO["embedding"], (0.0, 0.0)),
    "reranker": Model("c" * 64, _KNOWN_TO["reranker"], (0.0, 0.0)),
}


def find(name: str) -> Model | None:
    """The model that serves a name."""
    if name in MODELS:
        return MODELS[name]
    for wildcard, vendor, letter in (("wild/", "openai/", "d"), ("own/", "hosted_vllm/", "e")):
        if name.startswith(wildcard) and name != wildcard:
            return Model(letter * 64, vendor + name.removeprefix(wildcard), None)
    return None


def model_info() -> Any:
    """``GET /v1/model/info``: a row for each deployment. Of an expanded wildcard it knows no mode."""
    gpt = {**_CHAT, "mode": "chat", "litellm_provider": "openai"}
    embedding = {"mode": "embedding", "output_vector_size": 64, "litellm_provider": "openai"}
    rows = [
        _row("gpt", MODELS["gpt"], {**_all_null(), **gpt}),
        _row("embedding", MODELS["embedding"], {**_all_null(), **embedding}),
        _row("reranker", MODELS["reranker"], {**_all_null(), "mode": "rerank", "litellm_provider": "hosted_vllm"}),
        *(_row(name, Model("d" * 64, name, None), {}) for name in _EXPANDED),
        _row("own/*", Model("e" * 64, "hosted_vllm/*", None), {**_all_null(), "litellm_provider": "hosted_vllm"}),
    ]
    return {"data": rows}


def model_group_info() -> Any:
    """``GET /model_group/info``: a row for each name that a client may use, wildcards only expanded."""
    chat = {"mode": "chat", "max_input_tokens": 128000.0, "max_output_tokens": 16384.0, "supports_vision": True}
    priced = {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "supports_function_calling": True}
    rows = [
        _group("gpt", "openai", {**chat, **priced}),
        _group("embedding", "openai", {"mode": "embedding"}),
        _group("reranker", "hosted_vllm", {"mode": "rerank"}),
        _group(_EXPANDED[0], "openai", {**chat, **priced}),
        _group(_EXPANDED[1], "openai", {"mode": "embedding"}),
    ]
    return {"data": rows}


def models() -> Any:
    """``GET /v1/models``."""
    more: dict[str, Any] = {
        "gpt": {"mode": "chat", "max_input_tokens": 128000, "max_output_tokens": 16384},
        "embedding": {"mode": "embedding"},
        "reranker": {"mode": "rerank"},
    }
    rows = [
        {"id": name, "object": "model", "created": 1677610602, "owned_by": "openai", **more.get(name, {})}
        for name in (*MODELS, *_EXPANDED)
    ]
    return {"data": rows, "object": "list"}


def _row(name: str, model: Model, facts: dict[str, Any]) -> dict[str, Any]:
    params = {"api_base": _BASE, "use_in_pass_through": False, "use_litellm_proxy": False, "model": model.name}
    info: dict[str, Any] = {"id": model.id, "db_model": False, "pricing_overrides": []}
    if facts:
        info |= {"key": model.name, **facts, "supported_openai_params": _PARAMETERS}
    return {"model_name": name, "litellm_params": params, "model_info": info}


def _all_null() -> dict[str, Any]:
    # LiteLLM names about 150 facts of a model and gives null for those it does not know.
    return dict.fromkeys([*_CHAT, "mode", "output_vector_size", "supports_reasoning", "tpm", "rpm"])


def _group(name: str, provider: str, facts: dict[str, Any]) -> dict[str, Any]:
    limits = ("max_input_tokens", "max_output_tokens", "tpm", "rpm", "itpm", "otpm")
    prices = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_pixel")
    health = ("configurable_clientside_auth_params", "health_status", "health_response_time", "health_checked_at")
    what = ("parallel_function_calling", "vision", "web_search", "url_context", "reasoning", "function_calling")
    return {
        "model_group": name,
        "providers": [provider],
        **dict.fromkeys((*limits, *prices, *health)),
        **{f"supports_{name}": False for name in (*what, "fast_mode")},
        **facts,
        "supported_reasoning_efforts": None,
        "supported_openai_params": _PARAMETERS,
        "is_public_model_group": False,
    }


LISTS = {
    path: json.dumps(make(), separators=(",", ":")).encode()
    for path, make in (("/model/info", model_info), ("/model_group/info", model_group_info), ("/models", models))
}
