"""The demo models as a LiteLLM custom provider: `demo/chat`, `demo/guard`, `demo/judge`, `demo/embedding`.

A LiteLLM config names it as `llama_stack_provider_litellm.demo.handler.demo`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

from litellm import CustomLLM, EmbeddingResponse, ModelResponse, Usage
from litellm.llms.custom_llm import CustomLLMError
from litellm.types.utils import Choices, GenericStreamingChunk, Message

from . import lexical, script

MAX_DIMENSION = 4096
"""The longest vector that a caller can ask for."""


class DemoModels(CustomLLM):
    """Answers by :mod:`.script`; LiteLLM calls it with keywords only.

    Raises:
        CustomLLMError: 404 for a model that is none of the demo models, 400 for an impossible dimension.
    """

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """A whole answer."""
        reply, response = _reply(kwargs), kwargs["model_response"]
        calls = [_tool_call(call) for call in reply.tool_calls]
        response.model = kwargs["model"]
        response.choices = [
            Choices(
                finish_reason=reply.finish_reason,
                message=Message(content=None if calls else reply.text, role="assistant", tool_calls=calls or None),
            )
        ]
        response.usage = Usage.model_validate(_usage(reply))
        return response  # type: ignore[no-any-return]

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """As :meth:`completion`."""
        return self.completion(*args, **kwargs)

    def streaming(self, *args: Any, **kwargs: Any) -> Iterator[GenericStreamingChunk]:
        """An answer word by word; the last chunk has the usage."""
        return _chunks(_reply(kwargs))

    # litellm declares a coroutine and iterates over what it gets without awaiting it.
    async def astreaming(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[GenericStreamingChunk]:
        """As :meth:`streaming`."""
        for chunk in _chunks(_reply(kwargs)):
            yield chunk
            # A scripted answer never waits for anything: give other requests their turn.
            await asyncio.sleep(0)

    def embedding(self, *args: Any, **kwargs: Any) -> EmbeddingResponse:
        """One vector per input text, of 256 floats unless `dimensions` says otherwise."""
        if kwargs["model"] != "embedding":
            raise _unknown(kwargs["model"])
        dimension = _dimension(kwargs)
        given = kwargs["input"]
        texts = [_text(item) for item in ([given] if isinstance(given, str) else given)]
        response = kwargs["model_response"]
        response.model = kwargs["model"]
        response.data = [
            {"object": "embedding", "index": at, "embedding": lexical.embed(text, dimension)}
            for at, text in enumerate(texts)
        ]
        used = sum(len(text.split()) for text in texts)
        response.usage = Usage(prompt_tokens=used, completion_tokens=0, total_tokens=used)
        return response  # type: ignore[no-any-return]

    async def aembedding(self, *args: Any, **kwargs: Any) -> EmbeddingResponse:
        """As :meth:`embedding`."""
        return self.embedding(*args, **kwargs)


def _reply(kwargs: dict[str, Any]) -> script.Reply:
    if kwargs["model"] not in script.MODELS:
        raise _unknown(kwargs["model"])
    return script.reply(kwargs["model"], kwargs["messages"], kwargs["optional_params"])


def _chunks(reply: script.Reply) -> Iterator[GenericStreamingChunk]:
    for piece in script.pieces(reply.text):
        yield _chunk(text=piece)
    for index, call in enumerate(reply.tool_calls):
        opening = _tool_call(call) | {"index": index}
        opening["function"]["arguments"] = ""
        yield _chunk(tool_use=opening)
        for piece in script.pieces(call.arguments):
            function = {"name": None, "arguments": piece}
            yield _chunk(tool_use={"id": None, "type": "function", "index": index, "function": function})
    yield _chunk(finish_reason=reply.finish_reason, usage=_usage(reply))


def _chunk(
    text: str = "",
    tool_use: dict[str, Any] | None = None,
    finish_reason: str = "",
    usage: dict[str, int] | None = None,
) -> GenericStreamingChunk:
    return {
        "text": text,
        "tool_use": tool_use,  # type: ignore[typeddict-item]
        "is_finished": bool(finish_reason),
        "finish_reason": finish_reason,
        "usage": usage,  # type: ignore[typeddict-item]
        "index": 0,
    }


def _tool_call(call: script.ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{uuid4().hex}", "type": "function", "function": function}


def _usage(reply: script.Reply) -> dict[str, int]:
    used, made = reply.prompt_tokens, reply.completion_tokens
    return {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}


def _dimension(kwargs: dict[str, Any]) -> int:
    # litellm 1.106 hands a custom provider no `dimensions`: it refuses them, or drops them where the config
    # says so (additional_drop_params). Only the request's caching handler still has what the caller wrote.
    cache = getattr(kwargs.get("logging_obj"), "llm_caching_handler", None)
    asked = kwargs["optional_params"].get("dimensions") or getattr(cache, "request_kwargs", {}).get("dimensions")
    if asked is None:
        return lexical.DIMENSION
    if not isinstance(asked, int) or not 1 <= asked <= MAX_DIMENSION:
        raise CustomLLMError(400, f"demo/embedding: dimensions must be 1 to {MAX_DIMENSION}, not {asked!r}.")
    return asked


def _text(item: Any) -> str:
    """One input: a text, or tokens, of which each counts as a word."""
    if isinstance(item, str):
        return item
    return " ".join(map(str, item)) if isinstance(item, list) else str(item)


def _unknown(model: str) -> CustomLLMError:
    known = ", ".join(f"demo/{name}" for name in (*script.MODELS, "embedding"))
    return CustomLLMError(404, f"There is no demo model demo/{model}. There are: {known}.")


demo = DemoModels()
"""The instance that `custom_provider_map` names."""
