"""`llama-stack-litellm check`."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llama_stack_provider_litellm.cli import main
from llama_stack_provider_litellm.cli.discover import Discovery

EVERYTHING = Path(__file__).parents[1] / "settings"
WRONG = """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678, rpm: -1}}
- {model_name: unset, litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/PLANTED_UNSET}}
- {model_name: keyless, litellm_params: {model: mistral/mistral-large-latest}}
- {model_name: two, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}
- {model_name: two, litellm_params: {model: openai/text-embedding-3-small, api_key: sk-planted-12345678}}
- {model_name: unsized, litellm_params: {model: openai/an-embedding, api_key: sk-planted-12345678}}
litellm_settings: {drop_params: true, drop_param: true, max_budget: 5}
router_settings:
  num_retries: many
  fallbacks: [{gpt: [gone]}]
guardrail: []
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLANTED_UNSET", "MISTRAL_API_KEY", "LITELLM_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SQLITE_STORE_DIR", str(tmp_path / "store"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert "sk-planted" not in done.output
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def report(config: Path, text: str) -> dict[str, Any]:
    config.write_text(text)
    found: dict[str, Any] = json.loads(run(config, "--json").stdout)
    return found


def test_every_key_says_what_becomes_of_it(config: Path) -> None:
    uses = {key["key"]: (key["line"], key["use"]) for key in report(config, WRONG)["keys"]}
    assert uses["model_list[0] (gpt).litellm_params.model"] == (3, "honoured")
    assert uses["model_list[0] (gpt).litellm_params.rpm"] == (3, "wrong")
    assert uses["model_list[1] (unset).litellm_params.api_key"] == (4, "wrong")
    assert uses["litellm_settings.drop_params"] == (9, "honoured")
    assert uses["litellm_settings.drop_param"] == (9, "unknown")
    assert uses["litellm_settings.max_budget"] == (9, "ignored")
    assert uses["router_settings.num_retries"] == (11, "wrong")
    assert uses["router_settings.fallbacks"] == (12, "wrong")
    assert uses["guardrail"] == (13, "unknown")


def test_every_problem_is_told_at_once(config: Path) -> None:
    found = report(config, WRONG)["problems"]
    assert {problem["file"] for problem in found} == {str(config)}
    errors = {(problem["line"], problem["key"]) for problem in found if problem["severity"] == "error"}
    assert errors == {
        (3, "model_list[0] (gpt).litellm_params.rpm"),
        (4, "model_list[1] (unset).litellm_params.api_key"),
        (6, ""),
        (11, "router_settings.num_retries"),
        (12, "router_settings.fallbacks[0].gpt[0]"),
    }
    (types,) = [problem["text"] for problem in found if problem["line"] == 6]
    assert "the deployments of 'two' are of different types" in types
    warnings = {
        (problem["line"], problem["key"]): problem["text"] for problem in found if problem["severity"] != "error"
    }
    assert warnings.keys() == {(5, "keyless"), (8, "unsized")}
    assert warnings[5, "keyless"] == "has no key: set MISTRAL_API_KEY, or give it an `api_key`."
    assert "its vector size is unknown" in warnings[8, "unsized"]


def test_models_with_type_key_window_price_and_dimension(config: Path) -> None:
    models = {
        model["name"]: model
        for model in report(
            config,
            """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}
- {model_name: small, litellm_params: {model: openai/text-embedding-3-small, api_key: sk-planted-12345678}}
- {model_name: anthropic/*, litellm_params: {model: anthropic/*, api_key: sk-planted-12345678}}
- {model_name: local, litellm_params: {model: ollama_chat/llama3.2}}
- {model_name: keyless, litellm_params: {model: mistral/mistral-large-latest}}
""",
        )["models"]
    }
    gpt, small = models["gpt"], models["small"]
    assert (gpt["type"], gpt["context_length"], gpt["input_cost_per_token"]) == ("llm", 128000, 1.5e-07)
    assert gpt["deployments"] == [{"model": "openai/gpt-4o-mini", "key": "present", "line": 3}]
    assert (small["type"], small["embedding_dimension"]) == ("embedding", 1536)
    assert models["anthropic/*"]["wildcard"] is True
    assert models["local"]["deployments"][0]["key"] == "present in the environment, or not needed"
    assert models["keyless"]["deployments"][0]["key"] == "missing: MISTRAL_API_KEY"


def test_the_status_is_that_of_the_errors(config: Path) -> None:
    config.write_text(WRONG)
    assert run(config).exit_code == 1
    assert run(config, "--json").exit_code == 1
    config.write_text("model_list: []\nguardrails: []\n")
    assert run(config).exit_code == 0


def test_the_words(config: Path) -> None:
    config.write_text(WRONG)
    done = run(config)
    rows = {
        line.split()[0]: line.split() for line in done.stdout.splitlines() if line.startswith(("litellm_", "guard"))
    }
    assert rows["litellm_settings.drop_params"][1:3] == ["9", "honoured"]
    assert "(needs a LiteLLM Proxy)" in " ".join(rows["litellm_settings.max_budget"])
    assert "(did you mean `drop_params`?)" in " ".join(rows["litellm_settings.drop_param"])
    assert f"error: {config}, line 11: router_settings.num_retries: must be a whole number" in done.stdout
    assert f"{config}: 5 errors, 2 warnings, 5 models" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "litellm_settings: {custom_provider_map: [{provider: p, custom_handler: gone.x}]}",
            "'gone.x' cannot be imported",
        ),
        ("router_settings: {routing_groups: [{group_name: ''}]}", "LiteLLM's Router refuses the config: "),
    ],
)
def test_what_litellm_refuses(config: Path, text: str, words: str) -> None:
    model = (
        "model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}]\n"
    )
    (problem,) = report(config, model + text)["problems"]
    assert problem["severity"] == "error"
    assert words in problem["text"]


def test_no_server_is_looked_for(config: Path) -> None:
    model = "model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}]"
    with socket.create_server(("127.0.0.1", 0)) as redis:
        redis.setblocking(False)
        port = redis.getsockname()[1]
        router = f"router_settings: {{redis_host: 127.0.0.1, redis_port: {port}, cache_responses: true}}"
        assert report(config, f"{model}\n{router}\n")["problems"] == []
        with pytest.raises(BlockingIOError):
            redis.accept()


def test_an_included_key_names_its_file(config: Path) -> None:
    (config.parent / "more.yaml").write_text("litellm_settings:\n  drop_params: true\n")
    config.write_text("include: [more.yaml]\nmodel_list: []\n")
    done = run(config)
    assert f"{config.parent / 'more.yaml'}:2" in done.stdout


@pytest.mark.parametrize(("text", "words"), [("model_list: [", "not YAML"), ("- x", "must be a YAML mapping")])
def test_what_cannot_be_read(config: Path, text: str, words: str) -> None:
    config.write_text(text)
    done = run(config)
    assert done.exit_code == 1
    assert words in done.output


def test_without_a_config_it_is_what_up_would_serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("llama_stack_provider_litellm.cli.up.discover", Discovery)
    done = run("--json")
    assert {model["name"] for model in json.loads(done.stdout)["models"]} >= {"demo-chat", "demo-embedding"}
    other = tmp_path / "other.yaml"
    other.write_text("model_list: []")
    monkeypatch.setenv("LITELLM_CONFIG", str(other))
    assert json.loads(run("--json").stdout)["config"] == str(other)


def test_a_whole_proxys_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("everything.yaml", "everything_models.yaml"):
        shutil.copy(EVERYTHING / name, tmp_path)
    (tmp_path / "planted_callbacks.py").write_text("handler = object()\ndef allow(text): return True\n")
    monkeypatch.setenv("PLANTED_OPENAI_KEY", "sk-planted-12345678")
    done = run(tmp_path / "everything.yaml")
    assert done.exit_code == 0, done.output
    assert "0 errors, " in done.output
    assert "planted-secret" not in done.output


def test_help() -> None:
    said = run("--help").output
    assert "Usage: " in said
    assert "Nothing is started" in " ".join(said.split())
