"""An engine whose every call leaves a record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ..caller import Caller
from ..catalog import Catalog
from ..config import UsageSettings
from ..engines import Engine, Ranking, Stream
from ..engines.base import Changed, Request
from ..engines.messages import Message
from . import metrics
from .call import Api, Call
from .ledger import Ledger
from .record import Record


class RecordingEngine:
    """Serves as ``engine`` does, and hands every call to the ledger and the metrics when it has ended."""

    def __init__(self, engine: Engine, settings: UsageSettings) -> None:
        """Raises ConfigError for a database that cannot be used."""
        self._engine = engine
        self._ledger = Ledger(settings, engine.redact) if settings.enabled else None
        self._models: Catalog | None = None

    # Life cycle

    async def start(self, changed: Changed) -> None:
        """Get the engine ready, and begin to write."""
        if self._ledger is not None:
            self._ledger.start()
        await self._engine.start(changed)

    async def catalog(self) -> Catalog:
        self._models = await self._engine.catalog()
        return self._models

    def trouble(self) -> str | None:
        return self._engine.trouble()

    def sources(self) -> tuple[Path, ...]:
        return self._engine.sources()

    async def reload(self) -> None:
        await self._engine.reload()

    def redact(self, text: str) -> str:
        return self._engine.redact(text)

    async def close(self) -> None:
        """Close the engine, then count and write what still waits."""
        try:
            await self._engine.close()
        finally:
            await asyncio.sleep(metrics.MOMENT)
            if self._ledger is not None:
                await self._ledger.close()

    # Calls

    async def chat(self, request: Request, caller: Caller) -> ChatCompletion:
        return await self._recorded(self._engine.chat(request, caller), "chat", request, caller)

    async def chat_stream(self, request: Request, caller: Caller) -> Stream[ChatCompletionChunk]:
        return await self._watched(self._engine.chat_stream(request, caller), "chat", request, caller)

    async def complete(self, request: Request, caller: Caller) -> Completion:
        return await self._recorded(self._engine.complete(request, caller), "completion", request, caller)

    async def complete_stream(self, request: Request, caller: Caller) -> Stream[Completion]:
        return await self._watched(self._engine.complete_stream(request, caller), "completion", request, caller)

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        return await self._recorded(self._engine.embed(request, caller), "embedding", request, caller)

    async def rerank(self, request: Request, caller: Caller) -> Ranking:
        return await self._recorded(self._engine.rerank(request, caller), "rerank", request, caller)

    async def messages(self, request: Request, caller: Caller) -> Message:
        return await self._recorded(self._engine.messages(request, caller), "messages", request, caller)

    async def messages_stream(self, request: Request, caller: Caller) -> Stream[Message]:
        return await self._watched(self._engine.messages_stream(request, caller), "messages", request, caller)

    async def count_tokens(self, request: Request, caller: Caller) -> int:
        """Nothing is asked of a model, and nothing recorded."""
        return await self._engine.count_tokens(request, caller)

    async def _recorded[Answer](self, work: Awaitable[Answer], api: Api, request: Request, caller: Caller) -> Answer:
        record = self._begin(api, request, caller, stream=False)
        try:
            answer = await work
        except BaseException as exc:
            record.failed(exc)
            raise
        record.answered(answer)
        return answer

    async def _watched[Chunk](
        self, work: Awaitable[Stream[Chunk]], api: Api, request: Request, caller: Caller
    ) -> Stream[Chunk]:
        record = self._begin(api, request, caller, stream=True)
        try:
            stream = await work
        except BaseException as exc:
            record.failed(exc)
            raise
        stream.watch(record)
        return stream

    def _begin(self, api: Api, request: Request, caller: Caller, *, stream: bool) -> Record:
        model = request["model"]
        call = Call.of(api, model, caller, stream=stream)
        call.is_listed = self._models is not None and model in self._models.entries
        return Record(call, self._ledger, request)
