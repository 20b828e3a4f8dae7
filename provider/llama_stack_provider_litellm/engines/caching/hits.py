"""Answers from LiteLLM's cache, put right.

- The first hit imports a module of LiteLLM Proxy, which a base install cannot import
  (https://github.com/BerriAI/litellm/issues/42195): a stand-in takes its place.
- A text completion is replayed as a chat's stream, and reasoning is left out of a replayed stream.
- A stream that the vendor ended without a word is kept as if it were whole; one with several choices, or
  with log probabilities, is kept without them.
- Embeddings of which some came from the cache are called a hit, and free.
- What stores log for each failure is said once, by the guard.

All names are private ones of LiteLLM; tests fail when one goes, or when LiteLLM does better by itself.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

from litellm.caching.caching_handler import LLMCachingHandler
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices
from litellm.utils import TextCompletionStreamWrapper

from ...patching import replace
from .guard import in_operation

_MODULE = "litellm.llms.anthropic.pass_through.messages.response_cache"
_CLASSES = ("CachedAnthropicMessagesStreamIterator", "AnthropicMessagesStreamCacheWriter")
# What the module needs, by way of the proxy's modules.
_PROXY_PACKAGES = ("fastapi", "orjson", "soundfile")
# What LiteLLM does not put together again from chunks.
_NOT_REASSEMBLED = ("logprobs", "top_logprobs", "prompt_logprobs", "best_of", "echo")


def install() -> None:
    """Put LiteLLM right, once per process."""
    if _MODULE not in sys.modules and not all(importlib.util.find_spec(name) for name in _PROXY_PACKAGES):
        stand_in = ModuleType(_MODULE, "No Anthropic Messages here: see the package's engines.caching.hits.")
        for name in _CLASSES:
            # LiteLLM asks whether an answer is one of them; none ever is.
            setattr(stand_in, name, type(name, (), {}))
        sys.modules[_MODULE] = stand_in
    replace(CustomStreamWrapper, "async_cache_streaming_response", _only_whole_streams)
    replace(LLMCachingHandler, "_convert_cached_stream_response", _true_replay)
    replace(LLMCachingHandler, "combine_cached_embedding_response_with_api_result", _no_hit_in_part)
    filters = logging.getLogger("LiteLLM").filters
    if _not_of_a_guard not in filters:
        filters.append(_not_of_a_guard)


def _only_whole_streams(original: Any) -> Any:
    async def async_cache_streaming_response(self: Any, processed_chunk: Any, cache_hit: bool) -> None:
        finished = self.received_finish_reason or self.intermittent_finish_reason
        handler = self.logging_obj.llm_caching_handler
        asked = handler.request_kwargs if handler is not None else {}
        if finished and (asked.get("n") or 1) == 1 and not any(asked.get(name) for name in _NOT_REASSEMBLED):
            await original(self, processed_chunk, cache_hit)

    return async_cache_streaming_response


def _true_replay(original: Any) -> Any:
    def convert(self: Any, cached_result: dict[str, Any], call_type: str, logging_obj: Any, model: str) -> Any:
        as_text = "text" in call_type
        stream = original(self, cached_result, call_type, logging_obj, model)
        if as_text:
            stream.__class__ = _TextReplay
        elif reasoning := cached_result["choices"][0]["message"].get("reasoning_content"):
            stream.completion_stream = _with_reasoning(reasoning, stream.completion_stream)
        return stream

    return convert


def _no_hit_in_part(original: Any) -> Any:
    def combine(self: Any, *args: Any, **kwargs: Any) -> Any:
        combined = original(self, *args, **kwargs)
        answer = kwargs.get("embedding_response") or args[1]
        combined._hidden_params = {**answer._hidden_params, "cache_hit": False}
        return combined

    return combine


class _TextReplay(CustomStreamWrapper):
    """A replayed text completion, in its own chunks."""

    async def __anext__(self) -> Any:
        chunk: Any = await super().__anext__()
        return _AS_TEXT.convert_to_text_completion_object(chunk)


_AS_TEXT = TextCompletionStreamWrapper(None, "", {"include_usage": True})


async def _with_reasoning(reasoning: str, chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    delta = Delta(role="assistant", reasoning_content=reasoning)
    yield ModelResponseStream(choices=[StreamingChoices(index=0, delta=delta)])
    async for chunk in chunks:
        yield chunk


def _not_of_a_guard(record: logging.LogRecord) -> bool:
    return not in_operation()
