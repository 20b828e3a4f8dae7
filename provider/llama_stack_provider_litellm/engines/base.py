"""What the hosts ask of an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ..caller import Caller
from ..catalog import Catalog
from .served import Served
from .stream import Stream

if TYPE_CHECKING:
    from .messages import Message

Changed = Callable[[], None]
"""Called when an engine has found by itself that there are other models than before."""

Request = dict[str, Any]
"""An OpenAI request body. ``model`` is a name of the LiteLLM config. The host adapter builds it from
its own typed parameters, field by field, so that no field a caller invents gets in.

One field is not OpenAI's: ``greedy`` asks for temperature 0 of models that can be asked for it. Llama Stack
samples so where a caller says nothing, and some models take no temperature but their own.
"""


@dataclass(frozen=True, slots=True)
class Reranked:
    """One document's place in a rerank answer: its index in the request, and its relevance."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """A rerank answer: the documents, best first, the ``litellm`` object and the tokens, where they are told."""

    documents: list[Reranked]
    litellm: Served
    tokens: int | None = None


class Engine(Protocol):
    """One way to reach models. Every method raises errors.RequestError, and nothing else, for a
    request that fails; every call returns a fresh object."""

    async def start(self, changed: Changed) -> None:
        """Get ready to serve from the running event loop, so that no request has to wait for it."""

    async def catalog(self) -> Catalog:
        """The models there are. Raises errors.ConfigError when the configuration contradicts itself."""

    def trouble(self) -> str | None:
        """Why requests fail at the moment, or None."""

    def sources(self) -> tuple[Path, ...]:
        """The files that the models come from; when one changes, ``reload`` has to be called."""

    async def reload(self) -> None:
        """Read the models again. Raises errors.ConfigError, and goes on as before, when that fails."""

    async def chat(self, request: Request, caller: Caller) -> ChatCompletion:
        """A chat completion (OpenAI ``POST /v1/chat/completions``)."""

    async def chat_stream(self, request: Request, caller: Caller) -> Stream[ChatCompletionChunk]:
        """The same in chunks. The last chunk that holds a choice, or the one after it, holds the usage."""

    async def complete(self, request: Request, caller: Caller) -> Completion:
        """A text completion (OpenAI ``POST /v1/completions``)."""

    async def complete_stream(self, request: Request, caller: Caller) -> Stream[Completion]:
        """The same in chunks, with the usage in the last."""

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        """Embeddings, in the order of the inputs (OpenAI ``POST /v1/embeddings``)."""

    async def rerank(self, request: Request, caller: Caller) -> Ranking:
        """``documents`` by relevance to ``query``, best first, at most ``top_n``."""

    async def messages(self, request: Request, caller: Caller) -> Message:
        """An answer of Anthropic's Messages API (``POST /v1/messages``); ``request`` is a body of it."""

    async def messages_stream(self, request: Request, caller: Caller) -> Stream[Message]:
        """The same in events."""

    async def count_tokens(self, request: Request, caller: Caller) -> int:
        """The tokens of what ``messages`` would be asked (``POST /v1/messages/count_tokens``)."""

    def redact(self, text: str) -> str:
        """The text without the keys that the engine knows, and without what looks like one."""

    async def close(self) -> None:
        """Close every connection. The engine can be used again afterwards."""
