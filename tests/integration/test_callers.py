"""Many callers at once, and callers who leave or who try to redirect a key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from tests import modes
from tests.differences import DIFFERENCES
from tests.integration.conftest import ANTHROPIC_KEY, OPENAI_KEY
from tests.line import HEADER, HOST, words_of
from tests.stack import Stack
from tests.upstream.process import Upstream


def test_64_callers_are_never_mixed(stack: Stack, upstream: Upstream, word: str) -> None:
    async def call(client: httpx.AsyncClient, number: int) -> str:
        data = {"litellm_user": f"{word}-user{number}", "litellm_tags": [f"{word}-tag{number}"]}
        answer = await client.post(
            f"{stack.openai_url}/chat/completions",
            json={
                "model": ("gpt", "claude")[number % 2],
                "messages": [{"role": "user", "content": f"{word}-text{number}"}],
                "stream": number % 4 >= 2,
            },
            headers={HEADER: json.dumps(data)},
        )
        return answer.text

    async def all_at_once() -> list[str]:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=64)) as client:
            return await asyncio.gather(*(call(client, number) for number in range(64)))

    answers = asyncio.run(all_at_once())
    for number, text in enumerate(answers):
        assert f"{word}-text{number}" in text
        assert text.count(f"{word}-text") == 1
    arrived = [call["body"] for call in upstream.calls() if word in json.dumps(call["body"])]
    assert len(arrived) == 64
    for body in arrived:
        content = body["messages"][-1]["content"]
        sent_as = (content if isinstance(content, str) else content[0]["text"]).removeprefix(f"{word}-text")
        # OpenAI's format has the caller in `user`, Anthropic's in `metadata.user_id`.
        assert (body.get("user") or body["metadata"]["user_id"]) == f"{word}-user{sent_as}"


def test_a_client_that_leaves_a_stream_cancels_the_call(
    stack: Stack, upstream: Upstream, model: str, word: str
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": f"[[slow 200]] {word}"}], "stream": True}
    with httpx.stream("POST", f"{stack.openai_url}/chat/completions", json=body, timeout=30) as answer:
        lines = answer.iter_lines()
        for _ in range(4):
            next(lines)

    def left(call: dict[str, Any]) -> bool:
        return word in json.dumps(call["body"]) and call["outcome"] == "disconnected"

    (call,) = upstream.wait_for(left, seconds=5)
    assert call["chunks"] < 150


def test_nothing_in_a_request_redirects_a_key(stack: Stack, upstream: Upstream, word: str) -> None:
    trap = {"api_base": upstream.url + "/trap", "base_url": upstream.url + "/trap", "api_key": "sk-caller"}
    trap |= {"extra_headers": {"x-trap": "1"}, "headers": {"x-trap": "1"}, "mock_response": "trapped"}  # type: ignore[dict-item]
    function = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
    body: dict[str, Any] = {
        **trap,
        "model": "gpt",
        "messages": [{"role": "user", "content": word, **trap}],
        "tools": [{"type": "function", "function": {**function, **trap}, **trap}],
        "tool_choice": {"type": "function", "function": {"name": "f", **trap}, **trap},
        "stream_options": {"include_usage": True, **trap},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object"}, **trap},
            **trap,
        },
        "metadata": trap,
        "litellm_params": trap,
        "extra_body": trap,
        "stream": True,
    }
    if HOST in DIFFERENCES["more in a body"].hosts:
        for name in (*trap, "litellm_params", "extra_body"):
            refused = httpx.post(f"{stack.openai_url}/chat/completions", json={**body, name: trap}, timeout=30)
            assert refused.status_code == 400
            body = {key: value for key, value in body.items() if key != name}
            assert "is not taken from a request" in words_of(refused)
    answer = httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=30)
    assert "trapped" not in answer.text
    for nested in ({"litellm_metadata": {"api_base": upstream.url + "/trap"}}, trap, {"extra_body": trap}):
        header = {HEADER: json.dumps(nested)}
        plain = {"model": "gpt", "messages": [{"role": "user", "content": word}], "user": word}
        httpx.post(f"{stack.openai_url}/chat/completions", json=plain, headers=header, timeout=30)
    calls = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    assert len(calls) == 4
    for call in calls:
        assert call["path"] == "/v1/chat/completions"
        assert call["headers"]["authorization"] == f"Bearer {OPENAI_KEY}"
        assert "x-trap" not in call["headers"]
        assert "trap" not in json.dumps(call["body"]).replace("trapped", "")
    assert not [call for call in upstream.calls() if "/trap" in call["path"]]
    assert ANTHROPIC_KEY not in json.dumps([call["headers"] for call in calls])


def test_an_allowed_header_travels(stack: Stack, upstream: Upstream, word: str) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    header = {HEADER: json.dumps({"litellm_headers": {"Traceparent": trace}})}
    body = {"model": "gpt", "messages": [{"role": "user", "content": word}]}
    assert httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=header).status_code == 200
    (call,) = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    # A LiteLLM Proxy keeps it for a trace of its own; that it gets it is in test_virtual_keys.py.
    assert call["headers"].get("traceparent") == (trace if modes.current == "embedded" else None)
