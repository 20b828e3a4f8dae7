"""`llama-stack-litellm up` and `models` before there is a server: what is wrong is said in words."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from llama_stack_provider_litellm.cli import main
from llama_stack_provider_litellm.cli import up as command
from llama_stack_provider_litellm.cli.lines import LINES
from llama_stack_provider_litellm.cli.server import Server, ServerError
from tests.cli.machine import JSON, served

MODEL = "- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted}}"
WRONG = {
    "not yaml": (f"model_list:\n{MODEL}\n- [\n", "line 4, column 1: not YAML"),
    "no litellm_params": ("model_list:\n- {model_name: gpt}", "model_list[0] (gpt): `litellm_params.model` is missing"),
    "unset variable": (
        "model_list:\n- {model_name: gpt, litellm_params: {model: openai/x, api_key: os.environ/PLANTED_UNSET}}",
        "(gpt).litellm_params.api_key: the environment variable PLANTED_UNSET is not set",
    ),
    "no mapping": ("just words", "must be a YAML mapping with a `model_list`"),
}
TWO_TYPES = f"""
model_list:
{MODEL}
- {{model_name: gpt, litellm_params: {{model: openai/text-embedding-3-small, api_key: sk-planted}}}}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def refusal(*arguments: str) -> str:
    """What a command that fails says, in one line."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    assert "sk-planted" not in done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize("command", ["up", "models"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_config(tmp_path: Path, command: str, wrong: str) -> None:
    text, words = WRONG[wrong]
    config = tmp_path / "wrong.yaml"
    config.write_text(text)
    said = refusal(command, "--config", str(config))
    assert "wrong.yaml" in said
    assert words in said


@pytest.mark.parametrize("command", ["up", "models"])
def test_a_missing_config(tmp_path: Path, command: str) -> None:
    assert "absent.yaml: no such file. Set LITELLM_CONFIG" in refusal(command, "--config", f"{tmp_path}/absent.yaml")


def test_two_deployments_of_one_name_with_different_types(tmp_path: Path) -> None:
    config = tmp_path / "types.yaml"
    config.write_text(TWO_TYPES)
    said = refusal("models", "--config", str(config))
    assert "types.yaml" in said
    assert "the deployments of 'gpt' are of different types: openai/gpt-4o-mini is chat" in said
    assert "openai/text-embedding-3-small is embedding. Give them different `model_name`s" in said


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal("up", "--port", str(port))
    assert f"Port {port} cannot be used: Address already in use. Stop what listens there" in said
    assert f"--port {port + 1}" in said


@pytest.mark.parametrize(
    ("host", "asked"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("192.0.2.5", "192.0.2.5"), ("::1", "[::1]")],
)
def test_where_the_server_is_asked(tmp_path: Path, host: str, asked: str) -> None:
    env = {"LLAMA_STACK_HOST": host}
    server = Server(LINES["0.2"], run_config=tmp_path / "run.yaml", port=8321, log_file=None, environment=env)
    assert server.url == f"http://{asked}:8321"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "The server asks who calls (status 401): its models are not shown."),
        (403, "The server asks who calls (status 403): its models are not shown."),
        (429, "The server does not show its models (status 429): {log} says why."),
        (500, "The server does not show its models (status 500): {log} says why."),
    ],
)
def test_a_server_that_does_not_show_its_models(tmp_path: Path, status: int, said: str) -> None:
    log = tmp_path / "server.log"
    with served({"/v1/models": (status, JSON, "{}")}) as (url, _):
        port = urlsplit(url).port or 0
        server = Server(LINES["0.2"], run_config=tmp_path / "run.yaml", port=port, log_file=log, environment={})
        with pytest.raises(ServerError) as caught:
            server.models()
    assert str(caught.value) == said.format(log=log)


@pytest.mark.parametrize("port", ["0", "70000", "http"])
def test_a_port_that_is_none(port: str) -> None:
    done = CliRunner().invoke(main, ["up", "--port", port])
    assert done.exit_code == 2
    assert "--port" in done.output


def test_a_server_that_has_no_workers_says_what_to_do() -> None:
    said = refusal("up", "--workers", "2")
    assert "Llama Stack 0.2.24 serves in one process, and --workers 2 asks for more. Start several stacks" in said


def test_a_run_config_that_says_nothing_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "installed_line", lambda: LINES["0.7"])
    mine = tmp_path / "mine.yaml"
    mine.write_text("server: {port: 8321}")
    said = refusal("up", "--workers", "2", "--run-config", str(mine))
    assert "Add to its `server:`: workers: ${env.LLAMA_STACK_WORKERS:=1}" in said
