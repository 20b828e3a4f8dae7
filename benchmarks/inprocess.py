"""What this package adds to what it stands on, in one process without the server: JSON on stdout.

``python -m benchmarks.inprocess LITELLM_CONFIG UPSTREAM_URL``, in a line's environment. The proxy engine is pointed at
the upstream: a proxy that costs nothing.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import yaml

from benchmarks import upstream
from benchmarks.workloads import QUESTION
from llama_stack_provider_litellm import LiteLLMConfig, get_adapter_impl
from llama_stack_provider_litellm.hosts.installed import LINE, api

_CHATS = 400
_STREAMS = 30
_IMPORT = (
    "import time; began = time.perf_counter(); import llama_stack_provider_litellm; print(time.perf_counter() - began)"
)
# What a boot cannot do without: what the server has imported itself is there.
_IMPORT_LITELLM = """
import time
from llama_stack_provider_litellm.engines import library
from llama_stack_provider_litellm.hosts.installed import core

core("server.server")
began = time.perf_counter()
library.import_litellm()
library.import_what_calls_need()
print(time.perf_counter() - began)
"""

Timed = Callable[[], Awaitable[float]]


async def made(mode: str, folder: Path, config: str, url: str) -> Any:
    """Our adapter, as the host makes it."""
    settings = {
        "mode": mode,
        "config_path": config,
        "proxy": {"url": url, "api_key": "sk-benchmark"},
        "usage": {"url": f"sqlite:///{folder}/{mode}.db"},
    }
    adapter = await get_adapter_impl(LiteLLMConfig.model_validate(settings), {})
    adapter.__provider_id__ = "litellm"
    adapter.model_store = _Table()
    return adapter


class _Table:
    """The host's table of models, without the host: 0.2's adapter asks it what is behind a name."""

    async def get_model(self, name: str) -> Any:
        """A model of the same name."""
        return SimpleNamespace(provider_resource_id=name)


def asked(stream: bool) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a chat, in the form of this line."""
    if LINE == "0.2":
        return [], {"model": "gpt", "messages": QUESTION, "stream": stream}
    kind = api().OpenAIChatCompletionRequestWithExtraBody
    return [kind(model="gpt", messages=QUESTION, stream=stream)], {}


async def in_turn(first: Timed, second: Timed, count: int) -> float:
    """How much longer the second takes at the median, in seconds. In turn, as the machine is shared; and each as often
    after itself as after the other, as LiteLLM goes on with a call that has been answered, in the next one's time."""
    for once in (first, second) * 3:
        await once()
    longer = []
    for _ in range(count // 2):
        took = [await once() for once in (first, second, second, first)]
        longer.append((took[1] + took[2] - took[0] - took[3]) / 2)
    return statistics.median(longer)


def chat_of(adapter: Any) -> Timed:
    """A chat through the adapter."""

    async def once() -> float:
        began = time.perf_counter()
        arguments, named = asked(stream=False)
        await adapter.openai_chat_completion(*arguments, **named)
        return time.perf_counter() - began

    return once


def chunks_of(stream: Callable[[], Awaitable[AsyncIterator[Any]]]) -> Timed:
    """Seconds per chunk of a stream, from the first."""

    async def once() -> float:
        chunks = await stream()
        await anext(chunks)
        began = time.perf_counter()
        async for _ in chunks:
            pass
        return (time.perf_counter() - began) / upstream.CHUNKS

    return once


class _Again:
    """A stream of the Router's that has been, without the time that the Router takes for its chunks: that is ten times
    ours, and differs from one stream to the next by more than ours is."""

    def __init__(self, stream: Any, chunks: list[Any]) -> None:
        self._hidden_params = stream._hidden_params
        self._chunks = iter(chunks)

    def __aiter__(self) -> _Again:
        return self

    async def __anext__(self) -> Any:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


async def measured(adapters: dict[str, Any], model_list: list[Any], url: str) -> dict[str, float]:
    """Milliseconds per chat, and microseconds per chunk, on top of the Router and on top of aiohttp."""
    from litellm import Router

    router: Any = Router(model_list=model_list)
    for adapter in adapters.values():
        await adapter.should_refresh_models()
    body = {"model": "gpt", "messages": QUESTION}

    async def by_router() -> float:
        began = time.perf_counter()
        await router.acompletion(model="gpt", messages=QUESTION)
        return time.perf_counter() - began

    def adapted(adapter: Any) -> Timed:
        async def stream() -> Any:
            arguments, named = asked(stream=True)
            return aiter(await adapter.openai_chat_completion(*arguments, **named))

        return chunks_of(stream)

    options = {"include_usage": True}
    stream = await router.acompletion(model="gpt", messages=QUESTION, stream=True, stream_options=options)
    chunks = [chunk async for chunk in stream]

    async def streamed_again(**_: Any) -> Any:
        return _Again(stream, chunks)

    async with aiohttp.ClientSession() as session:

        async def by_aiohttp() -> float:
            began = time.perf_counter()
            async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                await response.read()
            return time.perf_counter() - began

        async def streamed_by_aiohttp() -> float:
            asking = {**body, "stream": True, "stream_options": {"include_usage": True}}
            async with session.post(f"{url}/v1/chat/completions", json=asking) as response:
                lines = aiter(response.content)
                await anext(lines)
                began = time.perf_counter()
                async for _ in lines:
                    pass
            return (time.perf_counter() - began) / upstream.CHUNKS

        embedded, proxied = adapters["embedded"], adapters["proxy"]
        found = {
            "adapter_ms": await in_turn(by_router, chat_of(embedded), _CHATS) * 1e3,
            "engine_ms": await in_turn(by_aiohttp, chat_of(proxied), _CHATS) * 1e3,
            "proxy_chunk_us": await in_turn(streamed_by_aiohttp, adapted(proxied), _STREAMS) * 1e6,
        }
        embedded.engine._engine._router().router.acompletion = streamed_again
        found["chunk_us"] = await in_turn(chunks_of(streamed_again), adapted(embedded), _STREAMS) * 1e6
    for adapter in adapters.values():
        await adapter.shutdown()
    router.discard()
    return found


def main(config: str, url: str) -> dict[str, float]:
    """The figures. The adapters are made in a loop that is thrown away, as the host does."""

    async def both(folder: Path) -> dict[str, Any]:
        return {mode: await made(mode, folder, config, url) for mode in ("embedded", "proxy")}

    with tempfile.TemporaryDirectory() as folder:
        adapters = asyncio.run(both(Path(folder)))
        model_list = yaml.safe_load(Path(config).read_text())["model_list"]
        found = asyncio.run(measured(adapters, model_list, url))
    for name, code in (("import_s", _IMPORT), ("import_litellm_s", _IMPORT_LITELLM)):
        found[name] = _seconds(code)
    return found


def _seconds(code: str) -> float:
    """What a Python of its own says that it took."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
