"""What docs/modes.md, docs/migrating.md and the README say of a LiteLLM Proxy, done as they say it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import yaml

from llama_stack_provider_litellm.cli.lines import LINES
from tests import line
from tests.differences import needs
from tests.imitation import imitation_proxy
from tests.line import HOST, OPENAI
from tests.processes import BIN, ROOT, clean_environment, free_port
from tests.readme import DOCS, blocks, scripts
from tests.stack import Stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own")


@contextmanager
def shell(script: str, folder: Path, **env: str) -> Iterator[Path]:
    """A script that runs, in the checkout, until it is left; the file that it writes to."""
    said = folder / f"said-{free_port()}"
    with said.open("w") as out:
        # A group of its own, so that what the script has started ends with it.
        process = subprocess.Popen(
            ["bash", "-ec", script], cwd=ROOT, env={**clean_environment(folder), "HOST": HOST, **env},
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        yield said
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until_answers(url: str, said: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(url, timeout=2).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline, said.read_text()[-3000:]
            time.sleep(0.1)


def ask(url: str, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return httpx.post(f"{url}{OPENAI}/chat/completions", json=body, timeout=30)


def test_a_proxy_and_a_stack_on_it(tmp_path: Path) -> None:
    first, second = scripts("Start", DOCS / "modes.md")
    key = "sk-of-both-terminals-in-this-test"
    # Both terminals have the key that the first line makes.
    first = re.sub(r"^export LITELLM_PROXY_API_KEY=.*$", f"export LITELLM_PROXY_API_KEY={key}", first, flags=re.M)
    assert f"={key}" in first
    port, stack_port = free_port(), free_port()
    url, stack_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{stack_port}"
    with shell(first, tmp_path, LITELLM_PROXY_PORT=str(port)) as said:
        until_answers(f"{url}/health/readiness", said)
        env = {"LITELLM_PROXY_URL": url, "LITELLM_PROXY_API_KEY": key, "LLAMA_STACK_PORT": str(stack_port)}
        with shell(second, tmp_path, **env) as said:
            until_answers(f"{stack_url}/v1/health", said)
            models = line.models(stack_url)
            chat = next(name for name, facts in models.items() if facts["model_type"] == "llm")
            assert ask(stack_url, chat).json()["litellm"]["served_by"] == "proxy"


def test_a_proxy_without_a_key_says_how_to_make_one(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "proxy"], cwd=ROOT, env=clean_environment(tmp_path), capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert re.search(r"export LITELLM_PROXY_API_KEY=sk-\w{40}", done.stderr)


def test_the_doctor_of_the_migration(tmp_path: Path) -> None:
    (script,) = [script for script in scripts("From `remote::openai`", DOCS / "migrating.md") if "doctor" in script]
    with imitation_proxy() as proxy:
        script = script.replace("sk-…", "sk-a").replace("http://127.0.0.1:4000", proxy.url)
        script = script.replace("llama-stack-litellm", f"{BIN}/llama-stack-litellm")
        with shell(f"{script.strip()} --port {free_port()}; echo ended with $?", tmp_path) as said:
            deadline = time.monotonic() + 60
            while "ended with" not in said.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert "litellm/gpt" in said.read_text()
        assert "ended with 0" in said.read_text()


MIGRATIONS = {"0.7": "From llama-stack 0.2 to 0.7", "ogx14": "From llama-stack 0.7 to OGX"}
MIGRATIONS["ogx15"] = MIGRATIONS["ogx14"]


@needs("more in a body")
def test_the_migration_to_this_server(tmp_path: Path) -> None:
    """What the page says after the installation, done with the server that is installed here."""
    found = scripts(MIGRATIONS[HOST], DOCS / "migrating.md")
    steps = "".join(step for step in found if "make " not in step and "pip install" not in step)
    assert "cp -a ~/" in steps or HOST == "0.7"
    config = tmp_path / "config.yaml"
    config.write_text(
        "model_list: [{model_name: mine, litellm_params: {model: openai/x, mock_response: hi, api_key: k}}]"
    )
    storage = tmp_path / ".llama" / "distributions" / "litellm"
    storage.mkdir(parents=True)
    (storage / "registry.db").touch()
    port = free_port()
    script = re.sub(r"\.venv-[\w.]+/bin/", f"{BIN}/", f"cd {tmp_path}\n{steps}")
    # The page is for a machine whose port is free.
    script = script.replace("--port 8321", f"--port {port}").replace("litellm doctor", f"litellm doctor --port {port}")
    script = script.replace("/path/to/config.yaml", str(config))
    # What lets an old client of Llama Stack's in; OGX asks it nothing.
    with shell(script, tmp_path, LLAMA_STACK_DISABLE_VERSION_CHECK="1") as said:
        url = f"http://127.0.0.1:{port}"
        until_answers(f"{url}/v1/health", said)
        assert "0 errors" in said.read_text()
        assert ask(url, "litellm/mine").json()["litellm"]["served_by"] == "embedded"
        assert httpx.get(f"{url}/v1/models", headers=OLD_CLIENT).status_code == 200
    assert (tmp_path / "litellm-0.7" / "registry.db").exists() is (HOST != "0.7")


OLD_CLIENT = {"X-LlamaStack-Client-Version": "0.2.23"}
"""What a client of llama-stack 0.2 says of itself."""


def test_which_client_goes_with_this_server(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/v1/models", headers=OLD_CLIENT)
    assert answer.status_code == (426 if HOST == "0.7" else 200)
    if HOST == "0.7":
        (upgrade,) = [step for step in scripts(MIGRATIONS[HOST], DOCS / "migrating.md") if "pip install" in step]
        assert upgrade.strip() == f"pip install 'llama-stack-client=={version('llama-stack-client')}'"


@needs("messages")
@pytest.mark.parametrize(("line_of", "user"), [("-", None), ("+", "ann")])
def test_the_header_of_the_migration(
    stack: Stack, upstream: Upstream, word: str, line_of: str, user: str | None
) -> None:
    """Of a client that is made as it was before, and as the page says."""
    diff = blocks("diff", MIGRATIONS[HOST], DOCS / "migrating.md")[-1]
    (made,) = [line[1:] for line in diff.splitlines() if line.startswith(line_of)]
    body = {"model": "litellm/gpt", "messages": [{"role": "user", "content": word}]}
    script = f"from llama_stack_client import LlamaStackClient\nurl = {stack.url!r}\n{made}\n"
    subprocess.run([sys.executable, "-c", f"{script}client.chat.completions.create(**{body})"], check=True, timeout=60)
    (call,) = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    assert call["body"].get("user") == user


@pytest.mark.parametrize("provider", ["litellm", "openai"])
def test_the_provider_of_the_migration(tmp_path: Path, provider: str) -> None:
    diff = blocks("diff", "From `remote::openai`", DOCS / "migrating.md")[0]
    after = "\n".join(line[1:] for line in diff.splitlines() if not line.startswith("-"))
    (entry,) = yaml.safe_load(after)["providers"]["inference"]
    with imitation_proxy() as proxy:
        assert entry["config"]["proxy"]["url"] == "http://127.0.0.1:4000"
        entry["config"]["proxy"]["url"] = f"{proxy.url}/v1"
        # The page says that the old id can stay, for apps that ask by it.
        entry["provider_id"] = provider
        path = line.changed_run_config(tmp_path, lambda config: config["providers"].update(inference=[entry]))
        start = scripts("From `remote::openai`", DOCS / "migrating.md")[-1]
        assert f"LITELLM_PROXY_API_KEY=sk-… {LINES['0.2'].command('run.yaml')}" in start
        stack = Stack(tmp_path, {"LITELLM_PROXY_API_KEY": "sk-a"}, line.command(path))
        try:
            stack.start()
            assert "by sk-a" in ask(stack.url, f"{provider}/gpt").text
            assert "by sk-a" in ask(stack.url, "gpt").text
        finally:
            stack.stop()
