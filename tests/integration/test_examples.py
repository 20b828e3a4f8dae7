"""The README's examples, as written, on the server that `llama-stack-litellm up` starts without any config."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.differences import needs
from tests.line import HEADER, words_of
from tests.mcp_server import running
from tests.processes import ROOT, clean_environment, free_port
from tests.stack import Stack

pytestmark = pytest.mark.embedded_only("the demo models are in the stack's own process")

UP = [str(Path(sys.executable).with_name("llama-stack-litellm")), "up"]


def until_it_says_so(stack: Stack) -> None:
    """Wait until `up` has shown what it serves, which comes after the server answers."""
    deadline = time.monotonic() + 30
    while "Ctrl-C stops it." not in stack.log:
        assert time.monotonic() < deadline, stack.log
        time.sleep(0.05)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("demo")
    # Nothing answers at this address, whatever runs on the machine.
    stack = Stack(folder, {"OLLAMA_HOST": "127.0.0.1:9"}, UP)
    try:
        stack.start()
        until_it_says_so(stack)
        yield stack
    finally:
        assert stack.stop() == 0, stack.log


def run(demo: Stack, name: str, **env: str) -> str:
    """What an example prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "examples" / name)],
        env={**os.environ, "LLAMA_STACK_URL": demo.url, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_up_says_what_it_serves(demo: Stack) -> None:
    first, *rest = demo.log.splitlines()
    assert first.startswith("No LiteLLM config, provider key or Ollama found: serving the demo models")
    shown = "\n".join(rest)
    assert f"Llama Stack is up at {demo.url}" in shown
    assert "litellm/demo-chat" in shown
    # The three lines that it shows are Python that runs.
    snippet = re.search(r"from openai.*?content\)", shown, re.S)
    assert snippet
    # It is the same on every server, so that an app made from it moves to any.
    assert f'base_url="{demo.url}/v1/openai/v1"' in snippet[0]
    done = subprocess.run([sys.executable, "-c", snippet[0]], capture_output=True, text=True, timeout=60)
    assert "demo model, not an AI" in done.stdout, done.stderr


def test_chat(demo: Stack) -> None:
    ours, openai = run(demo, "chat.py").splitlines()
    assert ours == openai
    assert "Say hello to the zebra." in ours


def test_responses(demo: Stack) -> None:
    port = free_port()
    with running([sys.executable, str(ROOT / "examples" / "mcp_server.py")], port, PORT=str(port)) as url:
        searched, found, called, fetched = run(demo, "responses.py", MCP_URL=url).splitlines()
    assert "file_search_call" in searched
    assert "Marmalade" in found
    assert "mcp_call" in called
    assert "Apples, bread and a ball of string." in fetched


@needs("turns")
def test_rag_agent(demo: Stack) -> None:
    steps, answer = run(demo, "rag_agent.py").splitlines()
    assert "tool_execution" in steps
    assert "Marmalade" in answer


@needs("turns")
def test_mcp_agent(demo: Stack) -> None:
    port = free_port()
    with running([sys.executable, str(ROOT / "examples" / "mcp_server.py")], port, PORT=str(port)) as url:
        steps, answer = run(demo, "mcp_agent.py", MCP_URL=url).splitlines()
    assert "tool_execution" in steps
    assert "Apples, bread and a ball of string." in answer


@needs("shields")
def test_shield(demo: Stack) -> None:
    bread, bomb = run(demo, "shield.py").splitlines()
    assert bread.endswith("-> fine")
    assert not bomb.endswith("-> fine")


@needs("eval")
def test_evaluate(demo: Stack) -> None:
    assert run(demo, "evaluate.py").split() == ["rule:", "1.0", "judge:", "10"]


def test_errors_have_their_status_under_up(demo: Stack) -> None:
    url = f"{demo.openai_url}/chat/completions"
    body = {"model": "litellm/demo-chatt", "messages": [{"role": "user", "content": "hi"}]}
    unknown = httpx.post(url, json=body)
    assert unknown.status_code == 404
    assert "Did you mean demo-chat" in words_of(unknown)
    wrong = httpx.post(url, json=body | {"model": "demo-chat"}, headers={HEADER: "{bad"})
    assert wrong.status_code == 400


def test_up_shows_what_the_stack_warns_of(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    unmeasured = (
        "{model_name: nobody-knows, litellm_params: {model: openai/x, api_key: k}, model_info: {mode: embedding}}"
    )
    config.write_text(
        f"model_list: [{unmeasured}, {{model_name: chat, litellm_params: {{model: openai/gpt-4o-mini, api_key: k}}}}]"
    )
    stack = Stack(tmp_path, {}, [*UP, "--config", str(config)])
    try:
        stack.start()
        until_it_says_so(stack)
        said = " ".join(stack.log.split())
        assert "nobody-knows" in said.split("Llama Stack is up")[0]
        assert "output_vector_size" in said
        assert "category=" not in said
    finally:
        stack.stop()


def test_what_an_older_server_has_kept_stays(tmp_path: Path) -> None:
    kept = tmp_path / ".llama" / "distributions" / "litellm" / "registry.db"
    kept.parent.mkdir(parents=True)
    kept.touch()
    # An empty name is none: the default folder.
    stack = Stack(tmp_path, {"OLLAMA_HOST": "127.0.0.1:9", "SQLITE_STORE_DIR": ""}, UP)
    try:
        stack.start()
        until_it_says_so(stack)
        assert kept.exists()
        assert (kept.parent / "server.log").exists()
    finally:
        assert stack.stop() == 0, stack.log


def test_up_ends_with_words_when_the_port_is_taken(demo: Stack, tmp_path: Path) -> None:
    done = subprocess.run(
        [*UP, "--port", str(demo.port)], env=clean_environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"Port {demo.port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_ends_with_words_when_the_config_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list: [{model_name: gpt, litellm_params: {model: x, api_key: os.environ/NOT_SET}}]")
    done = subprocess.run(
        [*UP, "--config", str(config)], env=clean_environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "NOT_SET is not set" in done.stderr
    assert "Traceback" not in done.stderr
