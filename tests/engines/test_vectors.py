"""Embedding answers in the SDK's types, without a look at every number."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from openai import BaseModel
from openai.types import CreateEmbeddingResponse, Embedding

from llama_stack_provider_litellm.engines import vectors


def body(count: int, size: int) -> dict[str, Any]:
    rng = random.Random(count)
    rows = [
        {"object": "embedding", "index": index, "embedding": [rng.uniform(-1, 1) for _ in range(size)], "more": index}
        for index in range(count)
    ]
    return {"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@pytest.fixture
def as_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK without what we do to it."""
    original: Any = BaseModel.construct
    for name in vectors.NAMES:
        monkeypatch.setattr(Embedding, name, classmethod(original.__func__))


def built(count: int, size: int) -> tuple[CreateEmbeddingResponse, float]:
    """An answer as the SDK builds it, and how long that takes, in seconds."""
    told = body(count, size)
    began = time.perf_counter()
    answer = CreateEmbeddingResponse.construct(**told)
    return answer, time.perf_counter() - began


@pytest.mark.parametrize("vector", [[0.5, -0.25], "AAAAPwAAgL4="], ids=["float", "base64"])
def test_what_it_builds_is_the_same(vector: Any, request: pytest.FixtureRequest) -> None:
    told = body(2, 3)
    told["data"][1]["embedding"] = vector
    ours = CreateEmbeddingResponse.construct(**told)
    request.getfixturevalue("as_released")
    original = CreateEmbeddingResponse.construct(**told)
    assert [row.__dict__ for row in ours.data] == [row.__dict__ for row in original.data]
    assert (
        [row.model_extra for row in ours.data]
        == [row.model_extra for row in original.data]
        == [
            {"more": 0},
            {"more": 1},
        ]
    )
    assert [row.model_fields_set for row in ours.data] == [row.model_fields_set for row in original.data]
    assert ours.usage == original.usage


def test_it_takes_the_time_of_the_rows_and_not_of_the_numbers(request: pytest.FixtureRequest) -> None:
    ours = min(built(32, 1024)[1] for _ in range(3))
    request.getfixturevalue("as_released")
    assert ours < min(built(32, 1024)[1] for _ in range(2)) / 10
