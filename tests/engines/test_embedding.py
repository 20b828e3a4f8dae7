"""Large embedding requests, and vectors of the wrong size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse, Embedding
from openai.types.create_embedding_response import Usage

from llama_stack_provider_litellm.engines import embedding
from llama_stack_provider_litellm.engines.base import Request
from llama_stack_provider_litellm.engines.served import Served
from llama_stack_provider_litellm.errors import BadGateway, InvalidRequest, RateLimited, RequestError

Send = Callable[[Request], Awaitable[CreateEmbeddingResponse]]


def answer(texts: list[Any]) -> CreateEmbeddingResponse:
    """A vector that tells which input it is of."""
    data = [Embedding(object="embedding", index=i, embedding=[float(text)]) for i, text in enumerate(texts)]
    used = Usage(prompt_tokens=len(texts), total_tokens=len(texts))
    served = {"served_by": "embedded", "call_id": "c", "model_id": "d", "cost_usd": 0.5, "retries": 1, "fallbacks": 0}
    return CreateEmbeddingResponse.model_construct(
        object="list", model="m", data=data, usage=used, litellm=Served({**served, "cache_hit": False})
    )


def run(inputs: Any, *vendors: str, send: Send | None = None) -> tuple[CreateEmbeddingResponse, list[int]]:
    """What comes of a request, and the size of each batch that was sent."""
    sent: list[int] = []

    async def taken(part: Request) -> CreateEmbeddingResponse:
        sent.append(len(part["input"]))
        # The batches end in another order than they began.
        await asyncio.sleep(0.02 / len(sent))
        return answer(part["input"])

    result = asyncio.run(embedding.embed({"model": "m", "input": inputs}, vendors, None, send or taken))
    return result, sent


@pytest.mark.parametrize(
    ("vendor", "batches"), [("cohere", [96, 96, 58]), ("gemini", [100, 100, 50]), ("openai", [250])]
)
def test_batches_by_count_keep_the_order(vendor: str, batches: list[int]) -> None:
    result, sent = run([str(number) for number in range(250)], vendor)
    assert sent == batches
    assert [row.index for row in result.data] == list(range(250))
    assert [row.embedding for row in result.data] == [[float(number)] for number in range(250)]
    assert result.usage.prompt_tokens == 250
    served = result.litellm  # type: ignore[attr-defined]
    assert (served["cost_usd"], served["retries"], served["model_id"]) == (0.5 * len(batches), len(batches), "d")


def test_the_narrowest_of_several_vendors_counts() -> None:
    assert run([str(number) for number in range(100)], "openai", "cohere")[1] == [96, 4]


def test_batches_by_tokens() -> None:
    long = "1" * 400_000
    assert run([long, long, "2"], "openai")[1] == [1, 2]


def test_token_arrays_count_their_tokens() -> None:
    async def send(part: Request) -> CreateEmbeddingResponse:
        sent.append(len(part["input"]))
        return answer([tokens[0] for tokens in part["input"]])

    sent: list[int] = []
    run([[1] * 200_000, [2] * 200_000], "openai", send=send)
    assert sent == [1, 1]


@pytest.mark.parametrize("inputs", ["7", [1, 2, 3]])
def test_one_text_or_one_token_array_is_not_cut(inputs: Any) -> None:
    async def send(part: Request) -> CreateEmbeddingResponse:
        assert part["input"] == inputs
        return answer(["1"])

    assert len(run(inputs, "cohere", send=send)[0].data) == 1


def test_at_most_eight_are_under_way() -> None:
    under_way, most = 0, 0

    async def send(part: Request) -> CreateEmbeddingResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return answer(part["input"])

    run([str(number) for number in range(96 * 20)], "cohere", send=send)
    assert most == 8


def test_a_failing_batch_fails_the_call_with_its_range() -> None:
    given_up = []

    async def send(part: Request) -> CreateEmbeddingResponse:
        if "100" in part["input"]:
            raise RateLimited("slow down.", model="m", retry_after=7)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            given_up.append(part["input"][0])
            raise
        return answer(part["input"])

    with pytest.raises(RequestError) as caught:
        run([str(number) for number in range(250)], "cohere", send=send)
    assert str(caught.value) == "Inputs 96 to 191 of 250: slow down."
    assert (caught.value.status_code, caught.value.retry_after) == (429, 7)
    assert sorted(given_up) == ["0", "192"]


def test_nothing_to_embed() -> None:
    with pytest.raises(InvalidRequest, match="`input` is empty"):
        run([], "openai")


def test_a_vector_of_the_wrong_size() -> None:
    embedding.check_size(answer(["1"]), model="m", expected=1)
    embedding.check_size(answer(["1"]), model="m", expected=None)
    with pytest.raises(BadGateway, match="expected vectors of 3 numbers, found 1"):
        embedding.check_size(answer(["1"]), model="m", expected=3)
