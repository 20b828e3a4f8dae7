"""The committed configs are what `render` writes, and the LiteLLM Proxy's config beside them is right."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.cli import main
from llama_stack_provider_litellm.cli.lines import LINES, RUN_CONFIGS, Name
from llama_stack_provider_litellm.config import LiteLLMConfig, Mode
from llama_stack_provider_litellm.engines.library import import_litellm, known_model
from llama_stack_provider_litellm.hosts.installed import core
from tests import line
from tests.processes import ROOT

PROXY_CONFIG = ROOT / "run_configs" / "litellm" / "proxy.yaml"


def provider_config(mode: Mode) -> LiteLLMConfig:
    """The settings that the provider is given, as the host reads them."""
    run = core("stack").replace_env_vars(yaml.safe_load(line.run_config(mode).read_text()))
    return LiteLLMConfig(**run["providers"]["inference"][0]["config"])


@pytest.mark.parametrize("mode", RUN_CONFIGS)
@pytest.mark.parametrize("name", LINES)
def test_they_are_what_render_writes(name: Name, mode: Mode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = os.path.normpath(f"run_configs/{LINES[name].folder}/{RUN_CONFIGS[mode]}")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(
        main, ["render", "--host", name, "--mode", mode, "--run", path, "--build", "distribution/build.yaml"]
    )
    assert done.exit_code == 0, done.output
    assert Path(path).read_text() == (ROOT / path).read_text(), "make configs"
    built = Path("distribution/build.yaml")
    assert built.exists() is (name == "0.2")
    assert not built.exists() or built.read_text() == (ROOT / built).read_text(), "make configs"


def test_nothing_is_written_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text("mine")
    refused = CliRunner().invoke(main, ["render", "--host", "0.2"])
    assert refused.exit_code == 1 and "run.yaml is there already" in refused.output
    assert Path("run.yaml").read_text() == "mine" and not Path("build.yaml").exists()
    assert CliRunner().invoke(main, ["render", "--host", "0.2", "--force"]).exit_code == 0
    assert "remote::litellm" in Path("run.yaml").read_text()


def test_without_a_word_it_is_for_the_server_that_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["render"]).exit_code == 0
    assert yaml.safe_load(Path("run.yaml").read_text()) == yaml.safe_load(line.run_config().read_text())


@pytest.mark.parametrize("mode", RUN_CONFIGS)
def test_the_host_reads_them(mode: Mode) -> None:
    text = yaml.safe_load(line.run_config(mode).read_text())
    config = core("configure").parse_and_maybe_upgrade_config(core("stack").replace_env_vars(text))
    assert "remote::litellm" in [provider.provider_type for provider in config.providers["inference"]]


@pytest.mark.parametrize("mode", RUN_CONFIGS)
def test_what_the_provider_is_given(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
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
