"""Embeddings as the host's own type: any other it would validate again, number by number."""

from __future__ import annotations

from typing import Any

from openai.types import CreateEmbeddingResponse

from ..installed import api

_api = api()


def host_answer(answer: CreateEmbeddingResponse) -> Any:
    """The same, without what the host's type has no place for (the ``litellm`` object)."""
    return _api.OpenAIEmbeddingsResponse.model_construct(
        object="list",
        model=answer.model,
        data=[
            _api.OpenAIEmbeddingData.model_construct(object="embedding", index=row.index, embedding=row.embedding)
            for row in answer.data
        ],
        usage=_api.OpenAIEmbeddingUsage.model_construct(
            prompt_tokens=answer.usage.prompt_tokens, total_tokens=answer.usage.total_tokens
        ),
    )
