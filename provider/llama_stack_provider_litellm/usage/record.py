"""A call on its way: what is seen of it becomes its record."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

from openai import BaseModel

from ..engines import Ranking
from ..engines.base import Request
from ..engines.messages import Message
from ..engines.served import Served, together, vendor_in
from ..errors import RequestError
from . import metrics
from .audit import Pieces
from .call import LEFT, Call
from .ledger import Ledger

logger = logging.getLogger(__name__)


class Record:
    """Is told of a call's answer or failure; as a stream's watcher it sees the chunks.

    Nothing that it meets, whatever a vendor writes into an answer, fails the call: then there is no record, and that is
    counted.
    """

    def __init__(self, call: Call, ledger: Ledger | None, request: Request) -> None:
        self._call = call
        self._ledger = ledger
        self._pieces: Pieces | None = None
        self._last: Any = None
        self._audits = ledger is not None and ledger.audits
        if self._audits:
            call.question = request
            self._pieces = Pieces() if call.stream else None

    def answered(self, answer: Any) -> None:
        """The call has its answer."""

        def told() -> None:
            _count(self._call, answer)
            self._call.answer = answer if self._audits and self._call.api != "embedding" else None

        self._end(told)

    def failed(self, exc: BaseException) -> None:
        """The call has failed, or its caller does not wait for it any more."""
        self._end(lambda: self._fail(exc))

    def chunk(self, chunk: Any) -> None:
        """One more chunk of the stream."""
        call = self._call
        call.chunks += 1
        self._last = chunk
        if call.first_token_seconds is None and _says_something(chunk):
            call.first_token_seconds = time.perf_counter() - call.began
        if self._pieces is not None:
            try:
                self._pieces.add(chunk)
            except Exception as exc:  # whatever a vendor writes into a chunk
                self._pieces = None
                logger.warning("Usage records: a stream of '%s' cannot be kept for audit: %r", call.model, exc)

    def ended(self, error: Exception | None, *, whole: bool, served: Served | None) -> None:
        """No more chunk comes."""

        def told() -> None:
            call = self._call
            call.answer = self._pieces
            if served is not None:
                _take_in(call, served)
            if self._last is not None:
                _count(call, self._last)
            if error is not None:
                self._fail(error)
            # Who has had the last chunk, which tells the cost, has had all.
            elif not whole and getattr(self._last, "litellm", None) is None:
                call.status, call.error = LEFT, "left"

        self._end(told)

    def _fail(self, exc: BaseException) -> None:
        call = self._call
        if isinstance(exc, RequestError):
            call.status, call.error = exc.status_code, exc.code
            call.engine = exc.served_by or call.engine
            if call.deployment is None:
                call.deployment, call.vendor = exc.deployment, vendor_in(exc.deployment)
            call.retries = exc.retries if call.retries is None else call.retries
            _count_parts(call, exc)
            if self._audits and call.answer is None:
                call.answer = exc.message
        elif isinstance(exc, Exception):
            # None of ours, and so a defect of ours.
            call.status, call.error = 500, "internal_error"
        else:
            call.status, call.error = LEFT, "left"

    def _end(self, told: Callable[[], None]) -> None:
        call = self._call
        call.duration_seconds = time.perf_counter() - call.began
        try:
            told()
            # Not now, when the answer waits: OpenTelemetry takes several times as long as all the rest of a record.
            asyncio.get_running_loop().call_later(metrics.MOMENT, metrics.ended, call)
            if self._ledger is not None:
                self._ledger.record(call)
        except Exception as exc:  # whatever a vendor writes into an answer
            logger.warning("Usage records: what a call of '%s' took cannot be read: %r", call.model, exc)
            if self._ledger is not None:
                self._ledger.lose(call, f"what it took could not be read: {exc!r}")


def _count(call: Call, answer: Any) -> None:
    """Take in what an answer, a part of one or a last chunk says of itself."""
    about = getattr(answer, "litellm", None)
    if isinstance(about, Served):
        _take_in(call, about)
    model = getattr(answer, "model", None)
    call.response_model = model if isinstance(model, str) else call.response_model
    if isinstance(answer, Ranking):
        call.input_tokens = _number(answer.tokens)
    elif (usage := getattr(answer, "usage", None)) is not None:
        _add_tokens(call, usage)


def _count_parts(call: Call, exc: RequestError) -> None:
    """Take in the parts of an answer that came before the failure. Their cost is known when that of all is."""
    for part in exc.answered:
        _add_tokens(call, part.usage)
    if exc.answered:
        call.chunks = len(exc.answered)
        _take_in(call, together([part.litellm for part in exc.answered]))


def _take_in(call: Call, about: Served) -> None:
    call.engine = about["served_by"]
    call.call_id = about["call_id"]
    call.deployment, call.vendor = about.deployment, about.vendor
    call.retries, call.fallbacks = about["retries"], about["fallbacks"]
    call.cache_hit = about["cache_hit"]
    call.cost_usd = about["cost_usd"]
    if call.cost_usd is None:
        call.cost_source = "unknown"
    else:
        call.cost_source = "cache" if call.cache_hit else "proxy" if call.engine == "proxy" else "litellm"


def _add_tokens(call: Call, usage: Any) -> None:
    inputs, outputs = _of(usage, "prompt_tokens_details"), _of(usage, "completion_tokens_details")
    for name, told in (
        ("input_tokens", _of(usage, "prompt_tokens")),
        ("output_tokens", _of(usage, "completion_tokens")),
        ("cached_tokens", _of(inputs, "cached_tokens")),
        ("reasoning_tokens", _of(outputs, "reasoning_tokens")),
    ):
        if (number := _number(told)) is not None:
            setattr(call, name, (getattr(call, name) or 0) + number)


def _of(holder: Any, name: str) -> Any:
    """A value of one of the SDK's objects, or of plain data where a vendor's form fits none of them."""
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)


def _number(value: Any) -> int | None:
    counts = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if counts else None


def _says_something(chunk: BaseModel | Message) -> bool:
    if isinstance(chunk, Message):
        return chunk.data.get("type") == "content_block_delta"
    for choice in getattr(chunk, "choices", None) or ():
        delta = getattr(choice, "delta", choice)
        if any(getattr(delta, name, None) for name in ("content", "text", "tool_calls", "reasoning_content")):
            return True
    return False
