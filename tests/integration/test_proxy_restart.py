"""A LiteLLM Proxy that is killed under load, and comes back: what callers see in the modes that use one."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import line
from tests.imitation import imitation_proxy
from tests.integration.metrics import collector
from tests.line import refusal, words_of
from tests.litellm_proxy import LiteLLMProxy, litellm_proxy
from tests.stack import Stack, reaching, running_stack
from tests.upstream.process import Upstream

CALLERS = 32
PAUSE = 0.3
# How long, in seconds, the stack may take to use a proxy that is ready again.
BACK = 10

pytestmark = [
    pytest.mark.long,
    pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own"),
]


def config(upstream: Upstream, key: str) -> str:
    params = f"{{model: openai/gpt-4o-mini, api_key: {key}, api_base: '{upstream.url}/v1'}}"
    settings = "router_settings: {num_retries: 0, disable_cooldowns: true}"
    return f"model_list: [{{model_name: gpt, litellm_params: {params}}}]\n{settings}"


@contextmanager
def both(folder: Path, upstream: Upstream, mode: str, **env: str) -> Iterator[tuple[Stack, LiteLLMProxy]]:
    """A proxy, and a stack on it that could serve the same model by itself."""
    ours = folder / "ours.yaml"
    ours.write_text(config(upstream, "sk-of-the-stack"))
    (folder / "proxy").mkdir()
    with litellm_proxy(folder / "proxy", config(upstream, "sk-of-the-proxy")) as proxy:
        env |= {"LITELLM_MODE": mode, "LITELLM_CONFIG": str(ours)}
        env |= {"LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": proxy.key}
        with reaching(folder, None, env, line.command(patient(folder))) as stack:
            stack.start()
            yield stack, proxy


def patient(folder: Path) -> Path:
    """A run config whose stack does not take a proxy for gone that is only slow, as one is on a busy machine."""

    def wait(run_config: dict[str, Any]) -> None:
        run_config["providers"]["inference"][0]["config"]["proxy"]["connect_timeout"] = 30

    return line.changed_run_config(folder, wait)


@dataclass
class Seen:
    """What callers got: who served whole answers, when; and whatever else there was."""

    served: list[tuple[float, str]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


@asynccontextmanager
async def calling(stack: Stack, word: str) -> AsyncIterator[Seen]:
    """Within it 32 callers ask, every second one for a stream, with a pause that leaves the proxy time to start."""
    seen, stop = Seen(), asyncio.Event()

    async def caller(client: httpx.AsyncClient, number: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            text = f"{word}-{number}-{count}"
            body = {
                "model": "gpt",
                "messages": [{"role": "user", "content": f"[[say {text} and a few words more]]"}],
                "stream": number % 2 == 0,
            }
            await asyncio.sleep(PAUSE)
            note(await client.post(f"{stack.openai_url}/chat/completions", json=body), text, seen)

    limits = httpx.Limits(max_connections=CALLERS)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client, asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(caller(client, number))
        try:
            yield seen
        finally:
            stop.set()


def note(answer: httpx.Response, text: str, seen: Seen) -> None:
    """Sort one answer in."""
    if "text/event-stream" not in answer.headers["content-type"]:
        if answer.status_code != 200:
            seen.refused.append(refusal(answer))
        elif answer.json()["choices"][0]["message"]["content"] != f"{text} and a few words more":
            seen.wrong.append(answer.text)
        else:
            seen.served.append((time.monotonic(), answer.json()["litellm"]["served_by"]))
        return
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    words = "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))
    if not f"{text} and a few words more".startswith(words):
        seen.wrong.append(answer.text)
    elif "error" not in events[-1]:
        seen.served.append((time.monotonic(), events[-1]["litellm"]["served_by"]))
    elif words:
        # It had begun, and is never begun again behind the client's back.
        seen.broken += 1
    else:
        seen.refused.append(refusal(answer))


async def until(holds: Callable[[], Any], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


async def settled(seen: Seen) -> float:
    """Wait until the proxy has served every caller twice; a bound, in seconds, for as many answers on this machine."""
    began = time.monotonic()
    await until(lambda: count(seen)["proxy"] > 2 * CALLERS, seconds=120)
    return 5 * (time.monotonic() - began)


def count(seen: Seen, since: float = 0) -> Counter[str]:
    return Counter(by for when, by in seen.served if when >= since)


@pytest.mark.any_host
def test_in_auto_mode_nobody_notices(upstream: Upstream, tmp_path: Path, word: str) -> None:
    async def kill_and_restart(stack: Stack, proxy: LiteLLMProxy) -> Seen:
        async with calling(stack, word) as seen:
            slow = await settled(seen)
            assert not count(seen)["embedded"]
            proxy.kill()
            await until(lambda: count(seen)["embedded"] > 4 * CALLERS, seconds=max(30, slow))
            away = time.monotonic()
            await asyncio.to_thread(proxy.start)
            ready = time.monotonic()
            await until(lambda: count(seen, since=ready)["proxy"], seconds=BACK)
            await until(lambda: count(seen, since=ready)["proxy"] > 2 * CALLERS, seconds=max(BACK, slow))
            assert not count(seen, since=away).keys() - {"embedded", "proxy"}
        return seen

    with collector() as told, both(tmp_path, upstream, "auto", **told.environment) as (stack, proxy):
        seen = asyncio.run(kill_and_restart(stack, proxy))
        told.wait_for(b"litellm.failover")
        log = stack.log
    assert not seen.refused, seen.refused[:3]
    assert not seen.wrong, seen.wrong[:3]
    assert seen.broken <= CALLERS / 2, "more streams than were under way"
    log = " ".join(log.split())
    assert log.count("Requests go to the embedded router until it is back.") == 1
    assert log.count("is back, and gets the requests again.") == 1
    assert "Traceback" not in log


@pytest.mark.any_host
def test_in_proxy_mode_requests_fail_with_words_until_it_is_back(upstream: Upstream, tmp_path: Path, word: str) -> None:
    async def kill_and_restart(stack: Stack, proxy: LiteLLMProxy) -> Seen:
        async with calling(stack, word) as seen:
            slow = await settled(seen)
            proxy.kill()
            await until(lambda: len(seen.refused) > 2 * CALLERS, seconds=max(30, slow))
            # What hammers at a dead proxy would only slow down its start.
        await asyncio.to_thread(proxy.start)
        async with calling(stack, word) as after:
            await until(lambda: count(after)["proxy"], seconds=BACK)
            await until(lambda: count(after)["proxy"] > 2 * CALLERS, seconds=max(BACK, slow))
        assert not after.refused, after.refused[:3]
        return seen

    with both(tmp_path, upstream, "proxy") as (stack, proxy):
        seen = asyncio.run(kill_and_restart(stack, proxy))
        log = stack.log
    assert count(seen).keys() == {"proxy"}
    assert not seen.wrong, seen.wrong[:3]
    for status, message in seen.refused:
        assert status in (502, 503) and message.startswith("Model gpt: ")
        assert proxy.url in message
        assert "proxy.url" in message
    assert " ".join(log.split()).count("Requests fail until it is back.") == 1
    assert "Traceback" not in log


@pytest.mark.parametrize("mode", ["auto", "proxy"])
def test_a_boot_without_the_proxy_heals(upstream: Upstream, tmp_path: Path, word: str, mode: str) -> None:
    ours = tmp_path / "ours.yaml"
    ours.write_text(config(upstream, "sk-of-the-stack"))
    body = {"model": "litellm/gpt", "messages": [{"role": "user", "content": word}]}
    with imitation_proxy() as proxy:
        proxy.stop()
        env = {"LITELLM_MODE": mode, "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": "sk-of-the-test"}
        with running_stack(tmp_path, LITELLM_CONFIG=str(ours), **env) as stack:
            url = f"{stack.openai_url}/chat/completions"
            assert "does not answer" in " ".join(stack.log.split())
            answer = httpx.post(url, json=body, timeout=30)
            if mode == "auto":
                assert answer.json()["litellm"]["served_by"] == "embedded"
            else:
                assert answer.status_code == 503
                assert "cannot be looked up" in words_of(answer)
                assert proxy.url in words_of(answer)
            proxy.start()
            deadline = time.monotonic() + BACK
            while "by sk-of-the-test" not in (answer := httpx.post(url, json=body, timeout=30)).text:
                assert time.monotonic() < deadline, answer.text
            # The host is told a moment after the provider knows.
            while {"litellm/gpt", "litellm/own/*"} - (listed := stack.models().keys()):
                assert time.monotonic() < deadline, listed
