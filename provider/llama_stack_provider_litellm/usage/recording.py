"""An engine whose every call leaves a record."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ..caller import Caller
from ..catalog import Catalog
from ..config import UsageSettings
from ..engines import Engine, Ranking, Stream
from ..engines.base import Changed, Request
from ..engines.served import Served, vendor_in
from ..errors import RequestError
from . import metrics
from .call import LEFT, Api, Call
from .ledger import Ledger


class RecordingEngine:
    """Serves as ``engine`` does, and hands every call to the ledger and the metrics when it has ended."""

    def __init__(self, engine: Engine, settings: UsageSettings) -> None:
        """Raises ConfigError for a database that cannot be used."""
        self._engine = engine
        self._ledger = Ledger(settings, engine.redact) if settings.enabled else None

    # Life cycle

    async def start(self, changed: Changed) -> None:
        """Get the engine ready, and begin to write."""
        if self._ledger is not None:
            self._ledger.start()
        await self._engine.start(changed)

    async def catalog(self) -> Catalog:
        return await self._engine.catalog()

    def trouble(self) -> str | None:
        return self._engine.trouble()

    def sources(self) -> tuple[Path, ...]:
        return self._engine.sources()

    async def reload(self) -> None:
        await self._engine.reload()

    def redact(self, text: str) -> str:
        return self._engine.redact(text)

    async def close(self) -> None:
        """Close the engine, then write what still waits."""
        try:
            await self._engine.close()
        finally:
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

    async def _recorded[Answer](self, work: Awaitable[Answer], api: Api, request: Request, caller: Caller) -> Answer:
        record = _Record(Call.of(api, request["model"], caller, stream=False), self._ledger, request)
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
        record = _Record(Call.of(api, request["model"], caller, stream=True), self._ledger, request)
        try:
            stream = await work
        except BaseException as exc:
            record.failed(exc)
            raise
        stream.watch(record)
        return stream


class _Record:
    """A call on its way; as a stream's watcher it sees the chunks."""

    def __init__(self, call: Call, ledger: Ledger | None, request: Request) -> None:
        self._call = call
        self._ledger = ledger
        self._audits = ledger is not None and ledger.audits
        self._chunks: list[Any] = []
        self._last: Any = None
        if self._audits:
            call.question = request

    def answered(self, answer: Any) -> None:
        """The call has its answer."""
        _count(self._call, answer)
        self._call.answer = answer if self._audits and self._call.api != "embedding" else None
        self._end()

    def failed(self, exc: BaseException) -> None:
        """The call has failed, or its caller does not wait for it any more."""
        call = self._call
        if isinstance(exc, RequestError):
            call.status, call.error = exc.status_code, exc.code
            call.engine = exc.served_by or call.engine
            if call.deployment is None:
                call.deployment, call.vendor = exc.deployment, vendor_in(exc.deployment)
            call.retries = exc.retries if call.retries is None else call.retries
            for part in exc.answered:
                _count(call, part)
            if self._audits and call.answer is None:
                call.answer = exc.message
        elif isinstance(exc, Exception):
            # None of ours, and so a defect of ours.
            call.status, call.error = 500, "internal_error"
        else:
            call.status, call.error = LEFT, "left"
        self._end()

    def chunk(self, chunk: Any) -> None:
        """One more chunk of the stream."""
        call = self._call
        call.chunks += 1
        self._last = chunk
        if call.first_token_seconds is None and _says_something(chunk):
            call.first_token_seconds = time.perf_counter() - call.began
        if self._audits:
            self._chunks.append(chunk)

    def ended(self, error: Exception | None, *, whole: bool, served: Served | None) -> None:
        """No more chunk comes."""
        call = self._call
        if self._audits:
            call.answer = self._chunks
        if served is not None:
            _take_in(call, served)
        if self._last is not None:
            _count(call, self._last)
        if error is not None:
            self.failed(error)
            return
        # Who has had the last chunk, which tells the cost, has had all.
        if not whole and getattr(self._last, "litellm", None) is None:
            call.status, call.error = LEFT, "left"
        self._end()

    def _end(self) -> None:
        call = self._call
        call.duration_seconds = time.perf_counter() - call.began
        metrics.ended(call)
        if self._ledger is not None:
            self._ledger.record(call)


def _count(call: Call, answer: Any) -> None:
    """Take in what an answer, a part of one or a last chunk says of itself."""
    about = getattr(answer, "litellm", None)
    if isinstance(about, Served):
        _take_in(call, about)
    call.response_model = getattr(answer, "model", None) or call.response_model
    if isinstance(answer, Ranking):
        call.input_tokens = answer.tokens
    elif (usage := getattr(answer, "usage", None)) is not None:
        _add_tokens(call, usage)


def _take_in(call: Call, about: Served) -> None:
    call.engine = about["served_by"]
    call.call_id = about["call_id"]
    call.deployment, call.vendor = about.deployment, about.vendor
    call.retries, call.fallbacks = about["retries"], about["fallbacks"]
    call.cache_hit = about["cache_hit"]
    if (cost := about["cost_usd"]) is not None:
        call.cost_usd = (call.cost_usd or 0.0) + cost
        call.cost_source = "cache" if call.cache_hit else "proxy" if call.engine == "proxy" else "litellm"


def _add_tokens(call: Call, usage: Any) -> None:
    inputs, outputs = getattr(usage, "prompt_tokens_details", None), getattr(usage, "completion_tokens_details", None)
    for name, told in (
        ("input_tokens", usage.prompt_tokens),
        ("output_tokens", getattr(usage, "completion_tokens", None)),
        ("cached_tokens", getattr(inputs, "cached_tokens", None)),
        ("reasoning_tokens", getattr(outputs, "reasoning_tokens", None)),
    ):
        if told is not None:
            setattr(call, name, (getattr(call, name) or 0) + told)


def _says_something(chunk: Any) -> bool:
    for choice in chunk.choices:
        delta = getattr(choice, "delta", choice)
        if getattr(delta, "content", None) or getattr(delta, "text", None) or getattr(delta, "tool_calls", None):
            return True
        if getattr(delta, "reasoning_content", None):
            return True
    return False
