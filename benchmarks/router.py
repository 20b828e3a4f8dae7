"""LiteLLM's Router alone, in a process of its own: each line on stdin, a JSON of `Times`, is answered with figures.

``python -m benchmarks.router LITELLM_CONFIG PID…``, with the process ids of what works for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks import rounds, upstream
from benchmarks.contenders import ROUTER, Target
from benchmarks.workloads import QUESTION, SOME_TEXTS


class RouterAsking:
    """Asks a Router."""

    def __init__(self, config: Path, pids: list[int]) -> None:
        from litellm import Router

        self.target = Target(ROUTER, "", "gpt", "embed", pids=[os.getpid(), *pids])
        document = yaml.safe_load(config.read_text())
        self._router: Any = Router(model_list=document["model_list"])

    async def chat(self) -> float:
        """A chat of a few words."""
        began = time.perf_counter()
        await self._router.acompletion(model="gpt", messages=QUESTION)
        return time.perf_counter() - began

    async def stream(self) -> tuple[float, float]:
        """A streamed chat: seconds to the first chunk with text, and from there to the end for each chunk."""
        began, first = time.perf_counter(), 0.0
        async for chunk in await self._router.acompletion(model="gpt", messages=QUESTION, stream=True):
            if not first and chunk.choices and chunk.choices[0].delta.content:
                first = time.perf_counter()
        return first - began, (time.perf_counter() - first) / (upstream.CHUNKS - 1)

    async def embeddings(self) -> float:
        """Vectors of many texts."""
        began = time.perf_counter()
        await self._router.aembedding(model="embed", input=SOME_TEXTS, encoding_format="base64")
        return time.perf_counter() - began


async def serve(config: Path, pids: list[int]) -> None:
    """Answer until stdin ends."""
    asking = RouterAsking(config, pids)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await rounds.figures(asking, rounds.Times(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), [int(pid) for pid in sys.argv[2:]]))
