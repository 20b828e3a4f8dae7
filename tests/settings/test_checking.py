"""Values that are wrong, values that look wrong and are served by LiteLLM all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from litellm.types.router import LiteLLM_Params

from llama_stack_provider_litellm import settings
from tests.settings.conftest import MODEL, Refusal


def deployment(params: str, name: str = "gpt") -> str:
    return f"model_list:\n- {{model_name: '{name}', litellm_params: {{model: openai/gpt-4o-mini, {params}}}}}\n"


def warnings(config: Path, text: str) -> list[str]:
    config.write_text(text)
    return [f"{problem.place.line} {problem.key}: {problem.text}" for problem in settings.load(config).warnings]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_list: {a: b}", "model_list: must be a list"),
        ("router_settings: [a]", "router_settings: must be a mapping"),
        ("litellm_settings: text", "litellm_settings: must be a mapping"),
        ("general_settings: [a]", "general_settings: must be a mapping"),
        ("environment_variables: [a]", "environment_variables: must be a mapping"),
        ("credential_list: {a: b}", "credential_list: must be a list"),
        ("model_list: [gpt]", "model_list[0]: must be a mapping with `model_name` and `litellm_params`"),
        ("model_list: [{litellm_params: {model: m}}]", "model_list[0]: `model_name` is missing"),
        ("model_list: [{model_name: 5, litellm_params: {model: m}}]", "model_list[0]: `model_name` is missing"),
        ("model_list: [{model_name: gpt}]", "model_list[0] (gpt): `litellm_params.model` is missing"),
        ("model_list: [{model_name: gpt, litellm_params: {}}]", "(gpt): `litellm_params.model` is missing"),
        ("model_list: [{model_name: gpt, litellm_params: x}]", "(gpt): `litellm_params.model` is missing"),
        (
            "model_list: [{model_name: gpt, litellm_params: {model: m}, model_info: [x]}]",
            "model_list[0] (gpt): `model_info` must be a mapping",
        ),
        ("credential_list: [{credential_values: {}}]", "credential_list[0]: `credential_name` is missing"),
        ("credential_list: [{credential_name: c}]", "credential_list[0] (c): `credential_values` is missing"),
        (
            "credential_list: [{credential_name: c, credential_values: {}}]",
            "credential_list[0] (c): `credential_info` is missing",
        ),
        ("vector_store_registry: [{}]", "vector_store_registry[0]: `litellm_params.vector_store_id` is missing"),
        (
            "vector_store_registry: [{litellm_params: {vector_store_id: v}}]",
            "vector_store_registry[0]: `litellm_params.custom_llm_provider` is missing",
        ),
    ],
)
def test_a_wrong_shape_is_named(refusal: Refusal, text: str, words: str) -> None:
    assert f", line 1: {words}" in refusal(text) or (words.startswith("(gpt)") and words in refusal(text))


@pytest.mark.parametrize("text", ["model_list:\n", "model_list: []\n", "litellm_settings: {}\n"])
def test_no_models_is_a_warning(config: Path, text: str) -> None:
    (warning,) = warnings(config, text)
    assert "model_list: is empty: the stack will have no models" in warning


COUNT, SECONDS = "must be a whole number, 0 or more", "must be a number of seconds, 0 or more"


@pytest.mark.parametrize(
    ("section", "wrong", "words"),
    [
        ("router_settings", "num_retries: -1", COUNT),
        ("router_settings", "num_retries: 1.5", COUNT),
        ("router_settings", "num_retries: .inf", COUNT),
        ("router_settings", "num_retries: [1]", f"{COUNT}, not a list"),
        ("router_settings", "max_fallbacks: x", COUNT),
        ("router_settings", "allowed_fails: -3", COUNT),
        ("router_settings", "timeout: soon", SECONDS),
        ("router_settings", "timeout: .nan", SECONDS),
        ("router_settings", "stream_timeout: -1", SECONDS),
        ("router_settings", "cooldown_time: -0.5", SECONDS),
        ("router_settings", "retry_after: {a: b}", f"{SECONDS}, not a mapping"),
        ("litellm_settings", "num_retries: -1", COUNT),
        ("litellm_settings", "request_timeout: soon", SECONDS),
    ],
)
def test_a_wrong_number(refusal: Refusal, section: str, wrong: str, words: str) -> None:
    message = refusal(MODEL + f"{section}:\n  {wrong}\n")
    assert message.startswith(f", line 4: {section}.{wrong.split(':')[0]}: {words}")
    assert message.endswith("Correct it or take it out.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "retry_policy: {TimeoutErrorRetries: -1}",
            "router_settings.retry_policy.TimeoutErrorRetries: must be a whole",
        ),
        ("retry_policy: 3", "router_settings.retry_policy: must be a mapping of kinds of errors"),
        ("allowed_fails_policy: {TimeoutErrorAllowedFails: x}", "TimeoutErrorAllowedFails: must be a whole number"),
        ("model_group_retry_policy: {gpt: {BadRequestErrorRetries: x}}", "gpt.BadRequestErrorRetries: must be a whole"),
        ("provider_budget_config: {openai: {budget_limit: -5}}", "openai.budget_limit: must be a number of USD"),
        ("provider_budget_config: {openai: 5}", "provider_budget_config: must be a mapping of vendors"),
        (
            "routing_strategy: fastest",
            "router_settings.routing_strategy: 'fastest' is not known. Choose one of simple-",
        ),
        ("routing_strategy: least-bussy", "(did you mean `least-busy`?). Choose one of"),
        ("routing_strategy: [x]", "router_settings.routing_strategy: a list is not known"),
        ("routing_groups: [{routing_strategy: x}]", "routing_groups[0].routing_strategy: 'x' is not known"),
    ],
)
def test_wrong_router_settings(refusal: Refusal, text: str, words: str) -> None:
    assert words in refusal(MODEL + f"router_settings: {{{text}}}")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("rpm: -1", "rpm: must be a whole number, more than 0, not -1"),
        ("rpm: many", "rpm: must be a whole number, more than 0, not 'many'"),
        ("tpm: 1.5", "tpm: must be a whole number"),
        ("max_budget: -2", "max_budget: must be a number of USD, more than 0, not -2"),
        ("max_budget: x", "max_budget: must be a number of USD"),
        ("timeout: -1", f"timeout: {SECONDS}"),
        ("max_retries: x", f"max_retries: {COUNT}"),
        ("tags: free", "tags: must be a list of texts"),
        ("tags: [1]", "tags: must be a list of texts"),
    ],
)
def test_wrong_params_of_a_deployment(refusal: Refusal, params: str, words: str) -> None:
    assert f", line 2: model_list[0] (gpt).litellm_params.{words}" in refusal(deployment(params))


@pytest.mark.parametrize(
    ("params", "read"),
    [
        ("rpm: '60'", {"rpm": 60}),
        ("timeout: '2.5', max_retries: 0", {"timeout": 2.5, "max_retries": 0}),
        ("max_budget: 0.5", {"max_budget": 0.5}),
        ("timeout: null, tags: null", {"timeout": None, "tags": None}),
        ("tags: [free, eu]", {"tags": ["free", "eu"]}),
        ("tags: []", {"tags": []}),
    ],
)
def test_params_that_litellm_serves(config: Path, params: str, read: dict[str, Any]) -> None:
    assert warnings(config, deployment(params)) == []
    (model,) = settings.load(config).model_list
    assert {key: model["litellm_params"][key] for key in read} == read
    LiteLLM_Params(**model["litellm_params"])


def test_numbers_as_text_become_numbers(config: Path) -> None:
    config.write_text(
        MODEL + "router_settings: {num_retries: '3', timeout: '2.5', cooldown_time: 7, retry_policy: {A: '1'}}\n"
        "litellm_settings: {request_timeout: '11'}\n"
    )
    loaded = settings.load(config)
    assert loaded.router_settings == {"num_retries": 3, "timeout": 2.5, "cooldown_time": 7, "retry_policy": {"A": 1}}
    assert loaded.litellm_settings == {"request_timeout": 11}


@pytest.mark.parametrize("params", ["rpm: 0", "tpm: '0'", "max_budget: 0"])
def test_a_limit_of_nothing_is_a_warning(config: Path, params: str) -> None:
    (warning,) = warnings(config, deployment(params))
    assert f".litellm_params.{params.split(':')[0]}: 0 lets nothing through" in warning


def test_an_unknown_cache_type(refusal: Refusal, config: Path) -> None:
    text = MODEL + "litellm_settings:\n  cache: ON\n  cache_params:\n    type: memcached\n"
    assert refusal(text.replace("ON", "true")).startswith(
        ", line 6: litellm_settings.cache_params.type: 'memcached' is not "
    )
    assert warnings(config, text.replace("ON", "false")) == [], "LiteLLM looks at it when `cache` is on"


def test_a_misspelt_param(config: Path) -> None:
    (warning,) = warnings(config, deployment("api_bse: http://127.0.0.1"))
    assert "litellm_params.api_bse: is passed on to the vendor as it is (did you mean `api_base`?)" in warning


def test_no_param_of_litellms_looks_misspelt(config: Path) -> None:
    params = set(LiteLLM_Params.model_fields) - {"model", "tags", "timeout", "rpm", "tpm", "itpm", "otpm"}
    numbers = {"stream_timeout", "max_retries", "max_budget"}
    text = ", ".join(f"{name}: {1 if name in numbers else 'x'}" for name in sorted(params))
    assert warnings(config, deployment(f"{text}, top_p: 1, aws_region: x, max_completion_tokens: 5")) == [
        "2 model_list[0] (gpt).litellm_params.litellm_credential_name: `credential_list` has no 'x': calls go without "
        "it. Add or correct it."
    ]


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("a/*/*", "model: 'openai/*'", "`model_name` has more * than `litellm_params.model` (openai/*)"),
        ("*", "model: '*', api_key: sk-planted-9", "a caller could choose the vendor that gets the key"),
    ],
)
def test_a_wildcard_that_would_send_a_key_anywhere(refusal: Refusal, name: str, params: str, words: str) -> None:
    message = refusal(f"model_list: [{{model_name: '{name}', litellm_params: {{{params}}}}}]")
    assert f", line 1: model_list[0] ({name}): " in message
    assert words in message


def test_no_error_shows_a_secret(refusal: Refusal) -> None:
    message = refusal(
        "model_list: [{model_name: gpt, litellm_params: {model: openai/x, api_key: hunter2-planted, "
        "timeout: hunter2-planted}}]\nrouter_settings: {num_retries: sk-planted-12345678}\n"
    )
    assert "planted" not in message
    assert message.count("[redacted]") == 2
