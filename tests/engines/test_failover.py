"""The proxy while it is there, somebody else while it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llama_stack_provider_litellm import catalog as catalogs
from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines.base import Changed
from llama_stack_provider_litellm.engines.failover import FailoverEngine
from llama_stack_provider_litellm.engines.proxy import ProxyEngine, watch
from llama_stack_provider_litellm.usage import metrics
from tests.engines.proxy.conftest import CHAT, ask, collected, settings, so
from tests.imitation import Imitation, imitation_proxy
from tests.middle import Middle
from tests.sockets import reserve

METHODS = ("chat", "chat_stream", "complete", "complete_stream", "embed", "rerank")


class Embedded:
    """As much of the embedded engine as is needed: it answers with what it was asked."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.calls: list[tuple[str, dict[str, Any], Caller]] = []
        self.reloads = 0
        self.problem: str | None = None
        self.life: list[str] = []
        self._models = catalogs.build(
            rows or [_row("gpt"), _row("embedding", dimension=64), _row("here")], lambda _: {}
        )

    async def start(self, changed: Changed) -> None:
        self.life.append("started")

    async def catalog(self) -> catalogs.Catalog:
        return self._models

    def sources(self) -> tuple[Path, ...]:
        return (Path("config.yaml"),)

    def trouble(self) -> str | None:
        return self.problem

    async def reload(self) -> None:
        self.reloads += 1

    async def close(self) -> None:
        self.life.append("closed")

    def __getattr__(self, method: str) -> Any:
        if method not in METHODS:
            raise AttributeError(method)

        async def call(request: dict[str, Any], caller: Caller) -> Any:
            self.calls.append((method, request, caller))
            return "embedded"

        return call


def _row(name: str, dimension: int | None = None) -> dict[str, Any]:
    info = {"mode": "embedding", "output_vector_size": dimension} if dimension else {"mode": "chat"}
    return {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": info}


@pytest.fixture(autouse=True)
def switches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where requests began to go, as it is counted; looks follow one another fast."""
    for name, seconds in (("_EVERY", 0.05), ("_SOON", 0.02), ("_SELDOM", 0.05)):
        monkeypatch.setattr(watch, name, seconds)
    found: list[str] = []
    monkeypatch.setattr(metrics, "switched", found.append)
    return found


@asynccontextmanager
async def both(
    url: str, *rows: dict[str, Any], virtual_keys: bool = False, **more: Any
) -> AsyncIterator[SimpleNamespace]:
    """A started engine and its halves: ``engine``, ``proxy``, ``embedded``."""
    proxy, embedded = ProxyEngine(settings(url, **more), replaceable=True), Embedded(*rows)
    engine = FailoverEngine(proxy, embedded, virtual_keys=virtual_keys)
    await engine.start(lambda: None)
    try:
        yield SimpleNamespace(engine=engine, proxy=proxy, embedded=embedded)
    finally:
        await engine.close()
    assert embedded.life == ["started", "closed"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


def request_of(method: str, text: str) -> dict[str, Any]:
    if method.startswith("chat"):
        return ask(text)
    if method == "embed":
        return {"model": "embedding", "input": [text]}
    return {"model": "gpt", "prompt": text, "query": text, "documents": ["a"]}


def is_embedded(answer: Any) -> bool:
    return bool(answer == "embedded")


# What fails over


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", ["[[gone 502]]", "[[gone 503]]", "[[gone 504]]", "[[cut 0]]", "[[cut body 0]]"])
def test_a_proxy_that_is_gone_before_anything_has_come(imitation: Imitation, method: str, fault: str) -> None:
    caller = Caller(user="ann", tags=("a",), metadata={"k": "v"}, headers={"traceparent": "00"})
    request = request_of(method, fault)

    async def live() -> None:
        async with both(imitation.url) as one:
            assert is_embedded(await getattr(one.engine, method)(request, caller))
            assert one.embedded.calls == [(method, request, caller)], "the same request, of the same caller"

    asyncio.run(live())


def test_a_port_that_refuses() -> None:
    async def live() -> None:
        async with both(f"http://127.0.0.1:{place.getsockname()[1]}") as one:
            assert is_embedded(await one.engine.chat(ask("hi"), ANONYMOUS))
            assert one.engine.trouble() is None, "requests are served"
            assert sorted((await one.engine.catalog()).entries) == ["embedding", "gpt", "here"]

    with reserve() as place:
        asyncio.run(live())


def test_a_proxy_that_does_not_take_connections_any_more(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(f"http://127.0.0.1:{line.port}") as one:
            assert not is_embedded(await one.engine.chat(ask("hi"), ANONYMOUS))
            await asyncio.to_thread(line.cut)
            assert is_embedded(await one.engine.chat(ask("hi"), ANONYMOUS))

    with Middle(imitation.port) as line:
        asyncio.run(live())


@pytest.mark.parametrize("method", ["chat", "chat_stream", "embed"])
def test_nobody_waits_for_a_proxy_that_hangs(imitation: Imitation, method: str) -> None:
    async def live() -> None:
        async with both(f"http://127.0.0.1:{line.port}", connect_timeout=0.2) as one:
            await asyncio.to_thread(line.hang)
            began = time.monotonic()
            assert is_embedded(await getattr(one.engine, method)(request_of(method, "hi"), ANONYMOUS))
            assert 0.4 < time.monotonic() - began < 5, "three looks are in vain first"

    with Middle(imitation.port) as line:
        asyncio.run(live())


def test_a_busy_proxy_is_waited_for(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url, connect_timeout=0.2, pool_size=1) as one:
            answers = await asyncio.gather(*(one.engine.chat(ask(f"{n} [[slow 8]]"), ANONYMOUS) for n in range(2)))
            assert not any(map(is_embedded, answers))

    asyncio.run(live())


# What does not


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "fault",
    [
        *(f"[[error {status}]]" for status in (400, 401, 404, 408, 429, 500, 502, 503, 504)),
        *("[[crash]]", "[[html]]", "[[cut body 9]]", "[[headers 3000]]"),
    ],
)
def test_an_answer_is_no_reason_to_ask_again(
    imitation: Imitation, method: str, fault: str, switches: list[str]
) -> None:
    async def live() -> None:
        async with both(imitation.url) as one:
            with pytest.raises(errors.RequestError):
                await getattr(one.engine, method)(request_of(method, fault), ANONYMOUS)
            assert one.embedded.calls == []

    asyncio.run(live())
    assert switches == []


@pytest.mark.parametrize("fault", ["[[no-done]]", "[[stream-error 503]]", "[[cut body 700]]", "[[short]]"])
def test_a_stream_that_has_begun_is_not_begun_again(imitation: Imitation, fault: str) -> None:
    async def live() -> None:
        async with both(imitation.url) as one:
            stream = await one.engine.chat_stream(ask(f"one two {fault}"), ANONYMOUS)
            with pytest.raises(errors.RequestError):
                await collected(stream)
            assert one.embedded.calls == []

    asyncio.run(live())


def test_an_upstream_that_is_silent_is_not_the_proxy(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url, timeout=0.3) as one:
            with pytest.raises(errors.UpstreamTimeout):
                await one.engine.chat(ask("[[hang]]"), ANONYMOUS)
            assert one.embedded.calls == []

    asyncio.run(live())


@pytest.mark.parametrize("key", ["sk-unknown-1", "sk-budget-1", "sk-limited-1"])
def test_a_key_that_is_refused_is_refused(imitation: Imitation, key: str) -> None:
    async def live() -> None:
        async with both(imitation.url, virtual_keys=True) as one:
            with pytest.raises((errors.KeyRefused, errors.BudgetExceeded, errors.KeyLimited)):
                await one.engine.chat(ask("hi"), Caller(api_key=key))
            assert one.embedded.calls == []

    asyncio.run(live())


# Virtual keys


@pytest.mark.parametrize("fault", ["[[gone 503]]", "[[cut 0]]"])
def test_a_virtual_key_is_good_at_the_proxy_only(imitation: Imitation, fault: str) -> None:
    async def live() -> None:
        async with both(imitation.url) as one:
            with pytest.raises(errors.KeyNeedsProxy) as caught:
                await one.engine.chat(ask(fault), Caller(api_key="sk-virtual-1"))
            assert caught.value.status_code == 503
            assert caught.value.message.startswith("Model gpt: a virtual key is good at the proxy only. ")
            assert "`failover_virtual_keys: true`" in caught.value.message
            assert "sk-virtual" not in caught.value.message
            assert one.embedded.calls == []

    asyncio.run(live())


def test_a_virtual_key_may_be_allowed_to_fail_over_and_stays_behind(imitation: Imitation) -> None:
    caller = Caller(user="ann", api_key="sk-virtual-1")

    async def live() -> None:
        async with both(imitation.url, virtual_keys=True) as one:
            assert is_embedded(await one.engine.chat(ask("[[cut 0]]"), caller))
            ((_, _, asked_by),) = one.embedded.calls
            assert asked_by == Caller(user="ann")

    asyncio.run(live())
    assert caller.api_key == "sk-virtual-1"


def test_a_virtual_key_is_no_key_to_a_model_of_the_stack_alone(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url, virtual_keys=True) as one:
            with pytest.raises(errors.ModelNotFound):
                await one.engine.chat(ask("hi", "here"), Caller(api_key="sk-virtual-1"))
            assert one.embedded.calls == []

    asyncio.run(live())


# Models that only one has


def test_models_of_one_side(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url) as one:
            together = await one.engine.catalog()
            assert {"gpt", "here", "own/*", "reranker"} <= together.entries.keys()
            assert await one.engine.catalog() is together, "made once"
            assert is_embedded(await one.engine.chat(ask("hi", "here"), ANONYMOUS))
            assert not is_embedded(await one.engine.chat(ask("hi", "own/x"), ANONYMOUS))
            assert not is_embedded(await one.engine.chat(ask("hi", "gpt"), ANONYMOUS)), "the proxy goes first"
            with pytest.raises(errors.ModelNotFound, match=r"in the LiteLLM Proxy at .* or the LiteLLM config"):
                await one.engine.chat(ask("hi", "nowhere"), ANONYMOUS)
            with pytest.raises(errors.ProxyGone, match="Model own/x: only the proxy has it"):
                await one.engine.chat(ask("[[cut 0]]", "own/x"), ANONYMOUS)

    asyncio.run(live())


def test_vectors_of_another_size_do_not_take_their_place(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url, _row("embedding", dimension=65)) as one:
            with pytest.raises(errors.ProxyGone, match="only the proxy has it with vectors of 64 numbers"):
                await one.engine.embed({"model": "embedding", "input": ["[[cut 0]]"]}, ANONYMOUS)
            assert one.embedded.calls == []

    asyncio.run(live())


# The circuit


def test_it_opens_once_and_closes_again(switches: list[str], caplog: pytest.LogCaptureFixture) -> None:
    async def live() -> None:
        async with both(server.url) as one:
            assert not is_embedded(await one.engine.chat(ask("hi"), ANONYMOUS))
            await asyncio.to_thread(server.stop)
            answers = await asyncio.gather(*(one.engine.chat(ask("hi"), ANONYMOUS) for _ in range(20)))
            assert all(map(is_embedded, answers))
            assert one.engine.trouble() is None
            await asyncio.to_thread(server.start)
            await so(lambda: one.proxy.trouble() is None)
            assert not is_embedded(await one.engine.chat(ask("hi"), ANONYMOUS))

    with imitation_proxy() as server:
        asyncio.run(live())
    assert switches == ["embedded", "proxy"]
    assert caplog.text.count("Requests go to the embedded router until it is back.") == 1


def test_while_it_is_open_the_proxy_is_not_asked(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url) as one:
            imitation.behave("/health/readiness", "[[gone 503]]")
            await so(lambda: one.proxy.trouble() is not None)
            for _ in range(5):
                assert is_embedded(await one.engine.chat(ask("hi"), ANONYMOUS))
            with pytest.raises(errors.KeyNeedsProxy):
                await one.engine.chat(ask("hi"), Caller(api_key="sk-virtual-1"))

    asyncio.run(live())
    assert not [request for request in imitation.seen()["requests"] if request["path"] == CHAT]


def test_a_stack_that_begins_without_a_proxy_gets_its_models_later(imitation: Imitation) -> None:
    async def live() -> None:
        imitation.behave("/health/readiness", "[[gone 503]]")
        async with both(imitation.url) as one:
            assert "own/*" not in (await one.engine.catalog()).entries
            with pytest.raises(errors.Unavailable):
                await one.engine.chat(ask("hi", "nowhere"), ANONYMOUS)
            await asyncio.to_thread(imitation.clear)
            await so(lambda: one.proxy._models.known.away is None)
            assert "own/*" in (await one.engine.catalog()).entries

    asyncio.run(live())


# The rest of an engine


def test_reading_again_reads_both(imitation: Imitation) -> None:
    async def live() -> None:
        async with both(imitation.url) as one:
            asked = len([r for r in imitation.seen()["requests"] if r["path"] == "/v1/models"])
            await one.engine.reload()
            assert one.embedded.reloads == 1
            assert len([r for r in imitation.seen()["requests"] if r["path"] == "/v1/models"]) == asked + 1
            assert one.engine.sources() == (Path("config.yaml"),)
            one.embedded.problem = "its config is wrong"
            assert one.engine.trouble() == "its config is wrong"

    asyncio.run(live())


def test_reading_again_without_a_proxy_is_no_error() -> None:
    async def live() -> None:
        async with both(f"http://127.0.0.1:{place.getsockname()[1]}") as one:
            await one.engine.reload()
            assert one.embedded.reloads == 1

    with reserve() as place:
        asyncio.run(live())
