"""LiteLLM does not look for its own MCP gateway, which cannot be imported beside Llama Stack 0.2."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.errors import ModelNotFound
from llama_stack_provider_litellm.settings import LiteLLMSettings
from tests.upstream.process import start_upstream


def test_a_model_that_litellm_serves_through_responses_reaches_the_vendor() -> None:
    async def ask(address: str) -> None:
        # LiteLLM's registry says mode `responses` of this one.
        params = {"model": "openai/gpt-5-codex", "api_key": "planted", "api_base": f"{address}/v1"}
        models = [{"model_name": "codex", "litellm_params": params}]
        engine = RouterEngine(LiteLLMSettings(Path("config.yaml"), models, {"num_retries": 0}))
        try:
            await engine.chat({"model": "codex", "messages": [{"role": "user", "content": "hi"}]}, ANONYMOUS)
        finally:
            await engine.close()

    # The test upstream has no Responses route: its 404 shows that the request came there.
    with start_upstream() as upstream, pytest.raises(ModelNotFound):
        asyncio.run(ask(upstream.url))
