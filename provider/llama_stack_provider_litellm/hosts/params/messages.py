"""OGX's form of Anthropic's Messages API, of which a provider's answer goes to the client as it came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...engines.base import Request
from ...engines.messages import Message
from ..installed import api

_FIELDS = (
    *("messages", "max_tokens", "system", "tools", "tool_choice", "temperature", "top_p", "top_k", "stop_sequences"),
    *("thinking", "service_tier"),
)


class Event(BaseModel):
    """An event of a stream; the server writes it with its type."""

    model_config = ConfigDict(extra="allow")

    type: str


def request(params: Any, model: str) -> Request:
    """The body for the engine, field by field: the host's types hold no field that they do not know."""
    given = params.model_dump(include=set(_FIELDS), exclude_none=True)
    user = (getattr(params, "metadata", None) or {}).get("user_id")
    return {**given, "model": model, **({"metadata": {"user_id": user}} if user else {})}


def whole(answer: Message) -> Any:
    """An answer, of the host's type."""
    return _answer_type().model_construct(**answer.data)


async def events(chunks: AsyncIterator[Message]) -> AsyncIterator[Event]:
    """The events of a stream."""
    async for chunk in chunks:
        yield Event.model_construct(**chunk.data)


def counted(tokens: int) -> Any:
    """A number of tokens, of the host's type."""
    return api("messages.models").AnthropicCountTokensResponse(input_tokens=tokens)


@cache
def _answer_type() -> Any:
    """The host's type, which its batches ask for, with room for what it does not know."""
    host_type = api("messages.models").AnthropicMessageResponse
    return type("Answer", (host_type,), {"model_config": ConfigDict(extra="allow")})
