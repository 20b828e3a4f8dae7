"""What the tests of the test upstream share: a server, a client, and what they ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from typing import Any

import httpx
import litellm
import openai
import pytest
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

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
        "mood": {"type": "string", "enum": ["sad", "glad"]},
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
# What stands after the upstream's URL in `api_base`; each vendor's adapter appends the rest itself.
BASES = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}
# LiteLLM asks its price list what a Gemini model can do: for a name that it does not know it turns the system prompt
# into a user's message and the response schema into words.
NAMES = {"openai": "m", "anthropic": "m", "gemini": "gemini-2.5-flash"}
SHAPES = tuple(BASES)
_loops: list[asyncio.Runner] = []


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with start_upstream() as running:
        yield running


@pytest.fixture
def upstream(server: Upstream) -> Upstream:
    server.clear()
    return server


@pytest.fixture(scope="package", autouse=True)
def litellm_on_one_loop() -> Iterator[None]:
    """LiteLLM keeps its clients, and they belong to an event loop; so all tests here have the same one."""
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as loop:
        _loops.append(loop)
        # The aiohttp transport leaves sessions of Anthropic streams open, which fails the suite.
        patch.setattr(litellm, "disable_aiohttp_transport", True)
        streams = AsyncHTTPHandler()
        patch.setattr(litellm, "module_level_aclient", streams)
        litellm.in_memory_llm_clients_cache.flush_cache()
        yield
        loop.run(_close(streams))
        _loops.clear()


async def _close(streams: AsyncHTTPHandler) -> None:
    await streams.close()
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()
    # A closed transport lets go of its socket in the loop's next round.
    await asyncio.sleep(0)


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


def gemini(upstream: Upstream, text: str, method: str = "generateContent", **more: Any) -> httpx.Response:
    """A request in Google's own form, without a client in between."""
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}
    query = "?alt=sse" if method.startswith("stream") else ""
    url = f"{upstream.url}/v1beta/models/m:{method}{query}"
    with httpx.Client(trust_env=False) as http:
        return http.post(url, json=body, headers={"x-goog-api-key": "k"})


def events(response: httpx.Response) -> list[Any]:
    """The data of every server-sent event."""
    lines = response.text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


async def through_litellm(upstream: Upstream, shape: str, text: str | list[Any], **more: Any) -> Any:
    """One LiteLLM call in a vendor's form; a streamed answer comes back put together."""
    conversation = text if isinstance(text, list) else [{"role": "user", "content": text}]
    options: dict[str, Any] = {
        "model": f"{shape}/{NAMES[shape]}",
        "api_base": upstream.url + BASES[shape],
        "api_key": "sk-x",
        "num_retries": 0,
        "max_retries": 0,
        # Without it LiteLLM hands requests with tools to its MCP code, which needs a newer mcp package.
        "_skip_mcp_handler": True,
        **more,
    }
    if options.get("stream"):
        options.setdefault("stream_options", {"include_usage": True})
    answer: Any = await litellm.acompletion(messages=conversation, **options)
    if not options.get("stream"):
        return answer
    chunks = [chunk async for chunk in answer]
    return litellm.stream_chunk_builder(chunks, messages=conversation)


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end on the loop that LiteLLM's clients belong to."""
    return _loops[-1].run(work)
