"""The adapter where no route of the host leads to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from llama_stack.apis.models import Model

from llama_stack_provider_litellm.config import LiteLLMConfig
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.errors import ModelNotFound
from llama_stack_provider_litellm.hosts.v0_2 import LiteLLMInferenceAdapter
from llama_stack_provider_litellm.settings import LiteLLMSettings
from tests.upstream.process import start_upstream


class Table:
    """The host's table of models, as far as the adapter asks it."""

    async def get_model(self, model_id: str) -> Model:
        """A model under its own name."""
        name = model_id.removeprefix("litellm/")
        return Model(identifier=model_id, provider_resource_id=name, provider_id="litellm")

    async def get_object_by_identifier(self, type: str, identifier: str) -> Any:
        """The step that the adapter extends."""
        return None


def adapter(address: str) -> LiteLLMInferenceAdapter:
    openai = {"api_key": "k", "api_base": f"{address}/v1"}
    models = [
        {"model_name": "chat", "litellm_params": {"model": "openai/echo-1", **openai}},
        {
            "model_name": "ranker",
            "litellm_params": {"model": "hosted_vllm/rerank-1", **openai},
            "model_info": {"mode": "rerank"},
        },
        {
            "model_name": "vectors",
            "litellm_params": {"model": "openai/embed-1", **openai},
            "model_info": {"mode": "embedding", "output_vector_size": 64},
        },
    ]
    made = LiteLLMInferenceAdapter(LiteLLMConfig(), RouterEngine(LiteLLMSettings(Path("config.yaml"), models)))
    made.__provider_id__ = "litellm"
    made.model_store = Table()
    return made


def test_rerank_token_arrays_and_batches() -> None:
    async def work(address: str) -> None:
        served = adapter(address)
        await served.initialize()
        items: list[Any] = ["a green apple", "the red zebra runs", "red"]
        ranked = await served.rerank("litellm/ranker", "the red zebra", items, max_num_results=2)
        assert [row.index for row in ranked.data] == [1, 2]
        with pytest.raises(ModelNotFound, match="Did you mean ranker"):
            await served.rerank("litellm/rankr", "q", items)
        tokens: Any = [[1, 2, 3], [4, 5]]
        assert len((await served.openai_embeddings("litellm/vectors", tokens)).data) == 2
        batch = await served.batch_completion("litellm/chat", [f"text {number}" for number in range(20)])
        assert [answer.content.rsplit(" ", 1)[1] for answer in batch.batch] == [str(number) for number in range(20)]
        await served.shutdown()

    with start_upstream() as upstream:
        asyncio.run(work(upstream.url))
