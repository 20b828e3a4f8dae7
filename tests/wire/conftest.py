"""What the tests of the test upstream share: a server, a client, and what they ask."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import httpx
import litellm
import openai
import pytest

from tests.upstream import Upstream, start_upstream

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Looks up {name}",
            "parameters": {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]},
        },
    }
    for name, key in (("weather", "city"), ("time", "zone"), ("knowledge_search", "query"))
]
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "home": {"$ref": "#/$defs/Home"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "mood": {"enum": ["sad", "glad"]},
    },
    "required": ["name", "age", "home", "tags", "mood"],
    "additionalProperties": False,
    "$defs": {"Home": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
INSTANCE = {"name": "Ada", "age": 36, "home": {"city": "is"}, "tags": ["glad"], "mood": "glad"}
PIXEL = b"\x89PNG pixel"
GUARD_TEMPLATE = (
    "Task: Check for poison.\n"
    "<BEGIN UNSAFE CONTENT CATEGORIES>\nS1: Poison.\n<END UNSAFE CONTENT CATEGORIES>\n"
    "<BEGIN CONVERSATION>\n\nUser: {}\n\n<END CONVERSATION>\nSay poison or not."
)
SHAPES = ("openai", "anthropic")


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with start_upstream() as running:
        yield running


@pytest.fixture
def upstream(server: Upstream) -> Upstream:
    server.clear()
    return server


@pytest.fixture(autouse=True)
def httpx_under_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's aiohttp transport leaves sessions of Anthropic streams open, which fails the suite."""
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)


@pytest.fixture
def client(upstream: Upstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, text: str, model: str = "m", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def say(client: openai.OpenAI, text: str, model: str = "m", **more: Any) -> str:
    return str(ask(client, text, model, **more).choices[0].message.content)


def messages(upstream: Upstream, text: str, **more: Any) -> httpx.Response:
    """A request in Anthropic's own form, without a client in between."""
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}
    with httpx.Client(trust_env=False) as http:
        return http.post(f"{upstream.url}/v1/messages", json=body, headers={"x-api-key": "sk-ant"})


async def through_litellm(upstream: Upstream, shape: str, text: str | list[Any], **more: Any) -> Any:
    """One LiteLLM call in either vendor's form; a streamed answer comes back put together."""
    conversation = text if isinstance(text, list) else [{"role": "user", "content": text}]
    options: dict[str, Any] = {
        "model": f"{shape}/m",
        "api_base": upstream.url + ("/v1" if shape == "openai" else ""),
        "api_key": "sk-x",
        "num_retries": 0,
        "max_retries": 0,
        # Without it LiteLLM hands requests with tools to its MCP code, which needs a newer mcp package.
        "_skip_mcp_handler": True,
        **more,
    }
    answer: Any = await litellm.acompletion(messages=conversation, **options)
    if not options.get("stream"):
        return answer
    chunks = [chunk async for chunk in answer]
    return litellm.stream_chunk_builder(chunks, messages=conversation)


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end and closes LiteLLM's clients, which belong to the event loop that ends here."""

    async def run_and_close() -> T:
        try:
            return await work
        finally:
            await litellm.close_litellm_async_clients()
            litellm.in_memory_llm_clients_cache.flush_cache()
            # A closed transport lets go of its socket in the loop's next round.
            await asyncio.sleep(0)

    return asyncio.run(run_and_close())
