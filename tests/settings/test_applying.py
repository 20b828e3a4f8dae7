"""What a config sets on litellm, and that the next one takes it back."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import litellm
import pytest

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.errors import ConfigError
from tests.settings.conftest import MODEL


def apply(config: Path, text: str = "") -> None:
    config.write_text(MODEL + text)
    settings.apply(settings.load(config))


def test_apply_sets_litellms_globals(config: Path) -> None:
    apply(config, "litellm_settings: {drop_params: true, num_retries: 7, request_timeout: '11'}\n")
    assert litellm.drop_params is True
    assert litellm.num_retries == 7
    assert litellm.request_timeout == 11.0
    assert getattr(litellm, "request_timeout_explicitly_set") is True  # noqa: B009


@pytest.mark.parametrize(("value", "set_to"), [("'off'", False), ("'yes'", True), ("null", False), ("[x]", False)])
def test_drop_params_is_a_switch(config: Path, value: str, set_to: bool) -> None:
    apply(config, f"litellm_settings: {{drop_params: {value}}}\n")
    assert litellm.drop_params is set_to


def test_another_config_takes_the_place_of_the_first(config: Path) -> None:
    before = (litellm.drop_params, litellm.num_retries, litellm.request_timeout, litellm.fallbacks, litellm.ssl_verify)
    explicit = getattr(litellm, "request_timeout_explicitly_set")  # noqa: B009
    providers = list(litellm.provider_list)
    (config.parent / "planted_provider.py").write_text("import litellm\nhandler = litellm.CustomLLM()\n")
    custom = "custom_provider_map: [{provider: mine, custom_handler: planted_provider.handler}]"
    apply(
        config,
        f"litellm_settings: {{drop_params: true, num_retries: 7, request_timeout: 3, ssl_verify: false, {custom}}}\n"
        "credential_list: [{credential_name: c, credential_values: {api_key: k}, credential_info: {}}]\n"
        "callback_settings: {otel: {message_logging: false}}\n"
        "general_settings: {user_url_validation: false, user_url_allowed_hosts: [a.example]}\n"
        "vector_store_registry:\n- vector_store_name: v\n"
        "  litellm_params: {vector_store_id: v1, custom_llm_provider: openai}\n",
    )
    assert litellm.provider_list == [*providers, "mine"]
    assert litellm.callback_settings == {"otel": {"message_logging": False}}
    assert (litellm.user_url_validation, litellm.user_url_allowed_hosts) == (False, ["a.example"])
    apply(config, "litellm_settings: {num_retries: 2, fallbacks: [{gpt: [gpt]}]}\n")
    assert litellm.num_retries == 2
    assert litellm.fallbacks == [{"gpt": ["gpt"]}]
    apply(config)
    now = (litellm.drop_params, litellm.num_retries, litellm.request_timeout, litellm.fallbacks, litellm.ssl_verify)
    assert now == before
    assert getattr(litellm, "request_timeout_explicitly_set") is explicit  # noqa: B009
    assert litellm.provider_list == providers
    assert (litellm.credential_list, litellm.callback_settings, litellm.vector_store_registry) == ([], {}, None)
    assert (litellm.user_url_validation, litellm.user_url_allowed_hosts) == (True, [])


def test_the_same_config_twice(config: Path) -> None:
    (config.parent / "planted_again.py").write_text("import litellm\nhandler = litellm.CustomLLM()\n")
    text = "litellm_settings: {custom_provider_map: [{provider: mine, custom_handler: planted_again.handler}]}\n"
    for _ in range(2):
        apply(config, text)
        assert [name for name in litellm.provider_list if name == "mine"] == ["mine"]
        assert len(litellm.custom_provider_map) == 1


def test_a_config_that_fails_changes_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANTED_B", raising=False)
    apply(config, "litellm_settings: {drop_params: true, num_retries: 7}\nenvironment_variables: {PLANTED_A: '1'}\n")
    with pytest.raises(ConfigError, match="cannot be imported"):
        apply(
            config,
            "litellm_settings: {num_retries: 1, modify_params: true,\n"
            "  custom_provider_map: [{provider: p, custom_handler: no_such_module.handler}]}\n"
            "environment_variables: {PLANTED_A: '2', PLANTED_B: '3'}\n",
        )
    assert (litellm.drop_params, litellm.num_retries, litellm.modify_params) == (True, 7, False)
    assert (os.environ["PLANTED_A"], os.environ.get("PLANTED_B")) == ("1", None)
    apply(config)
    assert "PLANTED_A" not in os.environ


def test_litellm_cannot_change_what_was_read(config: Path) -> None:
    config.write_text(MODEL + "litellm_settings: {fallbacks: [{gpt: [gpt]}]}\n")
    loaded = settings.load(config)
    settings.apply(loaded)
    assert litellm.fallbacks is not None
    litellm.fallbacks.append({"*": ["gpt"]})  # as its Router does with default_fallbacks
    assert loaded.litellm_settings["fallbacks"] == [{"gpt": ["gpt"]}]


@pytest.mark.parametrize("key", ["completion", "acompletion", "Router", "utils", "_current_cost", "credential_list"])
def test_a_key_cannot_overwrite_what_litellm_is_made_of(
    config: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = getattr(litellm, key)
    apply(config, f"litellm_settings: {{{key}: planted}}\n")
    assert getattr(litellm, key) is before
    assert f"litellm_settings.{key} (line 3)" in caplog.text


def test_an_attribute_of_litellm_that_is_not_documented_is_set(
    config: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litellm, "planted_attribute", 1, raising=False)
    apply(config, "litellm_settings: {planted_attribute: 2}\n")
    assert getattr(litellm, "planted_attribute") == 2  # noqa: B009
    assert caplog.records == []


@pytest.mark.parametrize("key", ["cache", "cache_params", "callbacks", "success_callback", "failure_callback"])
def test_caches_and_callbacks_are_left_to_those_who_make_the_calls(
    config: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = getattr(litellm, key, None)
    config.write_text(MODEL + f"litellm_settings: {{{key}: [planted]}}\n")
    loaded = settings.load(config)
    settings.apply(loaded)
    assert loaded.litellm_settings == {key: ["planted"]}
    assert getattr(litellm, key, None) is before
    assert caplog.records == []


def test_one_warning_for_what_needs_a_proxy_and_one_for_what_nobody_knows(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    apply(
        config,
        "general_settings: {master_key: sk-planted-2, user_url_validation: true}\n"
        "litellm_settings: {max_budget: 5, drop_params: true, drop_param: 1, nonsense: 1}\n"
        "router_settings: {num_retries: 1, made_up: 2, search_tools: []}\n"
        "guardrails: []\nguardrail: []\n",
    )
    proxy, unknown = caplog.records
    assert proxy.levelno == unknown.levelno == logging.WARNING
    assert proxy.getMessage() == (
        f"{config}: these keys need a LiteLLM Proxy and do nothing here: general_settings.master_key, "
        "litellm_settings.max_budget, router_settings.search_tools, guardrails. Serve your models from a LiteLLM Proxy "
        "to have them, or take them out."
    )
    assert unknown.getMessage() == (
        f"{config}: unknown, and not honoured: litellm_settings.drop_param (line 4, did you mean `drop_params`?), "
        "litellm_settings.nonsense (line 4), router_settings.made_up (line 5), "
        "guardrail (line 7, did you mean `guardrails`?)."
    )


def test_what_was_found_while_reading_is_told(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    apply(config, "router_settings: {num_retries: 1, num_retries: 2}\n")
    (record,) = caplog.records
    assert "line 3: num_retries: is written twice" in record.getMessage()


def test_all_honoured_is_no_warning(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    apply(config, "litellm_settings: {drop_params: true}\nrouter_settings: {num_retries: 1}\n")
    assert caplog.records == []


def test_router_arguments() -> None:
    known = settings.router_arguments()
    assert {"num_retries", "fallbacks", "routing_strategy", "cooldown_time"} <= known
    assert not {"model_list", "search_tools", "fallback_access_check", "ignore_invalid_deployments"} & known


def test_rules_are_functions(config: Path) -> None:
    (config.parent / "planted_rules.py").write_text("def first(text): return True\ndef second(text): return True\n")
    apply(
        config,
        "litellm_settings: {post_call_rules: planted_rules.first, pre_call_rules: [planted_rules.second]}\n",
    )
    assert [rule.__name__ for rule in litellm.post_call_rules] == ["first"]
    assert [rule.__name__ for rule in litellm.pre_call_rules] == ["second"]


def test_a_custom_handler_beside_the_config_file(config: Path) -> None:
    (config.parent / "planted_handler.py").write_text(
        "from litellm import CustomLLM\nclass Handler(CustomLLM): pass\nhandler = Handler()\n"
    )
    apply(
        config,
        "litellm_settings: {custom_provider_map: [{provider: mine, custom_handler: planted_handler.handler}]}\n",
    )
    (item,) = litellm.custom_provider_map
    assert item["provider"] == "mine"
    assert type(item["custom_handler"]).__name__ == "Handler"
    assert "mine" in litellm.provider_list


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("handler", "must be a list"),
        ("[handler]", "each entry needs `provider` and `custom_handler`"),
        ("[{provider: mine}]", "each entry needs `provider` and `custom_handler`"),
        ("[{provider: mine, custom_handler: no_such_module.handler}]", "'no_such_module.handler' cannot be imported"),
        ("[{provider: mine, custom_handler: json.no_such_name}]", "'json.no_such_name' cannot be imported"),
        ("[{provider: mine, custom_handler: 5}]", "'5' cannot be imported"),
        ("[{provider: mine, custom_handler: handler}]", "Give module.instance"),
        ("[{provider: mine, custom_handler: broken.handler}]", "'broken.handler' cannot be imported"),
    ],
)
def test_a_bad_custom_handler(config: Path, value: str, words: str) -> None:
    (config.parent / "broken.py").write_text("this is no Python\n")
    with pytest.raises(ConfigError) as caught:
        apply(config, f"litellm_settings: {{custom_provider_map: {value}}}\n")
    assert str(caught.value).startswith(f"{config}, line 3: litellm_settings.custom_provider_map: ")
    assert words in str(caught.value)
