"""LiteLLM's response cache behind the embedded engine: what it keeps, tells apart and never keeps."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import litellm
import pytest

from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.errors import RequestError
from tests.engines.conftest import MakeEngine, ask, run, until
from tests.services import redis_server
from tests.upstream.process import Upstream

LOCAL = {"type": "local"}


@pytest.fixture(autouse=True)
def _no_cache_left() -> Iterator[None]:
    yield
    litellm.cache = None


def cached(
    make_engine: MakeEngine, params: dict[str, Any] = LOCAL, router: dict[str, Any] | None = None
) -> RouterEngine:
    more = {"num_retries": 0, "disable_cooldowns": True, **(router or {})}
    settings = {"cache": True, "cache_params": params}
    return make_engine(f"router_settings: {json.dumps(more)}\nlitellm_settings: {json.dumps(settings)}")


# What it keeps


async def hits(engine: RouterEngine, request: dict[str, Any], caller: Caller = ANONYMOUS) -> bool:
    answer: Any = await engine.chat(request, caller)
    hit: bool = answer.litellm["cache_hit"]
    return hit


async def until_kept(engine: RouterEngine, request: dict[str, Any], caller: Caller = ANONYMOUS) -> None:
    """Ask until it is kept: LiteLLM writes beside the request."""
    await until(lambda: hits(engine, request, caller))


def test_the_mode_that_is_off_keeps_what_a_caller_asks_to_keep(make_engine: MakeEngine) -> None:
    wanted = Caller(cache={"use-cache": True})

    async def work(engine: RouterEngine) -> None:
        await until_kept(engine, ask("wanted"), wanted)
        assert not await hits(engine, ask("wanted"))
        await hits(engine, ask("plain"))
        await until_kept(engine, ask("wanted too"), wanted)
        assert not await hits(engine, ask("plain"), wanted)

    engine = cached(make_engine, {"type": "local", "mode": "default_off"})
    run(engine, work(engine))


def test_only_supported_call_types_are_kept(make_engine: MakeEngine) -> None:
    async def work(engine: RouterEngine) -> None:
        async def embedding_hits() -> bool:
            answer: Any = await engine.embed({"model": "embedding", "input": ["x"]}, ANONYMOUS)
            hit: bool = answer.litellm["cache_hit"]
            return hit

        await until(embedding_hits)
        for _ in range(3):
            assert not await hits(engine, ask("never kept"))

    engine = cached(make_engine, {"type": "local", "supported_call_types": ["aembedding"]})
    run(engine, work(engine))


@pytest.mark.parametrize(("params", "kept"), [(LOCAL, False), ({"type": "local", "max_messages": 6}, True)])
def test_long_conversations_are_kept_when_the_config_says_so(
    make_engine: MakeEngine, params: dict[str, Any], kept: bool
) -> None:
    request = ask("x")
    request["messages"] = [
        *({"role": role, "content": "y"} for role in ("user", "assistant") * 2),
        *request["messages"],
    ]

    async def work(engine: RouterEngine) -> None:
        await hits(engine, request)
        await until_kept(engine, ask("short"))
        assert await hits(engine, request) is kept

    engine = cached(make_engine, params)
    run(engine, work(engine))


def test_an_entry_ends_with_its_time(make_engine: MakeEngine) -> None:
    async def work(engine: RouterEngine) -> None:
        await until_kept(engine, ask("x"), Caller(cache={"ttl": 1.0}))

        async def misses() -> bool:
            return not await hits(engine, ask("x"), Caller(cache={"no-store": True}))

        await until(misses)

    engine = cached(make_engine)
    run(engine, work(engine))


def test_what_an_answer_depends_on_is_in_the_key(make_engine: MakeEngine) -> None:
    async def work(engine: RouterEngine) -> None:
        header = Caller(headers={"anthropic-beta": "a"})
        await until_kept(engine, ask("x"), header)
        assert await hits(engine, ask("x"), header)
        assert not await hits(engine, ask("x"), Caller(headers={"anthropic-beta": "b"}))
        assert not await hits(engine, ask("x"))
        assert not await hits(engine, ask("x", model="claude"))
        # Tags that choose nothing tell nothing apart.
        assert await hits(engine, ask("x"), Caller(headers=header.headers, tags=("red",)))

    engine = cached(make_engine)
    run(engine, work(engine))


def test_a_vendor_s_own_parameter_is_in_the_key(make_engine: MakeEngine) -> None:
    def text(choice: str) -> dict[str, Any]:
        return {"model": "gpt", "prompt": "x", "guided_choice": [choice]}

    async def served(engine: RouterEngine, choice: str) -> bool:
        answer: Any = await engine.complete(text(choice), ANONYMOUS)
        hit: bool = answer.litellm["cache_hit"]
        return hit

    async def work(engine: RouterEngine) -> None:
        await until(lambda: served(engine, "a"))
        assert not await served(engine, "b")

    engine = cached(make_engine)
    run(engine, work(engine))


def test_tags_that_choose_deployments_are_in_the_key(make_engine: MakeEngine) -> None:
    async def work(engine: RouterEngine) -> None:
        red = Caller(tags=("default", "red"))
        await until_kept(engine, ask("x"), red)
        assert not await hits(engine, ask("x"), Caller(tags=("default", "blue")))

    engine = cached(make_engine, router={"enable_tag_filtering": True, "tag_filtering_match_any": True})
    for row in engine._settings.model_list:
        row["litellm_params"]["tags"] = ["default"]
    run(engine, work(engine))


# What it never keeps


def test_errors_are_never_kept(make_engine: MakeEngine, upstream: Upstream) -> None:
    async def work(engine: RouterEngine) -> None:
        for number in range(1, 3):
            with pytest.raises(RequestError):
                await engine.chat(ask("[[error 500]] x"), ANONYMOUS)
            assert len(upstream.calls()) == number

    engine = cached(make_engine)
    run(engine, work(engine))


async def read(engine: RouterEngine, request: dict[str, Any], most: int = 1000) -> tuple[list[Any], bool]:
    """The first chunks of a stream, and whether it came from the cache."""
    stream = await engine.chat_stream(request, ANONYMOUS)
    chunks: list[Any] = []
    try:
        async for chunk in stream:
            chunks.append(chunk)
            if len(chunks) == most:
                break
    finally:
        await stream.aclose()
    return chunks, bool(chunks) and bool((getattr(chunks[-1], "litellm", None) or {}).get("cache_hit"))


def content(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def until_stream_kept(engine: RouterEngine, request: dict[str, Any]) -> list[Any]:
    chunks: list[Any] = []

    async def kept() -> bool:
        chunks[:], hit = await read(engine, request)
        return hit

    await until(kept)
    return chunks


def test_a_stream_that_was_left_is_not_kept(make_engine: MakeEngine, upstream: Upstream) -> None:
    async def work(engine: RouterEngine) -> None:
        request = ask("[[slow 40]] x")
        for number in range(1, 3):
            await read(engine, request, most=2)
            await until_stream_kept(engine, ask(f"whole {number}"))
            assert sum("slow" in json.dumps(call["body"]) for call in upstream.calls()) == number

    engine = cached(make_engine)
    run(engine, work(engine))


@pytest.mark.parametrize("fault", ["break", "midstream-error"])
def test_a_stream_that_broke_is_not_kept(make_engine: MakeEngine, upstream: Upstream, fault: str) -> None:
    async def work(engine: RouterEngine) -> None:
        for number in range(1, 3):
            with pytest.raises(RequestError):
                await read(engine, ask(f"[[{fault}]] x"))
            await until_stream_kept(engine, ask(f"whole {number}"))
            assert sum(fault in json.dumps(call["body"]) for call in upstream.calls()) == number

    engine = cached(make_engine)
    run(engine, work(engine))


@pytest.fixture
def ends_without_a_word() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server whose streams end in the middle, as if they were whole; and what it was asked."""
    asked: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))
    piece = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": {"role": "assistant", "content": "half an"}, "finish_reason": None}
    body = f"data: {json.dumps({**piece, 'choices': [choice]})}\n\n".encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(head % len(body) + body)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_a_stream_that_ended_without_a_word_is_not_kept(
    make_engine: MakeEngine, ends_without_a_word: tuple[str, list[bytes]]
) -> None:
    address, asked = ends_without_a_word
    engine = cached(make_engine)
    for row in engine._settings.model_list:
        if row["model_name"] == "small":
            row["litellm_params"] |= {"model": "openai/m", "api_base": address}

    async def work() -> None:
        for number in range(1, 3):
            before = len(asked)
            # An error is as good as half an answer: what counts is the next caller.
            with suppress(RequestError):
                await read(engine, ask("x", model="small"))
            await until_stream_kept(engine, ask(f"whole {number}"))
            assert len(asked) > before

    run(engine, work())


def test_a_stream_of_several_choices_is_not_kept(make_engine: MakeEngine, upstream: Upstream) -> None:
    async def work(engine: RouterEngine) -> None:
        for number in range(1, 3):
            await read(engine, ask("several x", n=2))
            await until_stream_kept(engine, ask(f"whole {number}"))
            assert sum("several" in json.dumps(call["body"]) for call in upstream.calls()) == number

    engine = cached(make_engine)
    run(engine, work(engine))


# What comes out of it


def test_a_replayed_stream_has_its_tool_calls(make_engine: MakeEngine) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    request = ask('[[call look {"at": "it"}]]', tools=tools)

    async def work(engine: RouterEngine) -> None:
        chunks = await until_stream_kept(engine, request)
        calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
        assert [call.function.name for call in calls if call.function.name] == ["look"]
        assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"at": "it"}

    engine = cached(make_engine)
    run(engine, work(engine))


@pytest.mark.parametrize("model", ["gpt", "claude"])
def test_a_replayed_stream_has_its_reasoning(make_engine: MakeEngine, model: str) -> None:
    async def work(engine: RouterEngine) -> None:
        chunks = await until_stream_kept(engine, ask("[[think deep thoughts]] x", model=model))
        assert "deep thoughts" in "".join(
            getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks if chunk.choices
        )
        assert "x" in content(chunks)

    engine = cached(make_engine)
    run(engine, work(engine))


def test_rerank_is_kept(make_engine: MakeEngine, upstream: Upstream) -> None:
    request = {"model": "reranker", "query": "moon", "documents": ["sun", "the moon"], "top_n": 2}

    async def work(engine: RouterEngine) -> None:
        first = await engine.rerank(request, ANONYMOUS)

        async def kept() -> bool:
            before = len(upstream.calls())
            assert (await engine.rerank(request, ANONYMOUS)).documents == first.documents
            return len(upstream.calls()) == before

        await until(kept)

    engine = cached(make_engine)
    run(engine, work(engine))


# Life


def test_a_reload_changes_the_cache_and_closes_the_old_one(make_engine: MakeEngine, tmp_path: Path) -> None:
    import redis

    with redis_server(tmp_path) as port:
        watcher: Any = redis.Redis(port=port)

        def others() -> int:
            return len(watcher.client_list()) - 1

        async def closed() -> bool:
            return not others()

        def switch(path: Path, before: str, after: str) -> None:
            path.write_text(path.read_text().replace(f'"cache": {before}', f'"cache": {after}'))

        async def work(engine: RouterEngine, path: Path) -> None:
            await until_kept(engine, ask("x"))
            assert others() > 0
            switch(path, "true", "false")
            await engine.reload()
            await until(closed)
            assert not await hits(engine, ask("x"))
            switch(path, "false", "true")
            await engine.reload()
            await until_kept(engine, ask("x"))

        engine = cached(make_engine, {"type": "redis", "host": "127.0.0.1", "port": port})
        run(engine, work(engine, engine._settings.path))
        deadline = time.monotonic() + 10
        while others() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not others()
        watcher.close()


def test_entries_are_those_of_litellm(make_engine: MakeEngine, tmp_path: Path) -> None:
    """A LiteLLM Proxy on the same Redis can read what is written here."""
    import redis

    with redis_server(tmp_path) as port:
        cache = {"type": "redis", "host": "127.0.0.1", "port": port, "namespace": "shared"}
        engine = cached(make_engine, cache)
        run(engine, until_kept(engine, ask("x")))
        reader: Any = redis.Redis(port=port)
        (key,) = reader.keys("*")
        entry = json.loads(reader.get(key))
        # LiteLLM's own default.
        assert 0 < reader.ttl(key) <= 60
        reader.close()
    assert key.startswith(b"shared:")
    assert entry.keys() == {"timestamp", "response"}
    assert "x" in json.loads(entry["response"])["choices"][0]["message"]["content"]
