"""Text completions: at the vendor's own endpoint where there is one, over pooled connections.

LiteLLM makes a chat of every text completion, except for those of ``openai/…`` models that it does not know.
And it builds a client, with its TLS context and connections, for every one that stays a text completion,
and leaves it open; it takes a client that is passed in: here the one that it keeps for chat completions of
the same vendor and key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import litellm
import litellm.main
from litellm.llms.openai.completion.handler import OpenAITextCompletion
from litellm.llms.openai.openai import OpenAIChatCompletion

from ..patching import replace
from .parameters import ONE_PROMPT, TAKE_MANY_PROMPTS, TEXT_SERVERS

_CLIENT_PARAMETERS = ("api_key", "api_base", "timeout", "max_retries", "organization")
VENDOR = "text-completion-openai"
"""LiteLLM's name of OpenAI's text endpoint, wherever it is."""


def install() -> None:
    """Make LiteLLM's text completions reach the text endpoint, and use its pooled clients.

    ``litellm.main.openai_text_completions`` is a private name; a test fails when it goes, or when LiteLLM
    pools by itself. The other is public; a test fails when LiteLLM finds the endpoint by itself.
    """
    if not isinstance(litellm.main.openai_text_completions, _PooledTextCompletion):
        litellm.main.openai_text_completions = _PooledTextCompletion()  # type: ignore[misc]
    replace(litellm, "atext_completion", _at_text_endpoint)


def _at_text_endpoint(original: Any) -> Any:
    async def atext_completion(**kwargs: Any) -> Any:
        return await original(**_to_text_endpoint(kwargs))

    return atext_completion


def _to_text_endpoint(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The call of a deployment, aimed at its vendor's text endpoint, if it has one.

    Raises litellm.BadRequestError for several prompts that would become one chat.
    """
    given = {"custom_llm_provider": kwargs.get("custom_llm_provider"), "api_base": kwargs.get("api_base")}
    model, vendor, key, base = litellm.get_llm_provider(kwargs["model"], **given)
    if has_endpoint(vendor, model, kwargs.get("model_info")):
        key, base = kwargs.get("api_key") or key, kwargs.get("api_base") or base
        kwargs = {**kwargs, "model": f"{VENDOR}/{model}", "api_base": base, "api_key": key}
        kwargs.pop("custom_llm_provider", None)
        return kwargs
    prompt = kwargs["prompt"]
    if vendor in TAKE_MANY_PROMPTS or isinstance(prompt, str):
        return kwargs
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return {**kwargs, "prompt": prompt[0]}
    raise litellm.BadRequestError(ONE_PROMPT, model=model, llm_provider=vendor)


def has_endpoint(vendor: str, model: str, model_info: Mapping[str, Any] | None) -> bool:
    """Whether a deployment has OpenAI's endpoint for text completions; ``vendor`` is LiteLLM's name.

    A model that LiteLLM knows from OpenAI's chats has not, unless ``model_info`` of the config says
    ``mode: completion``.
    """
    if vendor == "openai":
        return (model_info or {}).get("mode") == "completion" or model not in litellm.open_ai_chat_completion_models
    return vendor in TEXT_SERVERS or vendor == VENDOR


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
