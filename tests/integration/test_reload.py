"""A config that changes while the stack runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from llama_stack_provider_litellm import storage
from tests import waiting
from tests.line import OPENAI
from tests.processes import memory, open_files
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

pytestmark = [
    pytest.mark.long,
    pytest.mark.any_host,
    pytest.mark.embedded_only("a LiteLLM Proxy reads its own config, and only when it starts"),
]

CALLERS = 64
RELOADS = 50

until = partial(waiting.until, seconds=5)
"""That is how long the host may lag behind the file."""


def config(upstream: Upstream, *names: str, more: str = "") -> str:
    params = f"{{model: openai/echo-1, api_key: sk-reload, api_base: '{upstream.url}/v1'}}"
    rows = [f"- {{model_name: {name}, litellm_params: {params}}}" for name in names]
    return "\n".join(["model_list:", *rows, "router_settings: {num_retries: 0, disable_cooldowns: true}", more])


def embedding(upstream: Upstream, size: int) -> str:
    params = f"{{model: openai/embed-1, api_key: sk-reload, api_base: '{upstream.url}/v1'}}"
    return f"- {{model_name: vectors, litellm_params: {params}, model_info: {{output_vector_size: {size}}}}}\n"


@pytest.fixture
def stack(upstream: Upstream, tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, config(upstream, "one", "two")) as stack:
        yield stack


def path(stack: Stack) -> Path:
    return stack.folder / "config.yaml"


def models(stack: Stack) -> set[str]:
    return set(stack.models())


def ask(stack: Stack, model: str, text: str = "hi") -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=30)


def cli(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("llama-stack-litellm")
    env = {**os.environ, "SQLITE_STORE_DIR": str(stack.folder / "store")}
    return subprocess.run([program, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_models_follow_the_file(stack: Stack, upstream: Upstream) -> None:
    assert {"litellm/one", "litellm/two"} <= models(stack)
    path(stack).write_text(config(upstream, "two", "three"))
    until(lambda: "litellm/one" not in models(stack))
    assert {"litellm/two", "litellm/three"} <= models(stack)
    assert ask(stack, "litellm/three").status_code == 200
    assert ask(stack, "three").status_code == 200
    gone = ask(stack, "litellm/one")
    assert gone.status_code == 404
    assert "Models added: three; removed: one." in " ".join(stack.log.split())


def test_a_file_that_is_replaced_and_a_link_that_is_turned(stack: Stack, upstream: Upstream) -> None:
    part = stack.folder / "new.yaml"
    part.write_text(config(upstream, "renamed"))
    part.replace(path(stack))
    until(lambda: "litellm/renamed" in models(stack))
    # As Kubernetes does it for a volume of files.
    for name in ("linked", "turned"):
        (stack.folder / name).mkdir()
        (stack.folder / name / "config.yaml").write_text(config(upstream, name))
    (stack.folder / "data").symlink_to("linked")
    path(stack).unlink()
    path(stack).symlink_to("data/config.yaml")
    until(lambda: "litellm/linked" in models(stack))
    (stack.folder / "next").symlink_to("turned")
    (stack.folder / "next").replace(stack.folder / "data")
    until(lambda: "litellm/turned" in models(stack))


def test_an_include_is_watched_too(stack: Stack, upstream: Upstream) -> None:
    included = stack.folder / "more" / "models.yaml"
    included.parent.mkdir()
    included.write_text(config(upstream, "inside").split("router_settings")[0])
    path(stack).write_text("include: [more/models.yaml]\n" + config(upstream, "outside"))
    until(lambda: {"litellm/inside", "litellm/outside"} <= models(stack))
    included.write_text(config(upstream, "inner").split("router_settings")[0])
    until(lambda: "litellm/inner" in models(stack))
    assert "litellm/inside" not in models(stack)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_list: [", "not YAML"),
        ("model_list: [{model_name: one}]", "litellm_params"),
        ("model_list: [{model_name: one, litellm_params: {model: openai/x, api_key: os.environ/NO_SUCH}}]", "NO_SUCH"),
        (
            "model_list: [{model_name: a, litellm_params: {model: openai/x}}]\nrouter_settings: {routing_strategy: up}",
            "routing_strategy",
        ),
    ],
)
def test_a_broken_file_keeps_the_models_and_says_what_is_wrong(stack: Stack, text: str, words: str) -> None:
    path(stack).write_text(text)
    result = cli(stack, "reload")
    assert result.returncode == 1
    assert words in result.stderr
    assert "goes on with the models that it had" in result.stderr
    assert words in stack.log
    assert {"litellm/one", "litellm/two"} <= models(stack)
    assert ask(stack, "one").status_code == 200


def test_the_command_says_what_changed(stack: Stack, upstream: Upstream) -> None:
    path(stack).write_text(config(upstream, "two", "three"))
    # The watch may come first; then there is nothing left to change.
    result = cli(stack, "reload", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["error"] is None
    assert {"litellm/two", "litellm/three"} <= models(stack)
    assert cli(stack, "reload").stdout.endswith("The stack serves the config as it is now.\n")


def test_a_signal_is_enough(stack: Stack, upstream: Upstream) -> None:
    number = int((stack.folder / "store" / "litellm.pid").read_text())
    assert number == stack.pid
    os.kill(number, signal.SIGHUP)
    until(lambda: "The LiteLLM config was read again. Same models." in " ".join(stack.log.split()))
    stack.stop()
    result = cli(stack, "reload")
    assert result.returncode == 1
    assert "No stack runs" in result.stderr


def test_another_vector_size_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    text = config(upstream, "one").replace("router_settings", embedding(upstream, 64) + "router_settings")
    with running_stack(tmp_path, text) as stack:
        path(stack).write_text(text.replace("output_vector_size: 64", "output_vector_size: 32"))
        result = cli(stack, "reload")
        assert result.returncode == 1
        assert "'vectors' gave vectors of 64 numbers and would give 32" in " ".join(result.stderr.split())
        assert "`model_name` of its own" in " ".join(result.stderr.split())
        client = stack.openai()
        assert len(client.embeddings.create(model="litellm/vectors", input="x").data[0].embedding) == 64


def test_fifty_reloads_under_load_lose_nothing(upstream: Upstream, tmp_path: Path) -> None:
    """64 callers, half of them streaming; what the process holds afterwards is what it held after the first ten."""
    configs = [config(upstream, "always", name, more=CALLBACK) for name in ("even", "odd")]
    (tmp_path / "counting.py").write_text(COUNTING)
    with running_stack(tmp_path, configs[0]) as stack:
        asyncio.run(_under_load(stack, configs))


def outcome(stack: Stack) -> dict[str, Any]:
    """What came of the last reload."""
    return storage.read_json(stack.folder / "store" / storage.reload_file().name)


def _signalled(stack: Stack) -> None:
    asked = time.time_ns()
    os.kill(stack.pid, signal.SIGHUP)
    # Under load it takes what the callers leave of the processor: only one that never begins is a fault.
    until(lambda: outcome(stack).get("began", 0) >= asked, seconds=120)
    assert outcome(stack)["error"] is None


CALLBACK = "litellm_settings: {callbacks: [counting.counter]}\n"
COUNTING = """
from litellm.integrations.custom_logger import CustomLogger
class Counter(CustomLogger): ...
counter = Counter()
"""


async def _under_load(stack: Stack, configs: list[str]) -> None:
    over = asyncio.Event()
    failures: list[str] = []
    served = 0

    async def caller(client: httpx.AsyncClient, number: int) -> None:
        nonlocal served
        word, stream = f"word{number}", number % 2 == 0
        text = f"[[slow 20]] one two three {word}" if stream else word
        body = {"model": "litellm/always", "messages": [{"role": "user", "content": text}], "stream": stream}
        while not over.is_set():
            answer = await client.post(f"{OPENAI}/chat/completions", json=body)
            whole = '"finish_reason":"stop"' in answer.text and '"served_by"' in answer.text
            if answer.status_code != 200 or not whole or '"error"' in answer.text:
                failures.append(f"{answer.status_code} {answer.text[-300:]}")
            served += 1
            # Callers think as long as a stream takes, or two cores have nothing left for the reloads.
            await asyncio.sleep(1)

    async def reloads(times: int) -> None:
        for number in range(times):
            storage.write(path(stack), configs[number % 2])
            await asyncio.to_thread(_signalled, stack)

    # The server closes a connection that has idled for 5 s; httpx would use it for as long, and lose a request to that.
    limits = httpx.Limits(max_connections=CALLERS, keepalive_expiry=3)
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, limits=limits) as client:
        callers = [asyncio.create_task(caller(client, number)) for number in range(CALLERS)]
        await reloads(10)
        files, mib = _held(stack)
        await reloads(RELOADS - 10)
        over.set()
        await asyncio.gather(*callers)
    assert failures == []
    assert served > CALLERS * 2
    after = _held(stack)
    assert after[0] <= files + 4, "file handles leak"
    assert after[1] <= mib * 1.1, f"memory grew from {mib:.0f} to {after[1]:.0f} MiB"


def _held(stack: Stack) -> tuple[int, float]:
    """Open files, less the callers' connections, and resident memory in MiB."""
    files = open_files(stack.pid)
    return sum(not name.startswith("socket") for name in files), memory(stack.pid)
