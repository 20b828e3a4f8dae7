"""``os.environ/NAME`` and ``environment_variables``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llama_stack_provider_litellm import settings
from tests.settings.conftest import MODEL, Refusal


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", "sk-from-environment")
    for name in ("PLANTED_UNSET", "PLANTED_NEW", "PLANTED_COPY"):
        monkeypatch.delenv(name, raising=False)


def test_references_are_resolved_in_what_is_honoured_at_any_depth(config: Path) -> None:
    config.write_text(
        """
model_list:
- model_name: gpt
  litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/PLANTED_KEY, extra: [{deep: os.environ/PLANTED_KEY}]}
router_settings: {num_retries: 2, redis_password: os.environ/PLANTED_KEY}
litellm_settings: {openai_key: os.environ/PLANTED_KEY}
callback_settings: {otel: {key: os.environ/PLANTED_KEY}}
credential_list:
- {credential_name: c, credential_values: {api_key: os.environ/PLANTED_KEY}, credential_info: {}}
vector_store_registry:
- vector_store_name: v
  litellm_params: {vector_store_id: v1, custom_llm_provider: openai, api_key: os.environ/PLANTED_KEY}
"""
    )
    loaded = settings.load(str(config))
    params = loaded.model_list[0]["litellm_params"]
    assert params["api_key"] == "sk-from-environment"
    assert params["extra"] == [{"deep": "sk-from-environment"}]
    assert loaded.router_settings == {"num_retries": 2, "redis_password": "sk-from-environment"}
    assert loaded.litellm_settings == {"openai_key": "sk-from-environment"}
    assert loaded.globals == {"callback_settings": {"otel": {"key": "sk-from-environment"}}}
    assert loaded.credential_list[0]["credential_values"] == {"api_key": "sk-from-environment"}
    assert loaded.vector_store_registry[0]["litellm_params"]["api_key"] == "sk-from-environment"


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_variable_names_model_and_variable(
    refusal: Refusal, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLANTED_KEY")
    if value is not None:
        monkeypatch.setenv("PLANTED_KEY", value)
    message = refusal(MODEL.replace("sk-planted-1", "os.environ/PLANTED_KEY"))
    assert message == (
        ", line 2: model_list[0] (gpt).litellm_params.api_key: the environment variable PLANTED_KEY is not set. "
        "Set it (export PLANTED_KEY=…) or take the entry out."
    )


def test_with_a_secret_manager_the_complaint_says_who_asks_it(refusal: Refusal) -> None:
    text = MODEL.replace("sk-planted-1", "os.environ/PLANTED_UNSET")
    assert "is asked by a LiteLLM Proxy alone" in refusal(text + "general_settings: {key_management_system: aws_kms}")


@pytest.mark.parametrize(
    "section",
    [
        "general_settings: {master_key: os.environ/PLANTED_UNSET}",
        "guardrails: [{api_key: os.environ/PLANTED_UNSET}]",
        "litellm_settings: {default_team_settings: [{team_id: t, langfuse_secret: os.environ/PLANTED_UNSET}]}",
        "litellm_settings: {cache: false, cache_params: {host: os.environ/PLANTED_UNSET}}",
        "litellm_settings: {made_up: os.environ/PLANTED_UNSET}",
        "router_settings: {made_up: os.environ/PLANTED_UNSET}",
    ],
)
def test_what_only_a_proxy_uses_may_be_unset(config: Path, section: str) -> None:
    config.write_text(MODEL + section)
    settings.load(config)


def test_an_unset_variable_of_a_cache_in_use(refusal: Refusal) -> None:
    text = "litellm_settings: {cache: true, cache_params: {host: os.environ/PLANTED_UNSET}}"
    assert "litellm_settings.cache_params.host: the environment variable PLANTED_UNSET" in refusal(MODEL + text)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), ("12", "12")])
def test_switches_are_read_as_litellm_reads_them(
    config: Path, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litellm import get_secret

    monkeypatch.setenv("PLANTED_KEY", text)
    config.write_text(MODEL + "litellm_settings: {set_verbose: os.environ/PLANTED_KEY}")
    assert settings.load(config).litellm_settings["set_verbose"] == value == get_secret("os.environ/PLANTED_KEY")


def test_a_pointer_to_a_secret_is_left_to_litellm(config: Path) -> None:
    config.write_text(MODEL.replace("api_key: sk-planted-1", "anthropic_issuer_signing_key_ref: os.environ/NOT_SET"))
    (model,) = settings.load(config).model_list
    assert model["litellm_params"]["anthropic_issuer_signing_key_ref"] == "os.environ/NOT_SET"


def test_variables_of_the_config_come_first_and_are_set_when_it_is_applied(config: Path) -> None:
    config.write_text(
        MODEL.replace("sk-planted-1", "os.environ/PLANTED_NEW")
        + "environment_variables: {PLANTED_NEW: new, PLANTED_COPY: os.environ/PLANTED_KEY, PLANTED_KEY: 5}\n"
    )
    loaded = settings.load(config)
    assert loaded.model_list[0]["litellm_params"]["api_key"] == "new"
    assert loaded.environment == {"PLANTED_NEW": "new", "PLANTED_COPY": "sk-from-environment", "PLANTED_KEY": "5"}
    assert "PLANTED_NEW" not in os.environ, "reading changes nothing"
    settings.apply(loaded)
    assert (os.environ["PLANTED_NEW"], os.environ["PLANTED_KEY"]) == ("new", "5")


def test_a_variable_that_the_new_config_does_not_set_is_not_found_by_it(config: Path, refusal: Refusal) -> None:
    config.write_text(MODEL + "environment_variables: {PLANTED_NEW: new}\n")
    settings.apply(settings.load(config))
    assert "PLANTED_NEW is not set" in refusal(MODEL.replace("sk-planted-1", "os.environ/PLANTED_NEW"))
    config.write_text(MODEL + "environment_variables: {PLANTED_COPY: os.environ/PLANTED_KEY}\n")
    settings.apply(settings.load(config))
    assert "PLANTED_NEW" not in os.environ
    assert os.environ["PLANTED_COPY"] == "sk-from-environment"


def test_a_variable_may_name_one_that_the_config_sets(config: Path) -> None:
    config.write_text(MODEL + "environment_variables: {PLANTED_NEW: new, PLANTED_COPY: os.environ/PLANTED_NEW}\n")
    loaded = settings.load(config)
    assert loaded.environment["PLANTED_COPY"] == "new"
    settings.apply(loaded)
    config.write_text(MODEL + "environment_variables: {PLANTED_COPY: os.environ/PLANTED_NEW}\n")
    assert settings.load(config).environment == {}, "the earlier config's variable is none of this one"


def test_variables_that_set_nothing_are_warnings(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.environ["PATH"]
    config.write_text(
        MODEL + "environment_variables: {PATH: /nowhere, PLANTED_NEW: os.environ/PLANTED_UNSET, PLANTED_COPY: null}\n"
    )
    loaded = settings.load(config)
    assert loaded.environment == {}
    blocked, unset = map(str, loaded.warnings)
    assert "environment_variables.PATH: LiteLLM does not let a config set this variable" in blocked
    assert "environment_variables.PLANTED_NEW: sets nothing: the environment variable PLANTED_UNSET" in unset
    settings.apply(loaded)
    assert os.environ["PATH"] == before


@pytest.mark.parametrize("entry", ["{'A=B': x}", "{5: x}", '{A: "a\\0b"}', "{A: [x]}", "{'': x}"])
def test_what_is_no_variable(refusal: Refusal, entry: str) -> None:
    assert ", line 3: environment_variables" in refusal(MODEL + f"environment_variables: {entry}")
