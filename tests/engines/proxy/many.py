"""100,000 requests of one process through the proxy engine; what it holds after the first 1,000 and at the end.

``python -m tests.engines.proxy.many URL`` prints two JSON lines: ``{"mib": …, "files": …, "wrong": …}``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import ProxySettings
from llama_stack_provider_litellm.engines.proxy import ProxyEngine
from tests import waiting
from tests.processes import memory, open_files

FIRST, ALL, AT_ONCE = 1_000, 100_000, 32


async def _held(wrong: int, sockets: int) -> str:
    """What is held when the pool has closed its idle connections: there were as many as at the busiest moment."""
    await asyncio.to_thread(waiting.until, lambda: _sockets() <= sockets, seconds=30)
    gc.collect()
    return json.dumps({"mib": memory(os.getpid()), "files": len(open_files(os.getpid())), "wrong": wrong})


def _sockets() -> int:
    return sum(name.startswith("socket:") for name in open_files(os.getpid()))


async def _ask(engine: ProxyEngine, number: int) -> bool:
    """One request, every fourth a stream and some embeddings; whether the answer is its own."""
    text, caller = f"text-{number}x", Caller(api_key=f"sk-{number % 500}", user=f"user-{number}")
    chat = {"model": "gpt", "messages": [{"role": "user", "content": text}]}
    if number % 16 == 0:
        return len((await engine.embed({"model": "embedding", "input": [text]}, caller)).data) == 1
    if number % 4 == 0:
        stream = await engine.chat_stream(chat, caller)
        said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    else:
        said = (await engine.chat(chat, caller)).choices[0].message.content or ""
    return said == f"echo: {text} by sk-{number % 500}"


async def main(url: str) -> None:
    """Ask, from 32 callers at once."""
    sockets = _sockets()
    settings = {"url": url, "api_key": "sk-of-the-stack", "keep_alive": 1}
    engine = ProxyEngine(ProxySettings.model_validate(settings))
    await engine.start(lambda: None)
    numbers, wrong = iter(range(ALL)), 0

    async def caller(until: int) -> None:
        nonlocal wrong
        for number in numbers:
            wrong += not await _ask(engine, number)
            if number >= until:
                return

    for until in (FIRST, ALL):
        await asyncio.gather(*(caller(until) for _ in range(AT_ONCE)))
        print(await _held(wrong, sockets), flush=True)
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
