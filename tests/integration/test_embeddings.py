"""Embeddings through a running stack: large requests, both forms of a vector, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.stack import Stack
from tests.upstream import lexical
from tests.upstream.process import Upstream


def post(stack: Stack, path: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{stack.url}/v1{path}", json=body, timeout=30)


def batches(upstream: Upstream, word: str) -> list[list[str]]:
    """The texts of every request to Gemini that holds ``word``."""
    bodies = [call["body"] for call in upstream.calls() if word in json.dumps(call["body"])]
    return [[request["content"]["parts"][0]["text"] for request in body["requests"]] for body in bodies]


# The openai client asks for base64 and decodes it, unless it is told to ask for floats.
@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}], ids=["base64", "float"])
def test_more_inputs_than_the_vendor_takes(
    stack: Stack, upstream: Upstream, word: str, options: dict[str, Any]
) -> None:
    texts = [f"{word} {number}" for number in range(250)]
    answer = stack.openai().embeddings.create(model="batched", input=texts, **options)
    assert sorted(map(len, batches(upstream, word))) == [50, 100, 100]
    assert [row.index for row in answer.data] == list(range(250))
    for row, text in zip(answer.data, texts, strict=True):
        assert row.embedding == pytest.approx(lexical.embed(text, 64), abs=1e-6)


def test_more_tokens_than_the_vendor_takes(stack: Stack, upstream: Upstream, word: str) -> None:
    texts = [f"{word} " + "lorem ipsum " * 30_000, f"{word} " + "ipsum " * 60_000, f"{word} end"]
    answer = stack.openai().embeddings.create(model="embedding", input=texts, encoding_format="float")
    assert [row.embedding for row in answer.data] == [pytest.approx(lexical.embed(text, 64)) for text in texts]
    sent = [call["body"]["input"] for call in upstream.calls() if word in json.dumps(call["body"])]
    assert sorted(map(len, sent)) == [1, 2]


@pytest.mark.parametrize("path", ["/openai/v1/embeddings", "/inference/embeddings"])
def test_a_batch_that_fails_names_its_range(stack: Stack, word: str, path: str) -> None:
    texts = [f"{word} {number}" for number in range(250)]
    # A batch does what its last text says.
    texts[199] = f"{word} [[error 429 retry-after=7]]"
    body = {"model": "batched", "input": texts} if "openai" in path else {"model_id": "batched", "contents": texts}
    answer = post(stack, path, body)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    detail = answer.json()["detail"]
    assert detail.startswith("Inputs 100 to 199 of 250: Model batched (gemini/gemini-embedding-001): ")
    assert "Retry after 7 s." in detail


@pytest.mark.parametrize(("model", "deployment"), [("embedding", "openai/embed-1"), ("batched", "gemini/gemini-")])
def test_an_error_is_told_in_the_vendors_words(stack: Stack, word: str, model: str, deployment: str) -> None:
    answer = post(stack, "/openai/v1/embeddings", {"model": model, "input": [f"[[error 429]] {word}"]})
    detail = answer.json()["detail"]
    assert answer.status_code == 429
    assert detail.startswith(f"Model {model} ({deployment}")
    assert word in detail
    assert "{" not in detail, "the vendor's body stands there as it came"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/openai/v1/embeddings", {"model": "gpt", "input": ["x"]}),
        ("/inference/embeddings", {"model_id": "litellm/gpt", "contents": ["x"]}),
    ],
)
def test_a_chat_model_gives_no_vectors(stack: Stack, path: str, body: dict[str, Any]) -> None:
    answer = post(stack, path, body)
    assert answer.status_code == 400
    assert "is of type 'llm' rather than the expected type 'embedding'" in answer.json()["detail"]


# The adapter serves both (tests/hosts/test_v0_2_adapter.py); when one of these fails the host's routes have learnt it.
@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2, 3], [4]]])
def test_the_hosts_route_takes_no_token_arrays(stack: Stack, tokens: list[Any]) -> None:
    answer = post(stack, "/openai/v1/embeddings", {"model": "embedding", "input": tokens})
    assert answer.status_code == 400
    assert "Input should be a valid string" in answer.text


def test_the_hosts_route_does_not_rerank(stack: Stack) -> None:
    answer = post(stack, "/inference/rerank", {"model": "litellm/reranker", "query": "q", "items": ["a", "b"]})
    assert answer.status_code == 501
