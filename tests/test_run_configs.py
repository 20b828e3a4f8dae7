"""The run configs of the three modes are one, and the LiteLLM Proxy's config beside them is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from llama_stack.core.stack import replace_env_vars

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.config import LiteLLMConfig
from llama_stack_provider_litellm.engines.library import import_litellm, known_model
from tests.processes import ROOT

RUN_CONFIGS = ROOT / "run_configs"
PROXY_CONFIG = RUN_CONFIGS / "litellm" / "proxy.yaml"
FILES = {"embedded": "run.yaml", "proxy": "proxy.yaml", "auto": "auto.yaml"}


def body(mode: str) -> str:
    """A run config without the comment on top."""
    return (RUN_CONFIGS / FILES[mode]).read_text().split("\nversion: 2\n", 1)[1]


def provider_config(mode: str) -> LiteLLMConfig:
    """The settings that the provider is given, as the host reads them."""
    run = replace_env_vars(yaml.safe_load((RUN_CONFIGS / FILES[mode]).read_text()))
    return LiteLLMConfig(**run["providers"]["inference"][0]["config"])


@pytest.mark.parametrize("mode", ["proxy", "auto"])
def test_they_differ_in_the_mode_alone(mode: str) -> None:
    default = "mode: ${env.LITELLM_MODE:=embedded}\n"
    assert body("embedded").count(default) == 1
    assert body(mode) == body("embedded").replace(default, default.replace("embedded", mode))


@pytest.mark.parametrize("mode", FILES)
def test_what_the_provider_is_given(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LITELLM_MODE", "LITELLM_PROXY_URL", "LITELLM_PROXY_API_KEY", "LITELLM_PROXY_CA"):
        monkeypatch.delenv(name, raising=False)
    plain = provider_config(mode)
    assert (plain.mode, plain.proxy.url, plain.proxy.ca) == (mode, "http://127.0.0.1:4000", "")
    assert not plain.proxy.api_key.get_secret_value()

    monkeypatch.setenv("LITELLM_MODE", "auto")
    monkeypatch.setenv("LITELLM_PROXY_URL", "https://proxy.example/v1")
    # The host makes a number of it.
    monkeypatch.setenv("LITELLM_PROXY_API_KEY", "123")
    monkeypatch.setenv("LITELLM_PROXY_CA", "/ca.pem")
    given = provider_config(mode)
    assert (given.mode, given.proxy.url, given.proxy.ca) == ("auto", "https://proxy.example", "/ca.pem")
    assert given.proxy.api_key.get_secret_value() == "123"


def test_every_line_of_the_proxys_config_that_is_commented_out_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, models = PROXY_CONFIG.read_text().split("\nmodel_list:\n")
    text = "model_list:\n" + re.sub(r"^#(-|  )", r"\1", models, flags=re.M)
    for variable in re.findall(r"os\.environ/(\w+)", text):
        monkeypatch.setenv(variable, "planted")
    everything = tmp_path / "config.yaml"
    everything.write_text(text)
    config = settings.load(everything)
    import_litellm()
    assert [deployment["model_name"] for deployment in config.model_list][:2] == ["chat", "claude"]
    for deployment in config.model_list:
        model = deployment["litellm_params"]["model"]
        assert model.startswith(("ollama_chat/", "hosted_vllm/")) or known_model(model), model
    # What `make proxy` reads beside the file is named on top of it.
    makefile = (ROOT / "Makefile").read_text()
    for variable in ("LITELLM_PROXY_CONFIG", "LITELLM_PROXY_PORT", "LITELLM_PROXY_API_KEY"):
        assert variable in head and variable in makefile
