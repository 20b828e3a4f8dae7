"""Answers of Anthropic's Messages API (https://docs.anthropic.com/en/api/messages), and chats that become such.

A LiteLLM Proxy speaks it. The embedded router asks for a chat, as for every other call, with the routing, fallbacks and
budgets of one, and LiteLLM's own adapter translates both ways.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadGateway, InvalidRequest
from .base import Request
from .served import Served

Data = dict[str, Any]
LAST = "message_stop"
"""The type of a stream's last event."""


@dataclass(frozen=True, slots=True)
class Message:
    """An answer, or an event of a stream. ``data`` is Anthropic's form of it, with the ``litellm`` object in a whole
    answer and in a stream's last event; ``usage`` is OpenAI's form of the tokens, where they are told."""

    data: Data
    litellm: Served | None = None
    usage: Data | None = None

    @property
    def model(self) -> Any:
        """The model's name, as the vendor has it."""
        return self.data.get("model")


def message(data: Data, about: Served) -> Message:
    """A whole answer. Raises BadGateway for what is none."""
    if not isinstance(data.get("content"), list):
        raise BadGateway("The vendor's answer holds no content.")
    return Message({**data, "litellm": about}, about, _as_openai(data.get("usage")))


async def events(data: AsyncIterable[Data], about: Callable[[Data], Served]) -> AsyncIterator[Message]:
    """The events of a stream. ``about`` tells the ``litellm`` object of the last usage."""
    usage: Data = {}
    async for event in data:
        told = event["message"].get("usage") if event.get("type") == "message_start" else event.get("usage")
        usage.update({name: value for name, value in (told or {}).items() if value is not None})
        if event.get("type") == LAST:
            served = about({})
            yield Message({**event, "litellm": served}, served, _as_openai(usage))
        else:
            yield Message(event)


def _as_openai(usage: Mapping[str, Any] | None) -> Data | None:
    """OpenAI counts what came from a cache among the prompt's tokens, Anthropic beside them."""
    if not usage:
        return None
    cached = usage.get("cache_read_input_tokens") or 0
    return {
        "prompt_tokens": (usage.get("input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0) + cached,
        "completion_tokens": usage.get("output_tokens") or 0,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


class AsChat:
    """A request of the Messages API as a chat, and what comes of that as messages again. ``vendors_model`` is LiteLLM's
    ``vendor/model`` that will serve it, as far as is known: Claude takes more than others."""

    def __init__(self, request: Request, vendors_model: str) -> None:
        """Raises InvalidRequest for what cannot be said in a chat."""
        from litellm.llms.anthropic.pass_through.adapters.transformation import AnthropicAdapter

        self._adapter = AnthropicAdapter()
        self._model = request["model"]
        self.vendors_model = vendors_model
        try:
            chat, self._names = self._adapter.translate_completion_input_params_with_tool_mapping(
                {**request, "model": vendors_model}
            )
        except (AttributeError, LookupError, TypeError, ValueError) as exc:
            raise InvalidRequest(f"messages: {exc}") from None
        self.request: Request = {**dict(chat or {}), "model": self._model}

    def message(self, answer: Any, about: Served) -> Message:
        """LiteLLM's answer to the chat, as a message."""
        data = self._adapter.translate_completion_output_params(answer, tool_name_mapping=self._names)
        if data is None:
            raise BadGateway("The vendor's answer holds no choice.")
        return message({name: value for name, value in data.items() if name != "_hidden_params"}, about)

    async def events(self, chunks: AsyncIterable[Any], about: Callable[[Data], Served]) -> AsyncIterator[Message]:
        """LiteLLM's chunks of the chat, as the events of a message."""
        from litellm.llms.anthropic.pass_through.adapters.streaming_iterator import AnthropicStreamWrapper

        last: Data = {}

        async def seen() -> AsyncIterator[Any]:
            async for chunk in chunks:
                if (usage := getattr(chunk, "usage", None)) is not None:
                    # LiteLLM tells the cost with it.
                    last.update(usage.model_dump(exclude_none=True))
                yield chunk

        # It reads what can be read asynchronously, whatever its type says.
        stream: Any = seen()
        wrapper = AnthropicStreamWrapper(completion_stream=stream, model=self._model, tool_name_mapping=self._names)
        async for event in events(wrapper, lambda _: about(last)):
            yield event
