"""An error costs at most 20 ms more than an answer: nothing renders a traceback on the event loop."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import httpx
import pytest

from tests.stack import Stack


def body(text: str, stream: bool = False) -> dict[str, Any]:
    return {"model": "gpt", "messages": [{"role": "user", "content": text}], "stream": stream}


async def timed(client: httpx.AsyncClient, request: dict[str, Any]) -> float:
    """How long a request takes, in milliseconds."""
    began = time.perf_counter()
    await client.post("/v1/openai/v1/chat/completions", json=request)
    return (time.perf_counter() - began) * 1000


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", ["error 429", "error 500", "midstream-error"])
def test_one_error(stack: Stack, fault: str, stream: bool) -> None:
    async def compare() -> tuple[float, float]:
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            answers, errors = [], []
            for _ in range(25):
                answers.append(await timed(client, body("hello there", stream)))
                errors.append(await timed(client, body(f"[[{fault}]]", stream)))
            return statistics.median(answers), statistics.median(errors)

    answer, error = asyncio.run(compare())
    assert error < answer + 20, f"an answer takes {answer:.1f} ms, an error {error:.1f} ms"
