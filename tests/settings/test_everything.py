"""A proxy's config with every section: it is taken as it is, and each section has its effect."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import litellm
import pytest
import yaml

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.settings import keys
from tests.settings.conftest import MODEL

HERE = Path(__file__).parent
KEY = "sk-planted-everything"


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.LiteLLMSettings:
    for name in ("everything.yaml", "everything_models.yaml"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "planted_callbacks.py").write_text("handler = object()\ndef allow(text): return True\n")
    monkeypatch.setenv("PLANTED_OPENAI_KEY", KEY)
    for name in ("PLANTED_UNSET", "PLANTED_COPY", "PLANTED_REGION", "PLANTED_SWITCH"):
        monkeypatch.delenv(name, raising=False)
    return settings.load(tmp_path / "everything.yaml")


def test_the_file_has_every_section() -> None:
    sections = yaml.safe_load((HERE / "everything.yaml").read_text())
    # `agent_list` is the other name of `agents`.
    assert set(keys.SECTIONS) - {"agent_list"} == set(sections) - {"x-common"}


def test_it_is_read_as_a_whole(everything: settings.LiteLLMSettings, tmp_path: Path) -> None:
    assert everything.files == (tmp_path / "everything.yaml", tmp_path / "everything_models.yaml")
    names = [model["model_name"] for model in everything.model_list]
    assert names == ["gpt", "gpt", "claude", "bedrock", "anthropic/*", "local", "embedding", "included"]
    gpt, azure, claude, bedrock = (model["litellm_params"] for model in everything.model_list[:4])
    assert (gpt["api_key"], gpt["timeout"], gpt["rpm"]) == (KEY, 30, 600)
    assert (azure["litellm_credential_name"], azure["rpm"]) == ("azure-eu", 300)
    assert claude["api_key"] == KEY, "through a variable that the config sets"
    assert bedrock["aws_region_name"] == "eu-west-1"
    assert everything.model_list[-1]["litellm_params"]["api_key"] == KEY
    assert everything.router_settings["timeout"] == 20
    assert set(everything.router_settings) <= settings.router_arguments()


def test_warnings_are_for_what_needs_a_proxy_alone(
    everything: settings.LiteLLMSettings, caplog: pytest.LogCaptureFixture
) -> None:
    (circle,) = everything.warnings
    assert "gpt → claude → gpt" in str(circle)
    settings.apply(everything)
    _, proxy, unknown = caplog.records
    assert proxy.levelno == logging.WARNING
    named = proxy.getMessage().split("do nothing here: ")[1].split(". Serve")[0].split(", ")
    assert named == [
        *("litellm_settings.max_budget", "litellm_settings.budget_duration", "litellm_settings.default_team_settings"),
        *("litellm_settings.upperbound_key_generate_params", "litellm_settings.audit_log_callbacks"),
        *("litellm_settings.mcp_aliases", "litellm_settings.json_logs"),
        *("general_settings.master_key", "general_settings.database_url"),
        *("general_settings.store_prompts_in_spend_logs", "general_settings.alerting"),
        *("general_settings.background_health_checks", "general_settings.health_check_interval"),
        *("general_settings.forward_client_headers_to_llm_api", "general_settings.pass_through_endpoints"),
        *("guardrails", "policies", "policy_attachments", "prompts", "mcp_servers", "mcp_tools", "agents"),
        *("search_tools", "sandbox_tools", "assistant_settings", "files_settings", "finetune_settings"),
        *("default_vertex_config", "worker_registry"),
    ]
    assert unknown.getMessage().endswith("unknown, and not honoured: x-common (line 11).")
    assert "planted" not in caplog.text.lower().replace(str(everything.path.parent).lower(), "")


def test_environment_variables(everything: settings.LiteLLMSettings) -> None:
    settings.apply(everything)
    assert os.environ["PLANTED_REGION"] == "eu-west-1"
    assert os.environ["PLANTED_COPY"] == KEY
    assert os.environ["PLANTED_SWITCH"] == "True"


def test_litellm_settings(everything: settings.LiteLLMSettings) -> None:
    before = (litellm.max_budget, litellm.default_team_settings, litellm.json_logs, litellm.cache)
    settings.apply(everything)
    assert (litellm.num_retries, litellm.request_timeout) == (2, 45)
    assert (litellm.drop_params, litellm.modify_params) == (True, True)
    assert (litellm.ssl_verify, litellm.force_ipv4) == (False, True)
    assert litellm.model_alias_map == {"tiny": "openai/gpt-4o-mini"}
    assert litellm.cost_discount_config == {"vertex_ai": 0.05}
    assert litellm.context_window_fallbacks == [{"gpt": ["claude"]}]
    assert litellm.content_policy_fallbacks == [{"gpt": ["claude"]}]
    assert litellm.default_fallbacks == ["local"]
    assert litellm.langfuse_default_tags == ["cache_hit"]
    assert litellm.turn_off_message_logging is True
    assert [rule.__name__ for rule in litellm.post_call_rules] == ["allow"]
    assert before == (litellm.max_budget, litellm.default_team_settings, litellm.json_logs, litellm.cache)
    for key in ("cache", "cache_params", "callbacks", "success_callback", "failure_callback", "service_callback"):
        assert key in everything.litellm_settings, "for those who make the calls"


def test_general_settings(everything: settings.LiteLLMSettings) -> None:
    settings.apply(everything)
    assert (litellm.user_url_validation, litellm.user_url_allowed_hosts) == (True, ["files.example"])


def test_credential_list(everything: settings.LiteLLMSettings) -> None:
    settings.apply(everything)
    (credential,) = litellm.credential_list
    assert credential.credential_name == "azure-eu"
    assert credential.credential_values["api_key"] == KEY
    params = {"litellm_credential_name": "azure-eu"}
    litellm.utils.load_credentials_from_list(params)
    assert params["api_base"] == "https://planted.openai.azure.example"


def test_callback_settings(everything: settings.LiteLLMSettings) -> None:
    settings.apply(everything)
    assert litellm.callback_settings == {"otel": {"message_logging": False}}


def test_vector_store_registry(everything: settings.LiteLLMSettings) -> None:
    settings.apply(everything)
    registry = litellm.vector_store_registry
    assert registry is not None
    assert [store["vector_store_id"] for store in registry.vector_stores] == ["vs_planted"]
    settings.apply(everything)
    registry = litellm.vector_store_registry
    assert registry is not None
    assert len(registry.vector_stores) == 1, "a second registry has none of the first one's"


def test_all_of_it_is_taken_back(everything: settings.LiteLLMSettings, config: Path) -> None:
    settings.apply(everything)
    config.write_text(MODEL)
    settings.apply(settings.load(config))
    assert (litellm.num_retries, litellm.credential_list, litellm.post_call_rules) == (None, [], [])
    assert litellm.vector_store_registry is None
    assert "PLANTED_REGION" not in os.environ
