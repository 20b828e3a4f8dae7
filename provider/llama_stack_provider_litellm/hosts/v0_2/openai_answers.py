"""OpenAI answers in the form that the host can store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from llama_stack.apis.inference import OpenAITokenLogProb, OpenAITopLogProb
from openai.types import Completion, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionTokenLogprob
from openai.types.chat.chat_completion_token_logprob import TopLogprob

from ..closable import Closable


class _TopLogProb(TopLogprob, OpenAITopLogProb):
    """At home in an openai chunk and in the host's own types."""


class _TokenLogProb(ChatCompletionTokenLogprob, OpenAITokenLogProb):  # type: ignore[misc]
    """The same for the token that stands above it."""


def counted[Answer: (ChatCompletion, Completion)](answer: Answer) -> Answer:
    """The answer with a usage. The host counts tokens without looking whether the vendor told any, and would
    make a 500 of an answer that is paid for."""
    if answer.usage is None:
        answer.usage = CompletionUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    return answer


async def closing[Chunk](chunks: Closable[Chunk]) -> AsyncIterator[Chunk]:
    """The chunks, as a generator: the host drops what it does not read to the end, and a generator then closes."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk


async def storable(chunks: Closable[ChatCompletionChunk]) -> AsyncIterator[ChatCompletionChunk]:
    """The chunks, with log probabilities that the host's inference store takes.

    When a stream ends the host puts them into its own types, which refuse openai's.
    """
    async with aclosing(chunks):
        async for chunk in chunks:
            for choice in chunk.choices:
                if choice.logprobs is not None and choice.logprobs.content:
                    choice.logprobs.content = [_storable(token) for token in choice.logprobs.content]
            yield chunk


def _storable(token: ChatCompletionTokenLogprob) -> _TokenLogProb:
    top = [_TopLogProb.model_construct(**dict(seen)) for seen in token.top_logprobs or []]
    return _TokenLogProb.model_construct(**{**dict(token), "top_logprobs": top})
