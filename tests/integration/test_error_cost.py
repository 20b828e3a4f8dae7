"""An error costs no more than an answer: nothing renders a traceback on the event loop."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.line import OPENAI
from tests.processes import processor_time
from tests.stack import Stack

pytestmark = [pytest.mark.long, pytest.mark.any_host]

ANSWER, ERROR = "hello you", "[[error 429]]"
OTHERS = 4
IN_A_TURN, TURNS = 20, 30


def body(text: str, stream: bool = False) -> dict[str, Any]:
    return {"model": "gpt", "messages": [{"role": "user", "content": text}], "stream": stream}


async def timed(client: httpx.AsyncClient, request: dict[str, Any], url: str = OPENAI, key: str = "") -> float:
    """How long a request takes, in milliseconds."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    began = time.perf_counter()
    await client.post(f"{url}/chat/completions", json=request, headers=headers)
    return (time.perf_counter() - began) * 1000


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", ["error 429", "error 500", "midstream-error"])
def test_one_error(stack: Stack, fault: str, stream: bool) -> None:
    proxy, asked = stack.proxy, [body("hello there", stream), body(f"[[{fault}]]", stream)]

    async def compare() -> list[float]:
        """The time of an answer and of an error, at the median; what a LiteLLM Proxy takes for them is its own."""
        async with httpx.AsyncClient(timeout=30) as client:
            times: list[list[float]] = [[], []]
            behind: list[list[float]] = [[], []]
            for _ in range(25):
                for number, request in enumerate(asked):
                    times[number].append(await timed(client, request, f"{stack.url}{OPENAI}"))
                    if proxy is not None:
                        behind[number].append(await timed(client, request, f"{proxy.url}/v1", proxy.key))
            own = [statistics.median(seen) if seen else 0.0 for seen in behind]
            return [statistics.median(seen) - less for seen, less in zip(times, own, strict=True)]

    answer, error = asyncio.run(compare())
    assert error < answer + 20, f"an answer takes {answer:.1f} ms, an error {error:.1f} ms"


@pytest.mark.any_host
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a process's clock is asked for as Linux names it")
@pytest.mark.embedded_only("what an error costs a LiteLLM Proxy is the proxy's own")
def test_errors_slow_the_others_no_more_than_answers(stack: Stack) -> None:
    async def others(client: httpx.AsyncClient, beside: str) -> float:
        """What other callers wait for an answer, at the median, while ``IN_A_TURN`` requests of a kind are served.

        In the processor time of the server, which is busy all the while: what else runs on the machine makes the
        callers wait as well, and is not what an error costs.
        """
        over = asyncio.Event()
        waits: list[float] = []

        async def other() -> None:
            while not over.is_set():
                began = processor_time(stack.pid)
                await timed(client, body("hello there"))
                waits.append(processor_time(stack.pid) - began)

        async def of_a_kind() -> None:
            gate = asyncio.Semaphore(4)

            async def one() -> None:
                async with gate:
                    await timed(client, body(beside))

            await asyncio.gather(*(one() for _ in range(IN_A_TURN)))
            over.set()

        await asyncio.gather(of_a_kind(), *(other() for _ in range(OTHERS)))
        return statistics.median(waits)

    async def ratios() -> list[float]:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=stack.url, timeout=30, limits=limits) as client:
            for kind in (ANSWER, ERROR):
                await others(client, kind)
            found = []
            for turn in range(TURNS):
                # Within a second or two, each as often first: a processor that is shared is not always as fast.
                kinds = (ANSWER, ERROR) if turn % 2 else (ERROR, ANSWER)
                waits = {kind: await others(client, kind) for kind in kinds}
                found.append(waits[ERROR] / waits[ANSWER])
            return found

    found = asyncio.run(ratios())
    assert statistics.median(found) < 1.1, f"others wait {found} times as long beside errors as beside answers"
