"""Embeddings through a running stack: large requests, both forms of a vector, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.differences import needs
from tests.line import words_of
from tests.stack import Stack
from tests.upstream import lexical
from tests.upstream.process import Upstream


def post(stack: Stack, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{stack.openai_url}/embeddings", json=body, timeout=30)


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


def test_a_batch_that_fails_names_its_range(stack: Stack, word: str) -> None:
    texts = [f"{word} {number}" for number in range(250)]
    # A batch does what its last text says.
    texts[199] = f"{word} [[error 429 retry-after=7]]"
    answer = post(stack, {"model": "batched", "input": texts})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    detail = words_of(answer)
    assert detail.startswith("Inputs 100 to 199 of 250: Model batched (gemini/gemini-embedding-001): ")
    assert "Retry after 7 s." in detail


@pytest.mark.parametrize(("model", "deployment"), [("embedding", "openai/embed-1"), ("batched", "gemini/gemini-")])
def test_an_error_is_told_in_the_vendors_words(stack: Stack, word: str, model: str, deployment: str) -> None:
    answer = post(stack, {"model": model, "input": [f"[[error 429]] {word}"]})
    detail = words_of(answer)
    assert answer.status_code == 429
    assert detail.startswith(f"Model {model} ({deployment}")
    assert word in detail
    assert "{" not in detail, "the vendor's body stands there as it came"


def test_a_chat_model_gives_no_vectors(stack: Stack) -> None:
    answer = post(stack, {"model": "gpt", "input": ["x"]})
    assert answer.status_code == 400
    assert "is of type 'llm' rather than the expected type 'embedding'" in words_of(answer)


@needs("token arrays")
@pytest.mark.parametrize(("tokens", "many"), [([1, 2, 3], 1), ([[1, 2, 3], [4]], 2)])
def test_tokens_in_the_place_of_texts(stack: Stack, upstream: Upstream, tokens: list[Any], many: int) -> None:
    answer = post(stack, {"model": "embedding", "input": tokens})
    assert [len(row["embedding"]) for row in answer.json()["data"]] == [64] * many
    assert tokens in [(call["body"] or {}).get("input") for call in upstream.calls()]
