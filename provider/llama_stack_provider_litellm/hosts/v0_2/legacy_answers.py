"""OpenAI answers as Llama Stack's own chat and completion types, streamed and not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

from llama_stack.apis.common.content_types import TextDelta, ToolCallDelta, ToolCallParseStatus
from llama_stack.apis.inference import (
    ChatCompletionResponse,
    ChatCompletionResponseEvent,
    ChatCompletionResponseEventType,
    ChatCompletionResponseStreamChunk,
    CompletionMessage,
    CompletionResponse,
    CompletionResponseStreamChunk,
    TokenLogProbs,
)
from llama_stack.apis.telemetry import MetricInResponse
from llama_stack.models.llama.datatypes import StopReason, ToolCall
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageFunctionToolCall
from pydantic import ValidationError

from ..closable import Closable

_STOP_REASONS = {
    "stop": StopReason.end_of_turn,
    "tool_calls": StopReason.end_of_message,
    "function_call": StopReason.end_of_message,
    "length": StopReason.out_of_tokens,
}


class _Measured:
    """Keeps the upstream's token counts: the host's router would add its own estimates under the same
    names, so that a reader could not tell which is which."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "metrics" and getattr(self, "metrics", None):
            return
        super().__setattr__(name, value)


class _ChatResponse(_Measured, ChatCompletionResponse):
    pass


class _ChatChunk(_Measured, ChatCompletionResponseStreamChunk):
    pass


class _CompletionResponse(_Measured, CompletionResponse):
    pass


class _CompletionChunk(_Measured, CompletionResponseStreamChunk):
    pass


def chat(answer: ChatCompletion) -> ChatCompletionResponse:
    """The first choice of a chat completion."""
    choice = answer.choices[0]
    calls = [
        _tool_call(call.id, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls or []
        if isinstance(call, ChatCompletionMessageFunctionToolCall)
    ]
    return _ChatResponse(
        completion_message=CompletionMessage(
            content=choice.message.content or choice.message.refusal or "",
            stop_reason=_stop_reason(choice.finish_reason),
            tool_calls=calls,
        ),
        logprobs=_chat_logprobs(choice.logprobs),
        metrics=_metrics(answer.usage),
    )


async def chat_chunks(chunks: Closable[ChatCompletionChunk]) -> AsyncIterator[ChatCompletionResponseStreamChunk]:
    """The events of a streamed chat completion; closes ``chunks`` when they are left.

    Tool calls are shown as they grow (``in_progress``, as text) and given whole at the end (``succeeded``),
    one event per call, however the vendor cut and mixed their pieces.
    """
    calls = _GrowingCalls()
    stop_reason: StopReason | None = None
    usage: Any = None
    async with aclosing(chunks):
        yield _event(ChatCompletionResponseEventType.start, TextDelta(text=""))
        async for chunk in chunks:
            usage = chunk.usage or usage
            for choice in chunk.choices[:1]:
                if choice.finish_reason:
                    stop_reason = _stop_reason(choice.finish_reason)
                text, logprobs = choice.delta.content or choice.delta.refusal or "", _chat_logprobs(choice.logprobs)
                if text or logprobs:
                    yield _progress(TextDelta(text=text), logprobs)
                for piece in choice.delta.tool_calls or []:
                    if shown := calls.add(piece):
                        yield _progress(ToolCallDelta(tool_call=shown, parse_status=ToolCallParseStatus.in_progress))
    for call in calls.whole():
        yield _progress(ToolCallDelta(tool_call=call, parse_status=ToolCallParseStatus.succeeded))
    yield _event(
        ChatCompletionResponseEventType.complete,
        TextDelta(text=""),
        stop_reason=stop_reason or StopReason.end_of_turn,
        metrics=_metrics(usage),
    )


def completion(answer: Completion) -> CompletionResponse:
    """The first choice of a text completion."""
    choice = answer.choices[0]
    return _CompletionResponse(
        content=choice.text or "",
        stop_reason=_stop_reason(choice.finish_reason),
        logprobs=_text_logprobs(choice.logprobs),
        metrics=_metrics(answer.usage),
    )


async def completion_chunks(chunks: Closable[Completion]) -> AsyncIterator[CompletionResponseStreamChunk]:
    """The pieces of a streamed text completion; the last one has the stop reason and the usage."""
    stop_reason, usage = StopReason.end_of_turn, None
    async with aclosing(chunks):
        async for chunk in chunks:
            usage = chunk.usage or usage
            for choice in chunk.choices[:1]:
                if choice.finish_reason:
                    stop_reason = _stop_reason(choice.finish_reason)
                if choice.text:
                    yield _CompletionChunk(delta=choice.text, logprobs=_text_logprobs(choice.logprobs))
    yield _CompletionChunk(delta="", stop_reason=stop_reason, metrics=_metrics(usage))


class _GrowingCalls:
    """Tool calls whose pieces are still arriving, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_GrowingCall] = []
        self._latest: dict[int, _GrowingCall] = {}

    def add(self, piece: Any) -> str:
        """Take a piece in; the text that it adds to ``name(arguments``."""
        call = self._latest.get(piece.index)
        # A new id begins a new call: some vendors give every call the same index.
        if call is None or (piece.id and call.id and piece.id != call.id):
            call = self._latest[piece.index] = _GrowingCall()
            self._calls.append(call)
        return call.add(piece)

    def whole(self) -> Iterator[ToolCall]:
        """The calls, each with all that has arrived of it."""
        for call in self._calls:
            yield _tool_call(call.id, call.name, call.arguments)


class _GrowingCall:
    """A tool call whose pieces are still arriving."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments = ""

    def add(self, piece: Any) -> str:
        """Take a piece in; the text that it adds to ``name(arguments``."""
        self.id = self.id or piece.id or ""
        function = piece.function
        if function is None:
            return ""
        shown = ""
        if function.name and not self.name:
            self.name = function.name
            shown = f"{function.name}("
        self.arguments += function.arguments or ""
        return shown + (function.arguments or "")


def _tool_call(call_id: str | None, name: str | None, arguments: str | None) -> ToolCall:
    """A host tool call. No arguments at all mean ``{}``; what is no JSON object, or one deeper than the
    host's type allows, stays the text that the model wrote."""
    text, name = arguments or "{}", name or ""
    try:
        parsed = json.loads(text)
        return ToolCall(call_id=call_id or "", tool_name=name, arguments=parsed, arguments_json=text)
    except (json.JSONDecodeError, ValidationError):
        return ToolCall(call_id=call_id or "", tool_name=name, arguments=text, arguments_json=text)


def _stop_reason(finish_reason: str | None) -> StopReason:
    return _STOP_REASONS.get(finish_reason or "stop", StopReason.end_of_turn)


def _chat_logprobs(logprobs: Any) -> list[TokenLogProbs] | None:
    if not logprobs or not logprobs.content:
        return None
    # Without top_logprobs a vendor tells only of the token that it chose.
    return [
        TokenLogProbs(logprobs_by_token={seen.token: seen.logprob for seen in token.top_logprobs or [token]})
        for token in logprobs.content
    ]


def _text_logprobs(logprobs: Any) -> list[TokenLogProbs] | None:
    if not logprobs:
        return None
    if getattr(logprobs, "top_logprobs", None):
        return [TokenLogProbs(logprobs_by_token=dict(seen or {})) for seen in logprobs.top_logprobs]
    pairs = zip(getattr(logprobs, "tokens", None) or [], getattr(logprobs, "token_logprobs", None) or [], strict=False)
    return [TokenLogProbs(logprobs_by_token={token: logprob or 0.0}) for token, logprob in pairs] or None


def _metrics(usage: Any) -> list[MetricInResponse] | None:
    if usage is None:
        return None
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return [MetricInResponse(metric=name, value=getattr(usage, name, None) or 0, unit="tokens") for name in names]


def _progress(delta: Any, logprobs: list[TokenLogProbs] | None = None) -> ChatCompletionResponseStreamChunk:
    return _event(ChatCompletionResponseEventType.progress, delta, logprobs=logprobs)


def _event(
    kind: ChatCompletionResponseEventType,
    delta: Any,
    *,
    logprobs: list[TokenLogProbs] | None = None,
    stop_reason: StopReason | None = None,
    metrics: list[MetricInResponse] | None = None,
) -> ChatCompletionResponseStreamChunk:
    event = ChatCompletionResponseEvent(event_type=kind, delta=delta, logprobs=logprobs, stop_reason=stop_reason)
    return _ChatChunk(event=event, metrics=metrics)
