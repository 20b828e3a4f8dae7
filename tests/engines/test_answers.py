"""LiteLLM's answers as openai SDK types: nothing lost, the usage where readers look for it."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litellm.types.utils import (
    EmbeddingResponse,
    ModelResponse,
    ModelResponseStream,
    TextChoices,
    TextCompletionResponse,
    Usage,
)
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llama_stack_provider_litellm.engines import answers
from llama_stack_provider_litellm.engines.served import Served
from llama_stack_provider_litellm.errors import BadGateway

USAGE: dict[str, Any] = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def chunk(*choices: dict[str, Any], usage: Any = None) -> ModelResponseStream:
    whole = [{"index": 0, "delta": {}, "finish_reason": None, **choice} for choice in choices]
    parts: dict[str, Any] = {"id": "i", "created": 1, "model": "m", "choices": whole}
    return ModelResponseStream(**parts, **({} if usage is None else {"usage": usage}))


def says(text: str, index: int = 0) -> dict[str, Any]:
    return {"index": index, "delta": {"content": text}}


def ends(index: int = 0, reason: str = "stop") -> dict[str, Any]:
    return {"index": index, "finish_reason": reason}


def text_chunk(text: str | None, finish: str | None = None, usage: Any = None) -> TextCompletionResponse:
    """As LiteLLM's TextCompletionStreamWrapper makes them."""
    choices = [] if text is None else [TextChoices(index=0, text=text, finish_reason=finish)]
    made = TextCompletionResponse(id="i", created=1, model="m", choices=choices)
    if usage is not None:
        made.usage = Usage(**usage)
    return made


def data(answer: Any) -> dict[str, Any]:
    """An answer of LiteLLM's as the engines read it."""
    read: dict[str, Any] = answer.model_dump(exclude_none=True)
    return read


async def _feed(items: tuple[Any, ...]) -> AsyncIterator[dict[str, Any]]:
    for item in items:
        yield data(item)


def about(usage: Any) -> Served:
    """The ``litellm`` object, which is another module's business."""
    return Served(served_by="a test")


def stream(*chunks: Any, usage_chunk: bool = False) -> list[ChatCompletionChunk]:
    async def read() -> list[ChatCompletionChunk]:
        return [each async for each in answers.chat_chunks(_feed(chunks), about, usage_chunk=usage_chunk)]

    return asyncio.run(read())


def shape(chunks: list[Any]) -> list[tuple[list[int], bool]]:
    """Of each chunk: the indices of its choices, and whether it has the usage."""
    return [([choice.index for choice in each.choices], each.usage is not None) for each in chunks]


def test_chat() -> None:
    tool = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [tool], "reasoning_content": "because"}
    response = ModelResponse(
        id="i", model="m", choices=[{"index": 0, "finish_reason": "tool_calls", "message": message}], usage=USAGE
    )
    found = answers.chat(data(response), Served())
    assert isinstance(found, ChatCompletion)
    (choice,) = found.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert [call.to_dict() for call in choice.message.tool_calls or ()] == [tool]
    assert choice.message.to_dict()["reasoning_content"] == "because", "what the SDK's type does not know survives"
    assert found.usage is not None
    assert found.usage.total_tokens == 5
    assert answers.chat(data(response), Served()) is not found


def test_a_vendors_invention_does_not_fail_the_answer() -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
    response = ModelResponse(id="i", model="m", choices=[choice], usage=USAGE, service_tier="of its own")
    assert answers.chat(data(response), Served()).choices[0].message.content == "x"


def test_usage_rides_on_the_last_chunk_with_a_choice() -> None:
    found = stream(chunk(says("a")), chunk(says("b")), chunk(ends()), chunk(usage=USAGE))
    assert all(isinstance(each, ChatCompletionChunk) for each in found)
    assert shape(found) == [([0], False), ([0], False), ([0], True)]
    assert found[-1].choices[0].finish_reason == "stop"
    assert found[-1].usage is not None
    assert found[-1].usage.total_tokens == 5


def test_usage_in_a_chunk_of_its_own_when_asked() -> None:
    found = stream(chunk(says("a")), chunk(ends()), chunk(usage=USAGE), usage_chunk=True)
    assert shape(found) == [([0], False), ([0], False), ([], True)]


def test_usage_on_a_chunk_with_an_empty_choice() -> None:
    """As LiteLLM sends it after some vendors' streams."""
    found = stream(chunk(says("a")), chunk(ends()), chunk({}, usage=USAGE))
    assert shape(found) == [([0], False), ([0], True)]


def test_usage_that_grows_with_each_chunk_is_told_once() -> None:
    grown = [{**USAGE, "total_tokens": total} for total in (3, 4, 5)]
    found = stream(*(chunk(says("a"), usage=grown[0]), chunk(says("b"), usage=grown[1]), chunk(ends(), usage=grown[2])))
    assert shape(found) == [([0], False), ([0], False), ([0], True)]
    assert found[-1].usage is not None
    assert found[-1].usage.total_tokens == 5


def test_several_choices_end_one_after_the_other() -> None:
    parts = (chunk(says("a")), chunk(says("b", 1)), chunk(ends()), chunk(says("c", 1)), chunk(ends(1)))
    found = stream(*parts, chunk(usage=USAGE))
    assert shape(found) == [([0], False), ([1], False), ([0], False), ([1], False), ([1], True)]
    assert [each.choices[0].finish_reason for each in found] == [None, None, "stop", None, "stop"]


def test_a_stream_without_an_end_still_tells_its_usage() -> None:
    assert shape(stream(chunk(says("a")), chunk(usage=USAGE))) == [([0], False), ([], True)]


def test_no_usage_at_all_and_no_stream_at_all() -> None:
    assert shape(stream(chunk(says("a")), chunk(ends()))) == [([0], False), ([0], False)]
    assert stream() == []
    assert stream(chunk(usage=USAGE)) == []


def test_chunks_that_say_nothing_are_left_out() -> None:
    found = stream(chunk({}), chunk({"delta": {"role": "assistant", "content": ""}}), chunk(says("")), chunk(ends()))
    assert [each.choices[0].delta.role for each in found] == ["assistant", None]


def test_text_is_not_held_back() -> None:
    """A chunk that finishes nothing must not wait for its successor: a reader sees each word as it comes."""

    async def read() -> None:
        gate = asyncio.Event()

        async def slow() -> AsyncIterator[Any]:
            yield data(chunk(says("a")))
            await gate.wait()
            yield data(chunk(ends()))

        chunks = answers.chat_chunks(slow(), about, usage_chunk=False)
        assert (await asyncio.wait_for(anext(chunks), 5)).choices[0].delta.content == "a"
        gate.set()
        assert len([each async for each in chunks]) == 1

    asyncio.run(read())


def test_pieces_of_tool_calls_and_reasoning_arrive() -> None:
    piece = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    more = {"index": 0, "function": {"arguments": '": 1}'}}
    found = stream(
        chunk({"delta": {"reasoning_content": "hm"}}),
        *(chunk({"delta": {"tool_calls": [piece]}}), chunk({"delta": {"tool_calls": [more]}})),
        chunk(ends(reason="tool_calls")),
    )
    assert found[0].choices[0].delta.to_dict()["reasoning_content"] == "hm"
    pieces = [one for each in found for one in each.choices[0].delta.tool_calls or ()]
    assert "".join(one.function.arguments or "" for one in pieces if one.function) == '{"a": 1}'
    assert [one.id for one in pieces] == ["c1", None]


@pytest.mark.parametrize("at_the_end", [False, True], ids=["before the end", "with the end"])
def test_a_call_without_arguments_gets_empty_ones_at_the_end(at_the_end: bool) -> None:
    def call(index: int, arguments: str) -> dict[str, Any]:
        return {
            "index": index,
            "id": f"c{index}",
            "type": "function",
            "function": {"name": "f", "arguments": arguments},
        }

    calls = {"tool_calls": [call(0, '{"a":'), call(1, "")]}
    rest = {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}
    if at_the_end:
        chunks = [chunk({"delta": {"tool_calls": [call(0, '{"a":1}'), call(1, "")]}, "finish_reason": "tool_calls"})]
    else:
        chunks = [chunk({"delta": calls}), chunk({"delta": rest}), chunk(ends(reason="tool_calls"))]
    found = {0: "", 1: ""}
    for item in stream(*chunks):
        for part in item.choices[0].delta.tool_calls or ():
            assert part.function is not None
            found[part.index] += part.function.arguments or ""
    assert found == {0: '{"a":1}', 1: "{}"}


def test_completion() -> None:
    response = TextCompletionResponse(
        id="i",
        model="m",
        choices=[{"index": 0, "text": "hello", "finish_reason": "length", "logprobs": None}],
        usage=USAGE,
    )
    found = answers.completion(data(response), Served())
    assert isinstance(found, Completion)
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("hello", "length")
    assert found.usage is not None
    assert found.usage.total_tokens == 5


def test_completion_chunks() -> None:
    async def read() -> list[Completion]:
        parts = (text_chunk("a"), text_chunk(""), text_chunk("", "stop"), text_chunk(None, usage=USAGE))
        return [each async for each in answers.completion_chunks(_feed(parts), about)]

    found = asyncio.run(read())
    assert shape(found) == [([0], False), ([0], True)]
    assert [each.choices[0].text for each in found] == ["a", ""]


def test_completion_chunks_in_the_form_of_a_chats() -> None:
    """A LiteLLM Proxy's, of a stream that it has in its cache."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    parts: list[Any] = [
        {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a "}}]},
        {**chunk, "choices": [{"index": 0, "delta": {"content": "b"}}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**chunk, "choices": [{"index": 0, "delta": {}}], "usage": USAGE},
    ]

    async def sent() -> AsyncIterator[dict[str, Any]]:
        for part in parts:
            yield part

    async def read() -> list[Completion]:
        return [each async for each in answers.completion_chunks(sent(), about)]

    found = asyncio.run(read())
    assert [(each.object, each.choices[0].text) for each in found] == [
        ("text_completion", text) for text in ("a ", "b", "")
    ]
    assert [each.choices[0].finish_reason for each in found] == [None, None, "stop"]
    assert not any("delta" in each.choices[0].to_dict() for each in found)


def test_embeddings_are_in_the_order_of_the_inputs() -> None:
    rows = [{"object": "embedding", "index": i, "embedding": [float(i), 0.5]} for i in (2, 0, 1)]
    found = answers.embeddings(data(EmbeddingResponse(model="m", data=rows, usage=Usage(**USAGE))), Served(), count=3)
    assert isinstance(found, CreateEmbeddingResponse)
    assert [(row.index, row.embedding) for row in found.data] == [(i, [float(i), 0.5]) for i in (0, 1, 2)]
    assert (found.object, found.model) == ("list", "m")
    assert found.usage.to_dict() == {"prompt_tokens": 2, "total_tokens": 5}


@pytest.mark.parametrize("vector", [[], [0.0], [1.5, -2.25, math.pi]])
def test_both_forms_of_a_vector(vector: list[float]) -> None:
    text = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    for given in (vector, text):
        response = EmbeddingResponse(
            model="m", data=[{"object": "embedding", "index": 0, "embedding": given}], usage=Usage(**USAGE)
        )
        answer = answers.embeddings(data(response), Served(), count=1)
        assert answer.data[0].embedding == pytest.approx(vector)
        encoded: Any = answers.embeddings(data(response), Served(), count=1, packed=True).data[0].embedding
        assert encoded == text
        assert answers.length(given) == answers.length(encoded) == len(vector)


def test_vectors_that_are_missing_are_not_made_up_for() -> None:
    rows = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    response = EmbeddingResponse(model="m", data=rows, usage=Usage(**USAGE))
    with pytest.raises(BadGateway, match="2 inputs with 1 vectors"):
        answers.embeddings(data(response), Served(), count=2)


@pytest.mark.parametrize("convert", [answers.chat, answers.completion])
def test_an_answer_without_a_choice(convert: Any) -> None:
    with pytest.raises(BadGateway, match="no choice"):
        convert({"model": "m", "choices": []}, {})


def test_a_vector_that_is_missing_is_the_vendors_fault() -> None:
    row = {"object": "embedding", "index": 0, "embedding": [1.0]}
    for rows in ([], [row], [row] * 3):
        with pytest.raises(BadGateway, match=f"2 inputs with {len(rows)} vectors"):
            answers.embeddings(data(EmbeddingResponse(model="m", data=rows, usage=Usage(**USAGE))), Served(), count=2)


def test_an_answer_without_a_choice_is_the_vendors_fault() -> None:
    response = ModelResponse(id="i", model="m", choices=[], usage=USAGE)
    response.choices = []
    with pytest.raises(BadGateway, match="no choice"):
        answers.chat(data(response), Served())
