"""What the README and the shipped LiteLLM config say is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from llama_stack_provider_litellm import catalog, settings
from llama_stack_provider_litellm.config import ProviderData
from llama_stack_provider_litellm.engines.library import import_litellm, known_model
from tests.processes import ROOT
from tests.readme import README, examples

LITELLM_CONFIG = ROOT / "run_configs" / "litellm" / "config.yaml"


def test_every_example_is_shown_as_it_is() -> None:
    shown = examples()
    files = {f"examples/{path.name}": path.read_text() for path in (ROOT / "examples").glob("*.py")}
    assert set(shown) == set(files) - {"examples/mcp_server.py"}
    assert shown == {name: files[name] for name in shown}


@pytest.mark.parametrize("name", ["models", "check"])
def test_the_commands_show_what_the_commented_config_gives(name: str) -> None:
    program = ".venv/bin/llama-stack-litellm"
    (command,) = [line for line in README.read_text().splitlines() if line.startswith(f"{program} {name}")]
    words = command.split()
    words[0] = str(Path(sys.executable).with_name("llama-stack-litellm"))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "litellm/chat" in done.stdout
    assert "litellm/embedding" in done.stdout


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert (ROOT / target).exists(), target


def test_every_field_of_the_provider_data_is_told() -> None:
    table = README.read_text().split("| field | meaning |")[1].split("\n\n")[0]
    told = set(re.findall(r"`(litellm_\w+)`", table))
    assert told == set(ProviderData.model_fields)


def test_the_litellm_config_loads_on_a_fresh_machine() -> None:
    config = settings.load(LITELLM_CONFIG)
    assert [deployment["model_name"] for deployment in config.model_list] == ["chat", "embedding"]


def test_every_line_of_the_litellm_config_that_is_commented_out_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = re.sub(r"^#(-|  )", r"\1", LITELLM_CONFIG.read_text(), flags=re.M)
    # The head of the file shows a command in that form.
    text = re.sub(r"^ +LITELLM_CONFIG=.*$", "", text, flags=re.M)
    for variable in set(re.findall(r"os\.environ/(\w+)", text)) - {"X"}:
        monkeypatch.setenv(variable, "planted")
    everything = tmp_path / "config.yaml"
    everything.write_text(text)
    config = settings.load(everything)
    import_litellm()
    built = catalog.build(config.model_list, known_model)
    assert set(built.entries) == {deployment["model_name"] for deployment in config.model_list}
    assert len(built.entries) >= 16
    assert {name for name, entry in built.entries.items() if entry.type == "embedding"} == {
        "embedding",
        "text-embedding-3-small",
        "nomic-embed-text",
    }
    assert config.router_settings["fallbacks"] == [{"gpt": ["claude"]}]
    assert not caplog.records
    # A vendor's model that LiteLLM's registry has never heard of would be a misspelt or forgotten one.
    local = ("demo/", "ollama", "xinference/", "hosted_vllm/", "openai/tgi", "openai/my-model", "azure/")
    for deployment in yaml.safe_load(text)["model_list"]:
        model = deployment["litellm_params"]["model"]
        assert model.startswith(local) or "*" in model or known_model(model), model
