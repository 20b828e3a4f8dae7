"""A ProxyEngine on an imitation of a LiteLLM Proxy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.config import ProxySettings
from llama_stack_provider_litellm.engines.proxy import ProxyEngine, watch
from llama_stack_provider_litellm.engines.proxy.connection import Connection
from tests.imitation import Imitation, imitation_proxy

KEY = "sk-planted-stack"
CHAT = "/v1/chat/completions"
HEADERS = {"Authorization": "Bearer sk-good"}


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def mortal() -> Iterator[Imitation]:
    """One that a test may stop."""
    with imitation_proxy() as server:
        yield server


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch looks so often that nobody has to wait for it."""
    for name, seconds in (("_EVERY", 0.05), ("_SOON", 0.02), ("_SELDOM", 0.05)):
        monkeypatch.setattr(watch, name, seconds)


def settings(url: str, **more: Any) -> ProxySettings:
    return ProxySettings.model_validate({"url": url, "api_key": KEY, "connect_timeout": 2, **more})


@asynccontextmanager
async def serving(url: str, *, strict: bool = False, probe: bool = False, **more: Any) -> AsyncIterator[ProxyEngine]:
    """A started engine, which leaves no task behind."""
    engine = ProxyEngine(settings(url, **more), strict_params=strict, probe_dimensions=probe)
    await engine.start(lambda: None)
    try:
        yield engine
    finally:
        await engine.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@asynccontextmanager
async def connected(url: str, **more: Any) -> AsyncIterator[Connection]:
    connection = Connection(settings(url, **more))
    try:
        yield connection
    finally:
        await connection.close()


async def fetch(connection: Connection, text: str = "hi", headers: Mapping[str, str] = HEADERS) -> Any:
    response = await connection.send(CHAT, ask(text), headers)
    return json.loads(await connection.read(response))


def refusal(url: str, text: str = "hi", **more: Any) -> errors.RequestError:
    """What a chat fails with."""

    async def failing() -> errors.RequestError:
        async with connected(url, **more) as connection:
            with pytest.raises(errors.RequestError) as caught:
                await fetch(connection, text)
            return caught.value

    return run(failing())


def answers(url: str, text: str = "hi", **more: Any) -> bool:
    """Whether a chat succeeds."""

    async def asking() -> bool:
        async with connected(url, **more) as connection:
            return "choices" in await fetch(connection, text)

    return run(asking())


def run[T](work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def so(holds: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def collected(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def ask(text: str, model: str = "gpt", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}
