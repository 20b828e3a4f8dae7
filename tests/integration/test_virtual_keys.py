"""Callers with virtual keys of their own: each is served by its key, and by no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.differences import needs
from tests.imitation import Imitation, imitation_proxy
from tests.integration.conftest import litellm_config
from tests.line import HEADER, words_of
from tests.mcp_server import running_mcp_server
from tests.processes import memory
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

CALLERS = 1_000
AT_ONCE = 100

pytestmark = [
    pytest.mark.long,
    pytest.mark.any_host,
    pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own"),
]


@contextmanager
def on_imitation(folder: Path, mode: str, **env: str) -> Iterator[tuple[Stack, Imitation]]:
    with imitation_proxy() as proxy:
        env = {"LITELLM_MODE": mode, "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": "sk-of-the-stack", **env}
        with running_stack(folder, **env) as stack:
            yield stack, proxy


def chat(text: str, *, stream: bool = False) -> dict[str, object]:
    return {"model": "litellm/gpt", "messages": [{"role": "user", "content": text}], "stream": stream}


def provider_data(**data: object) -> dict[str, str]:
    return {HEADER: json.dumps(data)}


async def everybody(stack: Stack, word: str) -> None:
    """A thousand callers, each with a key of its own, every second one for a stream."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def caller(client: httpx.AsyncClient, number: int) -> None:
        key, text = f"sk-{word}-{number}x", f"{word}-text-{number}x"
        header = provider_data(litellm_api_key=key, litellm_user=f"user-{number}")
        async with gate:
            answer = await client.post("/chat/completions", json=chat(text, stream=number % 2 == 0), headers=header)
        if number % 2:
            said = answer.json()["choices"][0]["message"]["content"]
        else:
            events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
            said = "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
        assert said == f"echo: {text} by {key}"

    # The server closes what is idle for five seconds.
    limits = httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=f"{stack.openai_url}", timeout=60, limits=limits) as client:
        await asyncio.gather(*(caller(client, number) for number in range(CALLERS)))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
def test_a_thousand_callers_are_never_mixed(tmp_path: Path, word: str) -> None:
    with on_imitation(tmp_path, "proxy") as (stack, proxy):
        asyncio.run(everybody(stack, f"{word}a"))
        proxy.clear()
        before = memory(stack.pid)
        asyncio.run(everybody(stack, f"{word}b"))
        keys = proxy.seen()["keys"]
        assert {key: count for key, count in keys.items() if word in key} == {
            f"sk-{word}b-{number}x": 1 for number in range(CALLERS)
        }
        assert memory(stack.pid) < before * 1.05 + 5
        assert word not in stack.log, "a key in the log"


def test_who_asks_arrives_at_the_proxy(tmp_path: Path, word: str) -> None:
    with on_imitation(tmp_path, "proxy") as (stack, proxy):
        header = provider_data(
            litellm_user="ann",
            litellm_agent="researcher",
            litellm_project="search",
            litellm_org="acme",
            litellm_tags=["team-a", "b"],
            litellm_metadata={"note": "Zürich"},
            litellm_headers={"Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            litellm_cache={"no-cache": True},
        )
        httpx.post(f"{stack.openai_url}/chat/completions", json=chat(word), headers=header, timeout=30)
        (request,) = [request for request in proxy.seen()["requests"] if word in json.dumps(request["body"])]
    assert request["key"] == "sk-of-the-stack"
    assert request["body"]["user"] == "ann"
    assert request["body"]["cache"] == {"no-cache": True}
    assert request["headers"]["x-litellm-tags"] == "team-a,b"
    assert request["headers"]["traceparent"].startswith("00-4bf9")
    assert json.loads(request["headers"]["x-litellm-spend-logs-metadata"]) == {
        "agent": "researcher", "project": "search", "org": "acme", "note": "Zürich",
    }  # fmt: skip


@needs("tool groups")
def test_an_mcp_server_hears_nothing_of_it(tmp_path: Path, word: str) -> None:
    said = {"litellm_api_key": f"sk-{word}", "litellm_user": f"user-{word}", "litellm_tags": [word]}
    with on_imitation(tmp_path, "proxy") as (stack, _), running_mcp_server() as url:
        client = stack.client(default_headers=provider_data(**said, mcp_headers={url: {"X-Theirs": "yes"}}))
        client.toolgroups.register(
            toolgroup_id="mcp::notes", provider_id="model-context-protocol", mcp_endpoint={"uri": url}
        )
        assert client.tools.list(toolgroup_id="mcp::notes")
        headers = str(client.tool_runtime.invoke_tool(tool_name="show_headers", kwargs={}).content)
    assert "x-theirs" in headers
    assert word not in headers
    assert "litellm" not in headers


def test_a_header_that_is_not_allowed(tmp_path: Path) -> None:
    with on_imitation(tmp_path, "proxy") as (stack, proxy):
        header = provider_data(litellm_headers={"X-LiteLLM-Tags": "theirs"})
        answer = httpx.post(f"{stack.openai_url}/chat/completions", json=chat("hi"), headers=header, timeout=30)
        assert answer.status_code == 400
        assert "'x-litellm-tags' is not allowed" in words_of(answer)
        assert not [request for request in proxy.seen()["requests"] if request["path"].endswith("completions")]


def test_a_virtual_key_is_no_key_to_the_embedded_router(upstream: Upstream, tmp_path: Path, word: str) -> None:
    (tmp_path / "config.yaml").write_text(litellm_config(upstream))
    header = provider_data(litellm_api_key="sk-virtual-1")
    with on_imitation(tmp_path, "auto", LITELLM_CONFIG=str(tmp_path / "config.yaml")) as (stack, proxy):
        url = f"{stack.openai_url}/chat/completions"
        assert "by sk-virtual-1" in httpx.post(url, json=chat(word), headers=header, timeout=30).text
        proxy.stop()
        for _ in range(2):
            refused = httpx.post(url, json=chat(word), headers=header, timeout=30)
            assert refused.status_code == 503
            assert "failover_virtual_keys" in words_of(refused)
        assert httpx.post(url, json=chat(word), timeout=30).json()["litellm"]["served_by"] == "embedded"
        assert "sk-virtual-1" not in stack.log
    # What only the stack's own config has would be paid for with its keys.
    assert len([call for call in upstream.calls() if word in json.dumps(call["body"])]) == 1


def test_unless_whoever_runs_the_stack_says_so(upstream: Upstream, tmp_path: Path, word: str) -> None:
    (tmp_path / "config.yaml").write_text(litellm_config(upstream))
    header = provider_data(litellm_api_key="sk-virtual-1")
    env = {"LITELLM_CONFIG": str(tmp_path / "config.yaml"), "LITELLM_FAILOVER_VIRTUAL_KEYS": "true"}
    with on_imitation(tmp_path, "auto", **env) as (stack, proxy):
        proxy.stop()
        url = f"{stack.openai_url}/chat/completions"
        answer = httpx.post(url, json=chat(word), headers=header, timeout=30)
        assert answer.json()["litellm"]["served_by"] == "embedded"
    assert "sk-virtual-1" not in json.dumps(upstream.calls())
