"""What is written down of a call, whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.create_embedding_response import Usage

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS, Caller, Origin
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.engines import Ranking, Stream
from llama_stack_provider_litellm.engines.base import Request
from llama_stack_provider_litellm.engines.served import Served
from llama_stack_provider_litellm.usage import record
from llama_stack_provider_litellm.usage.recording import RecordingEngine
from llama_stack_provider_litellm.usage.tables import AUDIT, LOST
from tests.usage.records import rows_at

REQUEST: Request = {"model": "gpt", "messages": [{"role": "user", "content": "hello"}]}


def served(**more: Any) -> Served:
    told = Served(
        {"served_by": "embedded", "call_id": "c", "model_id": "d", "cost_usd": 0.5, "retries": 1, "fallbacks": 2}
        | {"cache_hit": False}
        | more
    )
    told.deployment, told.vendor = "openai/gpt-x", "openai"
    return told


USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 4,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def answer(about: Served | None = None, usage: dict[str, Any] | None = USAGE) -> ChatCompletion:
    message = {"role": "assistant", "content": "hi"}
    return ChatCompletion.model_validate(
        {"id": "i", "object": "chat.completion", "created": 0, "model": "gpt-x", "usage": usage}
        | {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "litellm": about or served()}
    )


def chunk(text: str, **more: Any) -> ChatCompletionChunk:
    whole = {"id": "i", "object": "chat.completion.chunk", "created": 0, "model": "gpt-x"}
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return ChatCompletionChunk.model_validate({**whole, "choices": [choice], **more})


LAST = chunk("", usage=USAGE, litellm=served())


class Engine:
    """Answers as it is told to."""

    def __init__(self, does: Callable[[Request, Caller], Awaitable[Any]]) -> None:
        self.life: list[str] = []
        self._does = does

    async def start(self, changed: Any) -> None:
        self.life.append("started")

    async def close(self) -> None:
        self.life.append("closed")

    async def catalog(self) -> Any:
        return "models"

    async def reload(self) -> None:
        self.life.append("reloaded")

    def sources(self) -> tuple[Path, ...]:
        return (Path("config.yaml"),)

    def trouble(self) -> str | None:
        return "trouble"

    def redact(self, text: str) -> str:
        return text.replace("hello", "[redacted]")

    def __getattr__(self, method: str) -> Any:
        return self._does


def gives(value: Any) -> Callable[[Request, Caller], Awaitable[Any]]:
    async def does(request: Request, caller: Caller) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    return does


def record_of(
    settings: UsageSettings,
    does: Callable[[Request, Caller], Awaitable[Any]],
    *,
    method: str = "chat",
    caller: Caller = ANONYMOUS,
    read: int | None = None,
) -> dict[str, Any]:
    """The row of one call; of a stream ``read`` chunks are read, or all."""

    async def one() -> None:
        recording = RecordingEngine(Engine(does), settings)
        try:
            found = await getattr(recording, method)(REQUEST, caller)
            if isinstance(found, Stream):
                count = 0
                async for _ in found:
                    count += 1
                    if count == read:
                        break
                await found.aclose()
        except (errors.RequestError, ZeroDivisionError, asyncio.CancelledError):
            pass
        await recording.close()

    asyncio.run(one())
    (row,) = rows_at(settings)
    return row


def a_stream(*items: Any, about: Served | None = None) -> Callable[[Request, Caller], Awaitable[Any]]:
    async def chunks(_: Any) -> AsyncIterator[Any]:
        for item in items:
            if isinstance(item, BaseException):
                raise item
            yield item

    def explain(exc: Exception) -> Exception:
        return exc

    async def does(request: Request, caller: Caller) -> Any:
        return Stream(object(), chunks, explain, about=(lambda usage: about) if about is not None else None)

    return does


@pytest.fixture
def settings(sqlite_settings: UsageSettings) -> UsageSettings:
    """What is written, and not where, is the matter here."""
    return sqlite_settings


def test_an_answer(settings: UsageSettings) -> None:
    origin = Origin(request_id="r", via="agents", agent="a")
    row = record_of(settings, gives(answer()), caller=Caller(user="ann", origin=origin))
    expected = {
        "request_id": "r", "call_id": "c", "api": "chat", "via": "agents", "stream": False, "user_id": "ann",
        "model": "gpt", "deployment": "openai/gpt-x", "vendor": "openai", "engine": "embedded", "input_tokens": 10,
        "output_tokens": 4, "cached_tokens": 3, "reasoning_tokens": 2, "cost_usd": 0.5, "cost_source": "litellm",
        "cache_hit": False, "retries": 1, "fallbacks": 2, "chunks": 0, "first_token_seconds": None, "status": 200,
        "error": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert 0 < row["duration_seconds"] < 1


@pytest.mark.parametrize(
    ("about", "source", "cost"),
    [
        (served(), "litellm", 0.5),
        (served(served_by="proxy"), "proxy", 0.5),
        (served(cache_hit=True, cost_usd=0.0), "cache", 0.0),
        (served(cost_usd=None), "unknown", None),
        (served(served_by="proxy", cost_usd=None), "unknown", None),
    ],
)
def test_how_a_cost_is_known(settings: UsageSettings, about: Served, source: str, cost: float | None) -> None:
    row = record_of(settings, gives(answer(about)))
    assert (row["cost_source"], row["cost_usd"]) == (source, cost)


def test_an_answer_that_tells_no_usage(settings: UsageSettings) -> None:
    row = record_of(settings, gives(answer(usage=None)))
    assert row["input_tokens"] is row["output_tokens"] is None, "not 0"


def test_a_rerank(settings: UsageSettings) -> None:
    row = record_of(settings, gives(Ranking([], served(), tokens=7)), method="rerank")
    assert (row["api"], row["input_tokens"], row["cost_usd"]) == ("rerank", 7, 0.5)


def test_an_error(settings: UsageSettings) -> None:
    error = errors.RateLimited("said the vendor", model="gpt", deployment="anthropic/x")
    error.served_by, error.retries = "proxy", 2
    row = record_of(settings, gives(error))
    expected = {"status": 429, "error": "rate_limit_exceeded", "deployment": "anthropic/x", "vendor": "anthropic"}
    expected |= {"engine": "proxy", "retries": 2, "cost_usd": None, "cost_source": "unknown"}
    assert {name: row[name] for name in expected} == expected
    assert "said the vendor" not in repr(row), "a vendor may repeat what was asked"


def a_part(tokens: int, cost: float | None = 0.5) -> CreateEmbeddingResponse:
    used, about = Usage(prompt_tokens=tokens, total_tokens=tokens), served(cost_usd=cost)
    return CreateEmbeddingResponse.model_construct(object="list", model="m", data=[], usage=used, litellm=about)


def test_parts_of_an_embedding_that_failed_are_paid_for(settings: UsageSettings) -> None:
    error = errors.BadGateway("x")
    error.answered = [a_part(3), a_part(4)]
    row = record_of(settings, gives(error), method="embed")
    expected = {"status": 502, "input_tokens": 7, "cost_usd": 1.0, "chunks": 2, "retries": 2, "call_id": "c"}
    assert {name: row[name] for name in expected} == expected


def test_parts_of_unknown_cost_make_the_whole_unknown(settings: UsageSettings) -> None:
    error = errors.BadGateway("x")
    error.answered = [a_part(3), a_part(4, cost=None)]
    row = record_of(settings, gives(error), method="embed")
    assert (row["input_tokens"], row["cost_usd"], row["cost_source"]) == (7, None, "unknown")
    assert row["chunks"] == 2, "something was answered, and is counted as unpriced"


ODD: list[dict[str, Any]] = [
    {"usage": "none"},
    {"usage": ["none"]},
    {"usage": {"prompt_tokens": "n/a", "completion_tokens": 4, "total_tokens": 1}},
    {"usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": "x"}}},
    {"usage": {**USAGE, "prompt_tokens": float("nan")}},
    {"model": 5},
    {"model": ["x"]},
    {"model": {"x": "y"}},
    {"choices": "none"},
    {"choices": [{"index": 0, "message": 7}]},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("audit", ["off", "full"])
def test_whatever_a_vendor_writes_into_an_answer(settings: UsageSettings, odd: dict[str, Any], audit: Any) -> None:
    whole = ChatCompletion.construct(**{**answer().model_dump(), "litellm": served(), **odd})
    row = record_of(settings.model_copy(update={"audit": audit}), gives(whole))
    assert (row["status"], row["cost_usd"]) == (200, 0.5)


@pytest.mark.parametrize("odd", [*ODD, {"choices": [7]}], ids=str)
@pytest.mark.parametrize("audit", ["off", "full"])
def test_whatever_a_vendor_writes_into_a_chunk(settings: UsageSettings, odd: dict[str, Any], audit: Any) -> None:
    strange = ChatCompletionChunk.construct(**{**LAST.model_dump(), "litellm": served(), **odd})
    stream = a_stream(chunk("one"), strange)
    row = record_of(settings.model_copy(update={"audit": audit}), stream, method="chat_stream")
    assert (row["status"], row["cost_usd"], row["chunks"]) == (200, 0.5, 2)


def test_a_call_is_served_and_ended_though_it_cannot_be_recorded(
    settings: UsageSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(call: Any, answer: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(record, "_count", fails)
    ended: list[str] = []

    class Upstream:
        async def aclose(self) -> None:
            ended.append("closed")

    async def chunks(_: Any) -> AsyncIterator[Any]:
        yield chunk("one")

    async def does(request: Request, caller: Caller) -> Any:
        stream: Stream[Any] = Stream(Upstream(), chunks, lambda exc: exc)
        stream.when_closed(lambda: ended.append("told"))
        return stream

    async def main() -> None:
        recording = RecordingEngine(Engine(does), settings)
        assert [one.choices[0].delta.content async for one in await recording.chat_stream(REQUEST, ANONYMOUS)] == [
            "one"
        ]
        plainly = RecordingEngine(Engine(gives(answer())), settings)
        assert (await plainly.chat(REQUEST, ANONYMOUS)).choices[0].message.content == "hi"
        await recording.close()
        await plainly.close()

    asyncio.run(main())
    assert ended == ["closed", "told"]
    assert "what a call of 'gpt' took cannot be read" in caplog.text
    assert sum(row["calls"] for row in rows_at(settings, LOST)) == 2


def test_a_defect_is_recorded_as_one(settings: UsageSettings) -> None:
    row = record_of(settings, gives(ZeroDivisionError()))
    assert (row["status"], row["error"]) == (500, "internal_error")


def test_a_caller_who_does_not_wait(settings: UsageSettings) -> None:
    row = record_of(settings, gives(asyncio.CancelledError()))
    assert (row["status"], row["error"]) == (499, "left")


def test_a_stream(settings: UsageSettings) -> None:
    row = record_of(settings, a_stream(chunk(""), chunk("one"), chunk("two"), LAST), method="chat_stream")
    expected = {"stream": True, "chunks": 4, "status": 200, "error": None, "input_tokens": 10, "cost_usd": 0.5}
    assert {name: row[name] for name in expected} == expected
    assert 0 < row["first_token_seconds"] < row["duration_seconds"]


def test_a_stream_whose_reader_leaves(settings: UsageSettings) -> None:
    stream = a_stream(chunk("one"), chunk("two"), LAST, about=served(cost_usd=None))
    row = record_of(settings, stream, method="chat_stream", read=1)
    expected = {"chunks": 1, "status": 499, "error": "left", "deployment": "openai/gpt-x", "engine": "embedded"}
    expected |= {"input_tokens": None, "output_tokens": None, "cost_usd": None, "cost_source": "unknown"}
    assert {name: row[name] for name in expected} == expected


def test_a_stream_whose_reader_leaves_with_the_last_chunk_has_had_all(settings: UsageSettings) -> None:
    row = record_of(settings, a_stream(chunk("one"), LAST), method="chat_stream", read=2)
    assert (row["status"], row["error"], row["cost_usd"]) == (200, None, 0.5)


def test_a_stream_that_breaks(settings: UsageSettings) -> None:
    error = errors.BadGateway("x", deployment="openai/gpt-x")
    stream = a_stream(chunk("one"), error, about=served(cost_usd=None))
    row = record_of(settings, stream, method="chat_stream")
    expected = {"chunks": 1, "status": 502, "error": "upstream_error", "call_id": "c", "cost_usd": None}
    assert {name: row[name] for name in expected} == expected


def test_a_stream_that_is_refused(settings: UsageSettings) -> None:
    row = record_of(settings, gives(errors.InvalidRequest("x")), method="complete_stream")
    assert (row["api"], row["stream"], row["status"]) == ("completion", True, 400)


def test_audit_keeps_what_was_asked_and_answered(settings: UsageSettings) -> None:
    settings = settings.model_copy(update={"audit": "full"})
    record_of(settings, a_stream(chunk("one "), chunk("two"), LAST), method="chat_stream")
    (kept,) = rows_at(settings, AUDIT)
    assert '"content": "[redacted]"' in kept["question"], "by the engine's own knowledge of its keys"
    assert '"content": "one two"' in kept["answer"]


def test_audit_keeps_an_errors_words(settings: UsageSettings) -> None:
    settings = settings.model_copy(update={"audit": "full"})
    record_of(settings, gives(errors.InvalidRequest("because of it")))
    assert rows_at(settings, AUDIT)[0]["answer"] == '"because of it"'


def test_without_records_a_call_is_served_all_the_same(settings: UsageSettings) -> None:
    async def one() -> None:
        recording = RecordingEngine(Engine(gives(answer())), settings.model_copy(update={"enabled": False}))
        assert (await recording.chat(REQUEST, ANONYMOUS)).choices[0].message.content == "hi"
        await recording.close()

    asyncio.run(one())
    assert rows_at(settings) == []


def test_everything_else_is_the_engines_own(settings: UsageSettings) -> None:
    engine = Engine(gives(answer()))

    async def all_of_it() -> None:
        recording = RecordingEngine(engine, settings)
        await recording.start(lambda: None)
        assert await recording.catalog() == "models"  # type: ignore[comparison-overlap]
        await recording.reload()
        assert (recording.sources(), recording.trouble()) == ((Path("config.yaml"),), "trouble")
        await recording.close()

    asyncio.run(all_of_it())
    assert engine.life == ["started", "reloaded", "closed"]
