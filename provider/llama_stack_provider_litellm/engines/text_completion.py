"""Pooled connections for text completions.

LiteLLM builds a client, with its TLS context and connections, for every text completion of an
OpenAI-shaped vendor, and leaves it open. It takes a client that is passed in: here the one that it keeps
for chat completions of the same vendor and key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import litellm.main
from litellm.llms.openai.completion.handler import OpenAITextCompletion
from litellm.llms.openai.openai import OpenAIChatCompletion

_CLIENT_PARAMETERS = ("api_key", "api_base", "timeout", "max_retries", "organization")


def install() -> None:
    """Make LiteLLM's text completions use its pooled clients.

    ``litellm.main.openai_text_completions`` is a private name; a test fails when it goes, or when LiteLLM
    pools by itself.
    """
    if not isinstance(litellm.main.openai_text_completions, _PooledTextCompletion):
        litellm.main.openai_text_completions = _PooledTextCompletion()  # type: ignore[misc]


class _PooledTextCompletion(OpenAITextCompletion):
    async def acompletion(self, *args: Any, **kwargs: Any) -> Any:
        return await super().acompletion(*args, **_with_pooled_client(kwargs))

    async def async_streaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async with aclosing(super().async_streaming(*args, **_with_pooled_client(kwargs))) as chunks:
            async for chunk in chunks:
                yield chunk


def _with_pooled_client(kwargs: dict[str, Any]) -> dict[str, Any]:
    if kwargs.get("client") is not None:
        return kwargs
    given = {name: kwargs[name] for name in _CLIENT_PARAMETERS if kwargs.get(name) is not None}
    return {**kwargs, "client": OpenAIChatCompletion()._get_openai_client(is_async=True, **given)}
