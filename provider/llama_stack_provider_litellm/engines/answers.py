"""Answers as openai SDK types, from the plain data that an engine gets.

The hosts' own types leave fields out (``usage`` on a chunk, ``reasoning_content``); the openai SDK's models carry
everything. ``about`` is the ``litellm`` object of an answer (see :mod:`.served`); for a stream it is a function, since
only a finished stream knows, with its last usage, what it cost.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterable, AsyncIterator, Callable
from operator import methodcaller
from typing import Any

from openai import BaseModel
from openai.types import Completion, CreateEmbeddingResponse, Embedding
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.create_embedding_response import Usage
from pydantic import ValidationError

from ..errors import BadGateway
from . import vectors
from .base import Ranking, Reranked
from .served import Served

vectors.install()

Data = dict[str, Any]
_FLOAT = 4
"""Bytes of a number in OpenAI's base64."""
AboutStream = Callable[[Data], Served]

NO_ARGUMENTS = "{}"
"""The arguments of a tool call that needs none. Some vendors send an empty string, which is no JSON."""


def data_of(model: Any) -> Data:
    """What is in an answer of LiteLLM's. Without the None fields its own additions (provider_specific_fields …) leave
    no trace."""
    data: Data = model.model_dump(exclude_none=True)
    return data


def data_of_vectors(answer: Any) -> Data:
    """The same of embeddings, without a copy of every number."""
    rows = [dict(row) for row in answer.data or ()]
    return {**data_of(answer.model_copy(update={"data": None})), "data": rows}


def chat(data: Data, about: Served) -> ChatCompletion:
    """A chat completion."""
    for choice in _choices(data):
        for call in choice["message"].get("tool_calls") or ():
            call["function"]["arguments"] = call["function"].get("arguments") or NO_ARGUMENTS
    return _typed(ChatCompletion, {**data, "litellm": about})


async def chat_chunks(
    chunks: AsyncIterable[Data], about: AboutStream, *, usage_chunk: bool
) -> AsyncIterator[ChatCompletionChunk]:
    """The chunks of a chat, with the usage where readers look for it, and the ``litellm`` object beside it.

    LiteLLM sends the usage after the last choice. With ``usage_chunk`` (the caller asked for
    ``stream_options.include_usage``) it comes as OpenAI sends it, in a last chunk without choices.
    Else it rides on the last chunk that has a choice: a reader who did not ask for a chunk without
    choices need not expect one.
    """
    silent: dict[tuple[int, int], dict[str, Any]] = {}
    async for data in _with_usage(chunks, about, _says_something, apart=usage_chunk):
        for choice in data["choices"]:
            _give_arguments(choice, silent)
        yield _typed(ChatCompletionChunk, data)


def _give_arguments(choice: dict[str, Any], silent: dict[tuple[int, int], dict[str, Any]]) -> None:
    """Let the last chunk of a choice give its calls without arguments the empty ones that a reader can parse.

    ``silent`` are the calls of the stream that have had none so far, by choice and index.
    """
    delta = choice.setdefault("delta", {})
    for call in delta.get("tool_calls") or ():
        place = choice["index"], call["index"]
        if call.get("function", {}).get("arguments"):
            silent.pop(place, None)
        elif call.get("id"):
            silent[place] = call
    if choice.get("finish_reason"):
        for place in [place for place in silent if place[0] == choice["index"]]:
            call = silent.pop(place)
            if call in (delta.get("tool_calls") or ()):
                call["function"]["arguments"] = NO_ARGUMENTS
            else:
                rest = {"index": place[1], "function": {"arguments": NO_ARGUMENTS}}
                delta["tool_calls"] = [*(delta.get("tool_calls") or ()), rest]


def completion(data: Data, about: Served) -> Completion:
    """A text completion."""
    _choices(data)
    return _typed(Completion, {**data, "litellm": about})


async def completion_chunks(chunks: AsyncIterable[Data], about: AboutStream) -> AsyncIterator[Completion]:
    """The chunks of a text completion, with the usage, and the ``litellm`` object, on the last that has a choice."""
    async for data in _with_usage(_as_text(chunks), about, _says_text):
        for choice in data["choices"]:
            choice.setdefault("text", "")
        yield _typed(Completion, data)


async def _as_text(chunks: AsyncIterable[Data]) -> AsyncIterator[Data]:
    """A LiteLLM Proxy repeats a streamed text completion from its cache as the chunks of a chat."""
    async for data in chunks:
        for choice in data.get("choices", ()):
            if (delta := choice.pop("delta", None)) is not None:
                data["object"] = "text_completion"
                choice.setdefault("text", delta.get("content") or "")
        yield data


async def _with_usage(
    chunks: AsyncIterable[Data],
    about: AboutStream,
    says_something: Callable[[Data], bool],
    *,
    apart: bool = False,
) -> AsyncIterator[Data]:
    """The chunks that say something, and the usage on the last of them, or ``apart`` in one after it.

    Only a chunk that finishes a choice waits for its successor; text goes on at once.
    """
    held: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    usage: Any = None
    async for data in chunks:
        usage = data.pop("usage", None) or usage
        choices = data.get("choices", ())
        # `map`, for a generator takes longer than what it looks at, and chunks are many.
        if not any(map(says_something, choices)):
            continue
        last = data
        if held is not None:
            yield held
            held = None
        if any(map(_finish, choices)):
            held = data
        else:
            yield data
    told = about(usage or {})
    usage = usage and {key: value for key, value in usage.items() if key != "cost"}
    if held is not None:
        yield held if apart else {**held, "usage": usage, "litellm": told}
    if last is not None and (apart or (held is None and usage is not None)):
        yield {**last, "choices": [], "usage": usage, "litellm": told}


def embeddings(data: Data, about: Served, *, count: int, packed: bool = False) -> CreateEmbeddingResponse:
    """Embeddings in input order: as floats, or ``packed`` as OpenAI's base64 of little-endian float32.

    Raises BadGateway unless there are ``count`` vectors: a store would put the ones that there are beside
    the wrong texts.
    """
    found = data.get("data") or []
    if len(found) != count:
        raise BadGateway(f"The vendor answered {count} inputs with {len(found)} vectors.")
    vectors = [row["embedding"] for row in sorted(found, key=lambda row: row.get("index") or 0)]
    used = data.get("usage") or {}
    as_asked = _to_base64 if packed else _to_floats
    # Without validation: it would look at every number of every vector.
    return CreateEmbeddingResponse.model_construct(
        object="list",
        model=data.get("model") or "",
        data=[
            Embedding.model_construct(object="embedding", index=index, embedding=as_asked(vector))
            for index, vector in enumerate(vectors)
        ],
        usage=Usage(prompt_tokens=used.get("prompt_tokens", 0), total_tokens=used.get("total_tokens", 0)),
        litellm=about,
    )


def length(vector: list[float] | str) -> int:
    """Numbers in a vector of either form."""
    return len(vector.rstrip("=")) * 3 // 4 // _FLOAT if isinstance(vector, str) else len(vector)


def reranked(data: Data, about: Served) -> Ranking:
    """A rerank answer (the shape that Cohere, Jina and LiteLLM share), best first."""
    ranked = [Reranked(index=row["index"], score=row["relevance_score"]) for row in data.get("results") or []]
    told = data.get("meta") or {}
    used = told.get("tokens") or told.get("billed_units") or {}
    return Ranking(
        documents=sorted(ranked, key=lambda row: row.score, reverse=True),
        litellm=about,
        tokens=used.get("input_tokens", used.get("total_tokens")),
    )


def _choices(data: Data) -> list[Data]:
    if not data.get("choices"):
        raise BadGateway("The vendor's answer holds no choice.")
    choices: list[Data] = data["choices"]
    return choices


def _typed[Answer: BaseModel](kind: type[Answer], data: dict[str, Any]) -> Answer:
    try:
        return kind.model_validate(data)
    except ValidationError:
        # What a vendor invents in a field must not fail an answer that is already paid for.
        return kind.construct(**data)


_finish = methodcaller("get", "finish_reason")


def _says_something(choice: Data) -> bool:
    return bool(choice.get("finish_reason") or choice.get("logprobs") or any(choice.get("delta", {}).values()))


def _says_text(choice: Data) -> bool:
    return bool(choice.get("text") or choice.get("finish_reason"))


def _to_floats(vector: list[float] | str) -> list[float]:
    if isinstance(vector, str):
        raw = base64.b64decode(vector)
        return list(struct.unpack(f"<{len(raw) // _FLOAT}f", raw))
    return vector


def _to_base64(vector: list[float] | str) -> str:
    return vector if isinstance(vector, str) else base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
