"""`llama-stack-litellm models` and the help of every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from llama_stack_provider_litellm.cli import main

CONFIG = """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted}}
- {model_name: anthropic/*, litellm_params: {model: anthropic/*, api_key: sk-planted}}
- {model_name: small, litellm_params: {model: openai/text-embedding-3-small, api_key: sk-planted}}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_the_table(config: str) -> None:
    done = CliRunner().invoke(main, ["models", "--config", config])
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line for line in done.output.splitlines() if line.startswith("litellm/")}
    assert "openai/gpt-4o-mini" in rows["litellm/gpt"]
    assert "0.15" in rows["litellm/gpt"]
    assert "wildcard" in rows["litellm/anthropic/*"]
    assert "1,536" in rows["litellm/small"]
    assert "sk-planted" not in done.output


def test_json(config: str) -> None:
    done = CliRunner().invoke(main, ["models", "--config", config, "--json"])
    models = {model["model"]: model for model in json.loads(done.stdout)}
    assert models["litellm/small"]["embedding_dimension"] == 1536
    assert models["litellm/gpt"]["input_cost_per_token"] == 1.5e-07
    assert models["litellm/anthropic/*"]["wildcard"] is True


def test_a_wrong_config_ends_with_words(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["models", "--config", str(tmp_path / "nothing.yaml")])
    assert done.exit_code == 1
    assert "no such file" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", [[], ["up"], ["models"]])
def test_help(command: list[str]) -> None:
    done = CliRunner().invoke(main, [*command, "--help"])
    assert done.exit_code == 0
    assert "Usage: " in done.output
