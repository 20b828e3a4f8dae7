"""OpenAI answers as Llama Stack's own types, streamed and not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from llama_stack.apis.common.content_types import TextDelta, ToolCallDelta, ToolCallParseStatus
from llama_stack.apis.inference import ChatCompletionResponseEventType
from llama_stack.apis.telemetry import MetricInResponse
from llama_stack.models.llama.datatypes import StopReason, ToolCall
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llama_stack_provider_litellm.hosts.v0_2 import legacy_answers

HEAD: dict[str, Any] = {"id": "i", "created": 0, "model": "m"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
METRICS = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def token(said: str, logprob: float, *top: tuple[str, float]) -> dict[str, Any]:
    def entry(word: str, value: float) -> dict[str, Any]:
        return {"token": word, "logprob": value, "bytes": None}

    return {**entry(said, logprob), "top_logprobs": [entry(*seen) for seen in top]}


def answer(finish: str = "stop", usage: Any = USAGE, logprobs: Any = None, **message: Any) -> ChatCompletion:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}, "logprobs": logprobs}
    return ChatCompletion.model_validate({**HEAD, "object": "chat.completion", "choices": [choice], "usage": usage})


def chunk(delta: dict[str, Any] | None = None, *, finish: str | None = None, **more: Any) -> ChatCompletionChunk:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, **more}]
    return ChatCompletionChunk.model_validate({**HEAD, "object": "chat.completion.chunk", "choices": choices})


def usage_chunk() -> ChatCompletionChunk:
    return chunk().model_copy(update={"usage": answer(content="").usage})


def piece(
    index: int, arguments: str | None = None, name: str | None = None, call_id: str | None = None
) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


def calls(*pieces: dict[str, Any]) -> ChatCompletionChunk:
    return chunk({"tool_calls": list(pieces)})


async def _feed[T](items: list[T]) -> AsyncGenerator[T, None]:
    for item in items:
        yield item


async def _collect(stream: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in stream]


def events(*chunks: ChatCompletionChunk) -> list[Any]:
    """The events of a stream, without the first and the last, which are checked here."""
    found = asyncio.run(_collect(legacy_answers.chat_chunks(_feed(list(chunks)))))
    first, *middle, last = found
    assert first.event.event_type is ChatCompletionResponseEventType.start
    assert last.event.event_type is ChatCompletionResponseEventType.complete
    assert all(each.event.event_type is ChatCompletionResponseEventType.progress for each in middle)
    assert all(each.event.stop_reason is None and each.metrics is None for each in [first, *middle])
    return found


def whole_calls(found: list[Any]) -> list[ToolCall]:
    deltas: list[Any] = [each.event.delta for each in found if isinstance(each.event.delta, ToolCallDelta)]
    return [delta.tool_call for delta in deltas if delta.parse_status is ToolCallParseStatus.succeeded]


def growing(found: list[Any]) -> list[str]:
    deltas: list[Any] = [each.event.delta for each in found if isinstance(each.event.delta, ToolCallDelta)]
    return [delta.tool_call for delta in deltas if delta.parse_status is ToolCallParseStatus.in_progress]


def by_token(logprobs: Any) -> list[dict[str, float]] | None:
    return None if logprobs is None else [one.logprobs_by_token for one in logprobs]


def measured(holder: Any) -> dict[str, int | float]:
    return {metric.metric: metric.value for metric in holder.metrics or ()}


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", StopReason.end_of_turn),
        ("length", StopReason.out_of_tokens),
        ("tool_calls", StopReason.end_of_message),
        ("function_call", StopReason.end_of_message),
        ("content_filter", StopReason.end_of_turn),
    ],
)
def test_chat(finish: str, reason: StopReason) -> None:
    found = legacy_answers.chat(answer(finish, content="hello"))
    assert found.completion_message.content == "hello"
    assert found.completion_message.stop_reason is reason
    assert found.completion_message.tool_calls == []
    assert found.logprobs is None
    assert measured(found) == METRICS
    assert events(chunk({"content": "x"}, finish=finish))[-1].event.stop_reason is reason


def call_of(arguments: str | None, name: str = "f") -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments or ""}}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"a": 1, "b": [true, null], "c": {"d": "e"}}', {"a": 1, "b": [True, None], "c": {"d": "e"}}),
        ("", {}),
        ("{}", {}),
        ("no json", "no json"),
        ('{"a": ', '{"a": '),
        ("[1, 2]", "[1, 2]"),
        ("5", "5"),
        ("null", "null"),
    ],
)
def test_arguments(text: str, arguments: Any) -> None:
    (call,) = legacy_answers.chat(answer("tool_calls", tool_calls=[call_of(text)])).completion_message.tool_calls or []
    assert (call.call_id, call.tool_name) == ("c1", "f")
    assert call.arguments == arguments
    assert call.arguments_json == (text or "{}")
    assert whole_calls(events(calls(piece(0, text, "f", "c1")))) == [call], "streamed the same"


def test_arguments_deeper_than_the_hosts_type_stay_text() -> None:
    text = '{"a": {"b": {"c": {"d": [[[{"e": 1}]]]}}}}'
    (call,) = legacy_answers.chat(answer("tool_calls", tool_calls=[call_of(text)])).completion_message.tool_calls or []
    assert call.arguments_json == text


def test_a_call_that_is_no_function_is_left_out() -> None:
    custom = {"id": "c2", "type": "custom", "custom": {"name": "x", "input": "y"}}
    found = legacy_answers.chat(answer("tool_calls", content=None, tool_calls=[custom, call_of("{}")]))
    assert [call.call_id for call in found.completion_message.tool_calls or []] == ["c1"]
    assert found.completion_message.content == ""


def test_no_usage_is_no_metrics() -> None:
    assert legacy_answers.chat(answer(usage=None, content="x")).metrics is None
    assert events(chunk({"content": "x"}, finish="stop"))[-1].metrics is None


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ([token("a", -0.1, ("a", -0.1), ("b", -2.0))], [{"a": -0.1, "b": -2.0}]),
        ([token("a", -0.1)], [{"a": -0.1}]),
        ([], None),
        (None, None),
    ],
)
def test_logprobs(content: Any, shown: Any) -> None:
    logprobs = {"content": content, "refusal": None}
    assert by_token(legacy_answers.chat(answer(content="a", logprobs=logprobs)).logprobs) == shown
    assert by_token(events(chunk({"content": "a"}, logprobs=logprobs))[1].event.logprobs) == shown


def test_a_stream_of_text() -> None:
    found = events(
        *(chunk({"role": "assistant", "content": ""}), chunk({"content": "one"}), chunk({"content": " two"})),
        *(chunk({}, finish="length"), usage_chunk()),
    )
    assert [each.event.delta for each in found] == [TextDelta(text=text) for text in ("", "one", " two", "")]
    assert found[-1].event.stop_reason is StopReason.out_of_tokens
    assert measured(found[-1]) == METRICS


def test_usage_on_the_last_chunk_with_a_choice() -> None:
    last = chunk({}, finish="stop").model_copy(update={"usage": answer(content="").usage})
    assert measured(events(chunk({"content": "x"}), last)[-1]) == METRICS


def test_no_finish_reason_ends_the_turn() -> None:
    assert events(chunk({"content": "x"}))[-1].event.stop_reason is StopReason.end_of_turn
    assert events()[-1].event.stop_reason is StopReason.end_of_turn


def test_pieces_of_several_calls_may_be_mixed() -> None:
    found = events(
        calls(piece(0, "", "weather", "c1"), piece(1, "", "time", "c2")),
        *(calls(piece(1, '{"zo')), calls(piece(0, '{"city"')), calls(piece(1, 'ne": "CET"}'), piece(0, ': "Rome"}'))),
        chunk({}, finish="tool_calls"),
        usage_chunk(),
    )
    assert growing(found) == ["weather(", "time(", '{"zo', '{"city"', 'ne": "CET"}', ': "Rome"}']
    assert [(c.call_id, c.tool_name, c.arguments, c.arguments_json) for c in whole_calls(found)] == [
        ("c1", "weather", {"city": "Rome"}, '{"city": "Rome"}'),
        ("c2", "time", {"zone": "CET"}, '{"zone": "CET"}'),
    ]
    assert found[-1].event.stop_reason is StopReason.end_of_message
    statuses = [each.event.delta.parse_status for each in found if isinstance(each.event.delta, ToolCallDelta)]
    assert statuses[-2:] == [ToolCallParseStatus.succeeded] * 2, "given whole at the end"


def test_a_call_without_arguments() -> None:
    found = events(calls(piece(0, None, "now", "c1")), calls(piece(0, "")), chunk({}, finish="tool_calls"))
    assert growing(found) == ["now("]
    assert [(c.tool_name, c.arguments, c.arguments_json) for c in whole_calls(found)] == [("now", {}, "{}")]


def test_a_vendor_that_repeats_name_and_id() -> None:
    found = events(calls(piece(0, '{"a"', "f", "c1")), calls(piece(0, ": 1}", "f", "c1")))
    assert [(c.call_id, c.tool_name, c.arguments) for c in whole_calls(found)] == [("c1", "f", {"a": 1})]
    assert growing(found) == ['f({"a"', ": 1}"]


def test_a_piece_without_a_function() -> None:
    empty = {"index": 0, "id": "c1", "function": None}
    assert whole_calls(events(calls(empty), calls(piece(0, "{}", "f"))))[0].call_id == "c1"


def test_text_before_a_call() -> None:
    found = events(chunk({"content": "let me see"}), calls(piece(0, "{}", "f", "c1")), chunk({}, finish="tool_calls"))
    assert found[1].event.delta == TextDelta(text="let me see")
    assert len(whole_calls(found)) == 1


def text_answer(**more: Any) -> Completion:
    choice = {"index": 0, "text": "hello", "finish_reason": "length", "logprobs": None, **more}
    # As the engine makes it of what a vendor sends: unchecked where it must be.
    return Completion.construct(**{**HEAD, "object": "text_completion", "choices": [choice], "usage": USAGE})


def test_completion() -> None:
    found = legacy_answers.completion(text_answer())
    assert (found.content, found.stop_reason, found.logprobs) == ("hello", StopReason.out_of_tokens, None)
    assert measured(found) == METRICS


@pytest.mark.parametrize(
    ("logprobs", "shown"),
    [
        (
            {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [{"a": -1.0, "b": -2.0}]},
            [{"a": -1.0, "b": -2.0}],
        ),
        ({"tokens": ["a", "b"], "token_logprobs": [None, -2.0]}, [{"a": 0.0}, {"b": -2.0}]),
        ({"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [None]}, [{}]),
        ({"tokens": [], "token_logprobs": []}, None),
    ],
)
def test_completion_logprobs(logprobs: Any, shown: Any) -> None:
    assert by_token(legacy_answers.completion(text_answer(logprobs=logprobs)).logprobs) == shown


def test_completion_stream() -> None:
    pieces = [{"text": "one"}, {"text": ""}, {"text": " two"}, {"text": "", "finish_reason": "length"}]
    parts = [text_answer(**{"finish_reason": None, **one}).model_copy(update={"usage": None}) for one in pieces]
    parts.append(text_answer().model_copy(update={"choices": []}))
    found = asyncio.run(_collect(legacy_answers.completion_chunks(_feed(parts))))
    assert [each.delta for each in found] == ["one", " two", ""]
    assert [each.stop_reason for each in found] == [None, None, StopReason.out_of_tokens]
    assert measured(found[-1]) == METRICS
    assert [each.metrics for each in found[:-1]] == [None, None]


def answers_with_metrics() -> list[Any]:
    text_chunks = asyncio.run(_collect(legacy_answers.completion_chunks(_feed([text_answer()]))))
    return [
        legacy_answers.chat(answer(content="x")),
        events(chunk({"content": "x"}), usage_chunk())[-1],
        legacy_answers.completion(text_answer()),
        text_chunks[-1],
    ]


@pytest.mark.parametrize("number", range(4), ids=["chat", "chat-chunk", "completion", "completion-chunk"])
def test_the_hosts_estimates_do_not_replace_the_upstreams_counts(number: int) -> None:
    found = answers_with_metrics()[number]
    estimate = [MetricInResponse(metric="prompt_tokens", value=999)]
    # As InferenceRouter does it, for a whole answer and for the last chunk.
    found.metrics = estimate if found.metrics is None else found.metrics + estimate
    assert measured(found) == METRICS
    assert {metric["metric"]: metric["value"] for metric in found.model_dump()["metrics"]} == METRICS


def test_where_the_upstream_counted_nothing_the_host_may_estimate() -> None:
    found = legacy_answers.chat(answer(usage=None, content="x"))
    found.metrics = [MetricInResponse(metric="prompt_tokens", value=999)]
    assert measured(found) == {"prompt_tokens": 999}
