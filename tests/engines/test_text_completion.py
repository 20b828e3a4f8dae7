"""Text completions use pooled clients."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import litellm.main
import openai
import pytest
from litellm.llms.openai.completion.handler import OpenAITextCompletion

from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.settings import LiteLLMSettings
from tests.upstream.process import Upstream, start_upstream


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[openai.AsyncOpenAI]:
    """Every OpenAI client that is built from here on."""
    built: list[openai.AsyncOpenAI] = []
    original = openai.AsyncOpenAI.__init__

    def counted(self: openai.AsyncOpenAI, *args: Any, **kwargs: Any) -> None:
        built.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(openai.AsyncOpenAI, "__init__", counted)
    return built


async def ask(upstream: Upstream, times: int, clients: list[openai.AsyncOpenAI]) -> None:
    params = {"model": "openai/echo-1", "api_key": "sk-1", "api_base": f"{upstream.url}/v1"}
    settings = LiteLLMSettings(Path("config.yaml"), [{"model_name": "text", "litellm_params": params}])
    engine = RouterEngine(settings)
    request = {"model": "text", "prompt": "hello"}
    for _ in range(times):
        assert (await engine.complete(request, ANONYMOUS)).choices[0].text
        assert [chunk async for chunk in await engine.complete_stream(request, ANONYMOUS)]
    await engine.close()
    for client in clients:
        await client.close()


def test_one_client_serves_all(clients: list[openai.AsyncOpenAI]) -> None:
    with start_upstream() as upstream:
        asyncio.run(ask(upstream, 3, clients))
        # One with LiteLLM's timeout for whole answers, and at most one with that for streams.
        assert 1 <= len(clients) <= 2
        assert {call["path"] for call in upstream.calls()} == {"/v1/completions"}


def test_litellm_alone_builds_one_for_each(clients: list[openai.AsyncOpenAI], monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, LiteLLM pools by itself, and text_completion.py can go."""
    from llama_stack_provider_litellm.engines import text_completion

    monkeypatch.setattr(text_completion, "install", lambda: None)
    monkeypatch.setattr(litellm.main, "openai_text_completions", OpenAITextCompletion())
    with start_upstream() as upstream:
        asyncio.run(ask(upstream, 3, clients))
    assert len(clients) == 6
