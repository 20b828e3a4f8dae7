"""256 callers for two minutes: nothing fails that the upstream did not fail, nothing grows, the loop stays free."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import litellm_config
from tests.line import HEADER, LINE, OPENAI
from tests.processes import memory, open_files
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.embedded_only("its probe of the event loop is a LiteLLM provider in the stack's own process")

CALLERS = 256
SECONDS = float(os.environ.get("LOAD_SECONDS", "120"))
# So long a caller thinks between two requests, in seconds at the most: about 30 requests in a second.
THINKS = 16.0

# A LiteLLM custom provider, beside the config: asked once, it measures from then on how late the loop wakes it.
PROBE = """
import asyncio, json, pathlib, time
import litellm

LAGS = []

async def sample():
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        LAGS.append(time.perf_counter() - began - 0.01)

class Probe(litellm.CustomLLM):
    task = None

    async def acompletion(self, *args, **kwargs):
        if self.task is None:
            self.task = asyncio.create_task(sample())
        pathlib.Path(__file__).with_name("lags.json").write_text(json.dumps(LAGS))
        LAGS.clear()
        return litellm.ModelResponse(choices=[{"message": {"role": "assistant", "content": "measured"}}])

probe = Probe()
"""


@pytest.fixture
def stack(upstream: Upstream, tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "probe.py").write_text(PROBE)
    config = litellm_config(upstream).replace(
        "router_settings:", "- {model_name: probe, litellm_params: {model: probe/x}}\nrouter_settings:"
    )
    config += "litellm_settings: {custom_provider_map: [{provider: probe, custom_handler: probe.probe}]}\n"
    with running_stack(tmp_path, config, SAFETY_MODEL="litellm/guard") as server:
        yield server


def footprint(pid: int) -> tuple[int, int]:
    """Resident memory in MiB, and open files."""
    return int(memory(pid)), len(open_files(pid))


CHAT = f"{OPENAI}/chat/completions"


def a_request(number: int) -> tuple[str, dict[str, Any], int, str]:
    """One of everything: path, body, the status it has to get, and what has to be in the answer."""
    word = f"load{number}x"
    model = random.choice(["gpt", "claude", "gemini", "local"])
    chat: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": f"hello {word}"}]}
    kind = number % 8
    if kind == 0:
        return f"{OPENAI}/embeddings", {"model": "embedding", "input": [word, "other"]}, 200, '"embedding"'
    if kind == 1:
        return f"{OPENAI}/completions", {"model": "local", "prompt": word}, 200, word
    if kind == 2:
        fault = random.choice(["error 429 retry-after=1", "error 500", "error 400"])
        status = {"error 429 retry-after=1": 429, "error 500": 502, "error 400": 400}[fault]
        return (
            CHAT,
            {**chat, "messages": [{"role": "user", "content": f"[[{fault}]]"}]},
            status,
            "",
        )
    if kind == 3:
        body = {"model_id": model, "messages": chat["messages"]}
        return ("/v1/inference/chat-completion", body, 200, word) if LINE.name == "0.2" else (CHAT, chat, 200, word)
    if kind == 4:
        tool = {"type": "function", "function": {"name": "f", "description": "d"}}
        text = f'[[call f {{"a": "{word}"}}]]'
        body = {**chat, "messages": [{"role": "user", "content": text}], "tools": [tool]}
        return CHAT, body, 200, word
    return CHAT, {**chat, "stream": kind > 5}, 200, word


@pytest.mark.skipif("LOAD" not in os.environ, reason="two minutes that want the machine to themselves: make load")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
def test_256_callers(stack: Stack) -> None:
    wrong: Counter[str] = Counter()
    sizes: list[tuple[int, int]] = []
    done = 0

    async def caller(client: httpx.AsyncClient, first: int, until: float) -> None:
        nonlocal done
        number = first
        await asyncio.sleep(random.uniform(0, THINKS))
        while time.monotonic() < until:
            path, body, status, words = a_request(number)
            data = json.dumps({"litellm_user": f"user{first}"})
            answer = await client.post(path, json=body, headers={HEADER: data})
            if answer.status_code != status or words not in answer.text:
                wrong[f"{path} {answer.status_code} for {status}: {answer.text[:200]}"] += 1
            done += 1
            number += CALLERS + 1
            await asyncio.sleep(random.uniform(0, THINKS))

    async def watch(until: float) -> None:
        while time.monotonic() < until:
            sizes.append(footprint(stack.pid))
            await asyncio.sleep(1)

    async def everything() -> None:
        limits = httpx.Limits(max_connections=CALLERS, max_keepalive_connections=CALLERS)
        async with httpx.AsyncClient(base_url=stack.url, timeout=60, limits=limits) as client:
            (await client.post(CHAT, json=PROBING)).raise_for_status()
            until = time.monotonic() + SECONDS
            await asyncio.gather(watch(until), *(caller(client, number, until) for number in range(CALLERS)))
            (await client.post(CHAT, json=PROBING)).raise_for_status()

    asyncio.run(everything())
    lags = sorted(json.loads((stack.folder / "lags.json").read_text()))
    late = lags[int(len(lags) * 0.99)]
    quarter = len(sizes) // 4
    # The first quarter is warming up: every caller opens its connection there.
    warm, end = sizes[quarter:][:quarter], sizes[-quarter:]
    print(f"{done} requests; lag p50 {lags[len(lags) // 2]:.4f} s, p99 {late:.4f} s; MiB, files {warm[0]} -> {end[-1]}")
    assert not wrong, wrong.most_common(3)
    assert done > CALLERS * SECONDS / THINKS
    assert late < 0.05
    assert max(size for size, _ in end) <= max(size for size, _ in warm) * 1.05 + 5
    assert max(files for _, files in end) <= max(files for _, files in warm) + 20


PROBING = {"model": "probe", "messages": [{"role": "user", "content": "measure"}]}
