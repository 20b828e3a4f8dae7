"""The ``litellm`` object of an answer, whatever LiteLLM, its proxy or a vendor says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llama_stack_provider_litellm.engines import served

BY_ID = {"d1": ("openai/gpt-x", "openai"), "wild": (None, "openai")}


def by_proxy(headers: dict[str, str], **more: Any) -> served.Served:
    return served.by_proxy(headers, priced=True, deployments=BY_ID, **more)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "much", ""])
def test_a_cost_that_is_none_is_not_known(value: str) -> None:
    assert by_proxy({"x-litellm-response-cost": value})["cost_usd"] is None


@pytest.mark.parametrize("value", ["nan", "inf", "many", ""])
def test_a_count_that_is_none_is_0(value: str) -> None:
    told = by_proxy({"x-litellm-attempted-retries": value, "x-litellm-attempted-fallbacks": value})
    assert (told["retries"], told["fallbacks"]) == (0, 0)


@pytest.mark.parametrize(
    ("cost", "known"),
    [(0.5, 0.5), ({"total_cost": 0.25, "currency": "USD"}, 0.25), ({}, None), ("x", None), ([], None)],
)
def test_a_streams_cost_in_a_vendors_own_form(cost: object, known: float | None) -> None:
    assert by_proxy({}, usage={"cost": cost})["cost_usd"] == known
    answer = SimpleNamespace(_hidden_params={"model_id": "d1"})
    assert served.by_router(answer, {"cost": cost}, deployments=BY_ID)["cost_usd"] == known


def test_which_deployment_answered() -> None:
    told = by_proxy({"x-litellm-model-id": "d1"}, asked=("other/x",))
    assert (told.deployment, told.vendor) == ("openai/gpt-x", "openai")


def test_a_wildcards_id_is_that_of_all_its_models() -> None:
    told = by_proxy({"x-litellm-model-id": "wild"}, asked=("openai/gpt-asked",))
    assert (told.deployment, told.vendor) == ("openai/gpt-asked", "openai")
    # After a fallback it is another model's.
    told = by_proxy({"x-litellm-model-id": "wild", "x-litellm-attempted-fallbacks": "1"}, asked=("anthropic/x",))
    assert (told.deployment, told.vendor) == (None, "openai")


def test_of_a_deployment_that_nobody_tells_of_only_what_was_asked_is_known() -> None:
    told = by_proxy({"x-litellm-model-id": "unknown"}, asked=("anthropic/x",))
    assert (told.deployment, told.vendor) == ("anthropic/x", "anthropic")
    assert by_proxy({}, asked=("anthropic/x", "openai/y")).deployment is None


def test_a_models_name_that_the_config_writes_with_a_star_is_litellms_own() -> None:
    answer = SimpleNamespace(_hidden_params={"model_id": "star", "litellm_model_name": "openai/gpt-4o"})
    told = served.by_router(answer, deployments={"star": ("openai/*", "openai")})
    assert (told.deployment, told.vendor) == ("openai/gpt-4o", "openai")
    # As the caller gets it, it says nothing of either.
    assert "openai/gpt-4o" not in told.values()
