"""The proxy engine's calls, on an imitation of a LiteLLM Proxy."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import struct
from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines import Reranked
from llama_stack_provider_litellm.engines.proxy import engine as module
from tests.engines.proxy.conftest import CHAT, KEY, ask, collected, run, serving, so
from tests.imitation import Imitation
from tests.middle import Middle

SERVED = {"served_by": "proxy", "retries": 0, "fallbacks": 0, "cache_hit": False}


def call(url: str, method: str, request: dict[str, Any], caller: Caller = ANONYMOUS, **options: Any) -> Any:
    """One answer, or all the chunks of one."""

    async def calling() -> Any:
        async with serving(url, **options) as engine:
            answer = await getattr(engine, method)(request, caller)
            return await collected(answer) if method.endswith("_stream") else answer

    return run(calling())


def answer_with(body: Any, status: int = 200, kind: str = "application/json") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


def test_chat(imitation: Imitation) -> None:
    answer = call(imitation.url, "chat", ask("one two", temperature=0.5))
    assert answer.choices[0].message.content == f"echo: one two by {KEY}"
    assert answer.usage.prompt_tokens == 2
    cost = answer.usage.prompt_tokens * 1.5e-07 + answer.usage.completion_tokens * 6e-07
    told = answer.litellm
    assert told.items() >= SERVED.items()
    assert told["model_id"] == "a" * 64
    assert told["cost_usd"] == pytest.approx(cost)
    (sent,) = imitation.wait_for(lambda request: request["path"] == CHAT)
    assert sent["body"] == ask("one two", temperature=0.5)


@pytest.mark.parametrize("shape", ["", "[[crlf]]", "[[multi]]", "[[pieces 7]]", "[[crlf]] [[multi]] [[pieces 33]]"])
def test_chat_stream(imitation: Imitation, shape: str) -> None:
    chunks = call(imitation.url, "chat_stream", ask(f"one two {shape}"))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == f"echo: one two {shape} by {KEY}"
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].litellm["cost_usd"] > 0
    assert chunks[-1].litellm.items() >= SERVED.items()


def test_a_stream_is_always_asked_for_its_usage(imitation: Imitation) -> None:
    request = ask("one", stream_options={"include_usage": True})
    chunks = call(imitation.url, "chat_stream", request)
    assert (chunks[-1].choices, chunks[-1].usage is not None) == ([], True)
    call(imitation.url, "chat_stream", ask("one"))
    for sent in imitation.wait_for(lambda request: request["path"] == CHAT, 2):
        assert sent["body"]["stream_options"] == {"include_usage": True}
    assert request == ask("one", stream_options={"include_usage": True})


def test_complete(imitation: Imitation) -> None:
    request = {"model": "gpt", "prompt": "one two"}
    answer = call(imitation.url, "complete", request)
    assert answer.choices[0].text == f"echo: one two by {KEY}"
    assert answer.litellm.items() >= SERVED.items()
    chunks = call(imitation.url, "complete_stream", request)
    assert "".join(chunk.choices[0].text for chunk in chunks) == f"echo: one two by {KEY}"
    assert chunks[-1].usage.prompt_tokens == 2


def test_embed(imitation: Imitation) -> None:
    request = {"model": "embedding", "input": ["one", "two", "one"]}
    answer = call(imitation.url, "embed", request)
    first, second, third = [row.embedding for row in answer.data]
    assert (len(first), first == third, first == second) == (64, True, False)
    assert answer.usage.prompt_tokens == 3
    assert answer.litellm.items() >= SERVED.items()
    packed = call(imitation.url, "embed", {**request, "encoding_format": "base64"})
    assert list(struct.unpack("<64f", base64.b64decode(packed.data[0].embedding))) == first


def test_embeddings_are_asked_for_in_batches_that_fit(imitation: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 25 * 64 * 2)
    inputs = [str(number) for number in range(5)]
    answer = call(imitation.url, "embed", {"model": "embedding", "input": inputs})
    assert [row.index for row in answer.data] == [0, 1, 2, 3, 4]
    sent = imitation.wait_for(lambda request: request["path"] == "/v1/embeddings", 3)
    assert sorted(request["body"]["input"] for request in sent) == [["0", "1"], ["2", "3"], ["4"]]


def test_vectors_of_another_size_are_refused(imitation: Imitation) -> None:
    with pytest.raises(errors.BadGateway, match="expected vectors of 65 numbers, found 64"):
        call(imitation.url, "embed", {"model": "embedding", "input": ["one"], "dimensions": 65})


def test_rerank(imitation: Imitation) -> None:
    request = {"model": "reranker", "query": "a b", "documents": ["x", "a b", "a"], "top_n": 2}
    ranking = call(imitation.url, "rerank", request)
    assert ranking.documents == [Reranked(1, 1.0), Reranked(2, 0.5)]
    assert (ranking.tokens, ranking.litellm["served_by"]) == (6, "proxy")


def test_a_model_behind_a_wildcard(imitation: Imitation) -> None:
    answer = call(imitation.url, "chat", ask("hi", "own/anything"))
    assert answer.litellm["model_id"] == "e" * 64
    assert answer.litellm["cost_usd"] is None, "a price that nobody knows is not 0"


@pytest.mark.parametrize("method", ["chat", "chat_stream", "complete", "embed", "rerank"])
def test_a_model_that_there_is_not(imitation: Imitation, method: str) -> None:
    request = {"model": "gtp", "input": ["a", "b"], "prompt": "x", "messages": [], "query": "x", "documents": []}
    with pytest.raises(errors.ModelNotFound) as caught:
        call(imitation.url, method, request)
    assert caught.value.message.startswith("Model 'gtp' is not in the LiteLLM Proxy at ")
    assert "Did you mean gpt?" in caught.value.message
    assert caught.value.served_by is None, "nobody was asked"
    assert not [request for request in imitation.seen()["requests"] if request["method"] == "POST"]


def test_callers_at_once_stay_apart(imitation: Imitation) -> None:
    callers = [Caller(user=f"u{n}", api_key=f"sk-of-{n}", tags=(f"t{n}",), metadata={"n": str(n)}) for n in range(40)]

    async def all_at_once() -> None:
        async with serving(imitation.url) as engine:
            answers = await asyncio.gather(*(engine.chat(ask(caller.user or ""), caller) for caller in callers))
        for number, answer in enumerate(answers):
            assert answer.choices[0].message.content == f"echo: u{number} by sk-of-{number}"

    run(all_at_once())
    for sent in imitation.wait_for(lambda request: request["path"] == CHAT, 40):
        number = sent["body"]["user"].removeprefix("u")
        assert sent["key"] == f"sk-of-{number}"
        assert sent["headers"]["x-litellm-tags"] == f"t{number}"
        assert json.loads(sent["headers"]["x-litellm-spend-logs-metadata"]) == {"n": number}
        assert KEY not in str(sent)


# Streams and their connections


@pytest.mark.parametrize("shape", ["", "[[pieces 9]]"])
def test_a_finished_stream_gives_its_connection_back(imitation: Imitation, shape: str) -> None:
    """With pieces the end of the HTTP answer comes after the last event."""

    async def many() -> None:
        async with serving(imitation.url, keep_alive=60) as engine:
            for _ in range(3):
                await collected(await engine.chat_stream(ask(f"hi {shape}"), ANONYMOUS))
                await engine.chat(ask("hi"), ANONYMOUS)

    run(many())
    asked = [request for request in imitation.seen()["requests"] if request["path"] == CHAT]
    assert len({request["connection"] for request in asked}) == 1


@pytest.mark.parametrize("read", [0, 1, 3])
def test_a_left_stream_ends_the_call_upstream(imitation: Imitation, read: int) -> None:
    async def leave() -> None:
        async with serving(imitation.url, pool_size=1) as engine:
            stream = await engine.chat_stream(ask("[[slow 400]]"), ANONYMOUS)
            for _ in range(read):
                await anext(stream)
            await stream.aclose()
            await so(lambda: imitation.wait_for(lambda request: request["outcome"] == "left"))
            # Its place in the pool is free.
            await engine.chat(ask("hi"), ANONYMOUS)

    run(leave())


def test_a_cancelled_reader_ends_the_call_upstream(imitation: Imitation) -> None:
    async def leave() -> None:
        async with serving(imitation.url, pool_size=1) as engine:
            stream = await engine.chat_stream(ask("[[hang-after 2]]"), ANONYMOUS)
            reader = asyncio.create_task(collected(stream))
            await asyncio.sleep(0)
            reader.cancel()
            await asyncio.wait([reader])
            await stream.aclose()
            await so(lambda: imitation.wait_for(lambda request: request["outcome"] == "left"))
            await engine.chat(ask("hi"), ANONYMOUS)

    run(leave())


def test_a_cancelled_begin_ends_the_call_upstream(imitation: Imitation) -> None:
    async def leave() -> None:
        async with serving(imitation.url, pool_size=1) as engine:
            task = asyncio.create_task(engine.chat_stream(ask("[[hang-after 0]]"), ANONYMOUS))
            await so(lambda: imitation.wait_for(lambda request: request["path"] == CHAT))
            task.cancel()
            await asyncio.wait([task])
            await so(lambda: imitation.wait_for(lambda request: request["outcome"] == "left"))
            await engine.chat(ask("hi"), ANONYMOUS)

    run(leave())


# Parameters


def test_a_temperature_that_nobody_chose_is_left_out(imitation: Imitation, caplog: pytest.LogCaptureFixture) -> None:
    words = "litellm.UnsupportedParamsError: gpt does not support temperature=0.0. Only temperature=1 is supported."
    refused = {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": "400"}}

    async def greedy() -> None:
        async with serving(f"http://127.0.0.1:{line.port}") as engine:
            line.replace(answer_with(refused, 400), to=b"POST /v1/chat")
            for _ in range(2):
                await engine.chat(ask("hi", greedy=True), ANONYMOUS)

    with Middle(imitation.port) as line:
        run(greedy())
    bodies = [sent["body"] for sent in imitation.wait_for(lambda request: request["path"] == CHAT, 2)]
    assert bodies == [ask("hi")] * 2
    assert caplog.text.count("`temperature: 0`") == 1


def test_strict_params_are_checked_before_the_proxy_is_asked(imitation: Imitation) -> None:
    with pytest.raises(errors.UnsupportedParameter, match="`seed`"):
        call(imitation.url, "chat", ask("hi", seed=5), strict=True)
    call(imitation.url, "chat", ask("hi", temperature=0.5), strict=True)
    assert len([request for request in imitation.seen()["requests"] if request["path"] == CHAT]) == 1


# Answers that are JSON, and no answers


NO_CHAT: list[Any] = [{"choices": [{}]}, {"choices": "x"}, {"choices": [5]}, {"choices": [{"message": None}]}]
NO_VECTORS: list[Any] = [{"data": [{}]}, {"data": 5}, {"data": "x"}, {"data": [[]]}]
NO_RANKS: list[Any] = [{"results": [{}]}, {"results": 5}, {"results": [{"index": 0}]}]
NOTHING: list[Any] = [[], None, 5, "text"]


@pytest.mark.parametrize(
    ("method", "body"),
    [
        *(("chat", body) for body in [*NOTHING, {}, *NO_CHAT]),
        *(("complete", body) for body in [*NOTHING, {}]),
        *(("embed", body) for body in [*NOTHING, {}, *NO_VECTORS]),
        *(("rerank", body) for body in [*NOTHING, *NO_RANKS]),
    ],
)
def test_odd_answers_are_errors_of_ours(imitation: Imitation, method: str, body: Any) -> None:
    request = {"model": "gpt", "input": ["a"], "prompt": "x", "messages": [], "query": "x", "documents": []}

    async def failing() -> None:
        async with serving(f"http://127.0.0.1:{line.port}") as engine:
            line.replace(answer_with(body), to=b"POST ")
            with pytest.raises(errors.BadGateway) as caught:
                await getattr(engine, method)(request, ANONYMOUS)
            assert caught.value.message.startswith("Model gpt: ")

    with Middle(imitation.port) as line:
        run(failing())


@pytest.mark.parametrize("event", ["no JSON", "[]", "5", '{"choices": 5}', '{"choices": ["x"]}', "[" * 100_000])
def test_odd_events_are_errors_of_ours(imitation: Imitation, event: str) -> None:
    async def failing() -> None:
        async with serving(f"http://127.0.0.1:{line.port}") as engine:
            line.replace(answer_with(f"data: {event}\n\n".encode(), kind="text/event-stream"), to=b"POST ")
            with pytest.raises(errors.ProxyFailed) as caught:
                await collected(await engine.chat_stream(ask("hi"), ANONYMOUS))
            assert caught.value.message.startswith("Model gpt: ")

    with Middle(imitation.port) as line:
        run(failing())


def test_keys_are_in_no_error_and_no_log(imitation: Imitation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="llama_stack_provider_litellm")
    words = f"litellm.AuthenticationError: OpenAIException - {KEY} and virtual-planted are no keys"
    refused = {"error": {"message": words, "type": "x", "param": None, "code": "401"}}
    caller = Caller(api_key="virtual-planted")

    async def failing() -> None:
        async with serving(f"http://127.0.0.1:{line.port}") as engine:
            for raw in (answer_with(refused, 401), answer_with(words.encode(), 500), answer_with(refused, 503)):
                line.replace(raw, to=b"POST ")
                with pytest.raises(errors.RequestError) as caught:
                    await engine.chat(ask("hi"), caller)
                assert "planted" not in f"{caught.value!r}{caught.value.message}"

    with Middle(imitation.port) as line:
        run(failing())
    assert "planted" not in caplog.text
