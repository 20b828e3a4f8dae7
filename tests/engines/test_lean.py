"""What the Router leaves out changes nothing of what LiteLLM's own counts and answers."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import litellm
import pytest

from llama_stack_provider_litellm.engines.lean import Router

PARAMS = {"model": "openai/gpt-4o-mini", "api_key": "sk-x", "api_base": "http://127.0.0.1:1/v1"}
DEPLOYMENTS: dict[str, dict[str, Any]] = {
    # Models of their own: LiteLLM keeps what a deployment's `model_info` says under the model's name, for all Routers.
    "no limit": {"litellm_params": {"model": "openai/gpt-4.1-nano"}},
    "tokens": {"litellm_params": {"tpm": 1000}},
    "requests": {"litellm_params": {"rpm": 10}},
    "tokens beside it": {"tpm": 1000},
    "requests beside it": {"rpm": 10},
    "in what is known of it": {"litellm_params": {"model": "openai/gpt-4.1"}, "model_info": {"rpm": 10}},
    "input tokens": {"litellm_params": {"itpm": 1000}},
    "output tokens": {"litellm_params": {"model": "openai/gpt-4.1-mini"}, "model_info": {"otpm": 1000}},
    "limits in LiteLLM's list": {"litellm_params": {"model": "gemini/gemini-2.0-flash"}},
    "a wildcard": {"model_name": "some/*", "litellm_params": {"model": "openai/*"}},
    "a wildcard with a limit": {"model_name": "some/*", "litellm_params": {"model": "openai/*", "rpm": 10}},
    "a model that nobody knows": {"litellm_params": {"model": "hosted_vllm/mine"}},
}


def deployment(given: dict[str, Any]) -> dict[str, Any]:
    params = {**PARAMS, **given.get("litellm_params", {})}
    info = {"id": "one", **given.get("model_info", {})}
    return {"model_name": "gpt", **given, "litellm_params": params, "model_info": info}


async def counted(kind: type[litellm.Router], given: dict[str, Any], model: str) -> Any:
    """What a Router returns, and what it has counted, after two calls and one that only adds tokens."""
    router = kind(model_list=[copy.deepcopy(deployment(given))])
    returned = [
        await router._increment_deployment_usage(
            deployment_id=name,
            deployment_name=deployment(given)["litellm_params"]["model"],
            model_group=model,
            total_tokens=tokens,
            rpm_increment=requests,
            parent_otel_span=None,
        )
        for name, tokens, requests in (("one", 30, 1), ("one", 12, 1), ("one", 5, 0), ("another", 5, 1))
    ]
    kept = {key: value for key, value in router.cache.in_memory_cache.cache_dict.items() if key.startswith("global")}
    router.discard()
    return [name and name.rsplit(":", 1)[0] for name in returned], sorted(kept.values()), len(kept)


@pytest.mark.parametrize("given", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_it_counts_what_litellms_own_counts(given: dict[str, Any]) -> None:
    model = given.get("model_name", "gpt").replace("*", "gpt-4o-mini")
    theirs, ours = (asyncio.run(counted(kind, given, model)) for kind in (litellm.Router, Router))
    assert ours == theirs


def test_where_there_is_a_limit_it_is_counted() -> None:
    assert asyncio.run(counted(Router, DEPLOYMENTS["tokens"], "gpt"))[1] == [2, 47]
    assert asyncio.run(counted(Router, DEPLOYMENTS["no limit"], "gpt"))[1] == []
