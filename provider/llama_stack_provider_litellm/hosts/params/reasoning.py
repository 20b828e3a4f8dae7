"""Answers with the model's reasoning beside them, as the Responses API asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ..closable import Closable
from ..installed import api
from .refusals import closing

_api = api()


def whole(answer: ChatCompletion) -> Any:
    """An answer, and its reasoning."""
    return _api.OpenAIChatCompletionWithReasoning(
        completion=answer, reasoning_content=_of(answer.choices[0].message) if answer.choices else None
    )


async def chunks(stream: Closable[ChatCompletionChunk]) -> AsyncIterator[Any]:
    """The chunks, each with its piece of the reasoning."""
    async with aclosing(closing(stream)) as closed:  # type: ignore[type-var]
        async for chunk in closed:
            yield _api.OpenAIChatCompletionChunkWithReasoning(
                chunk=chunk, reasoning_content=_of(chunk.choices[0].delta) if chunk.choices else None
            )


def _of(holder: Any) -> str | None:
    text = getattr(holder, "reasoning_content", None)
    return text if isinstance(text, str) and text else None
