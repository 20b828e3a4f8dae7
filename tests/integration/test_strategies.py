"""Each ``routing_strategy`` chooses as LiteLLM documents; one stack follows a config that changes to the next."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from tests import modes
from tests.integration.routed import Routed, deployment, routed
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

RELOAD_SECONDS = 20


def config(strategy: str, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"model_list": list(models), "router_settings": {"routing_strategy": strategy, "num_retries": 0}}


@pytest.fixture(scope="module")
def stack(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    models = [deployment(upstream, "first", "first-1")]
    with routed(tmp_path_factory.mktemp("strategies"), upstream, config("simple-shuffle", models)) as server:
        yield server


def use(stack: Routed, strategy: str, *models: dict[str, Any]) -> None:
    """Have the stack follow a config of these models, which are new to it, and this strategy."""
    text = yaml.safe_dump(config(strategy, models))
    if proxy := stack.stack.proxy:
        proxy.stop()
        proxy.configure(text)
        proxy.start()
    else:
        (stack.stack.folder / "config.yaml").write_text(text)
    wanted = {f"litellm/{model['model_name']}" for model in models}
    # In mode auto the stack's own config has its model besides.
    wanted |= {"litellm/first"} if modes.current == "auto" else set()
    deadline = time.monotonic() + RELOAD_SECONDS
    while stack.stack.models().keys() != wanted:
        assert time.monotonic() < deadline, "the stack does not follow its config"
        time.sleep(0.02)


def test_least_busy(stack: Routed, word: str) -> None:
    use(stack, "least-busy", *(deployment(stack.upstream, "idle", f"idle-{letter}") for letter in "ab"))
    with ExitStack() as streams:
        body = {"model": "idle", "messages": [{"role": "user", "content": f"[[slow 600]] {word}"}], "stream": True}
        url = f"{stack.stack.openai_url}/chat/completions"
        held = []
        for _ in range(20):
            # It counts as under way from before its first chunk to its end.
            lines = streams.enter_context(stack.http.stream("POST", url, json=body)).iter_lines()
            assert "chat.completion.chunk" in next(lines)
            # httpx ends a stream with its reader.
            held.append(lines)
        arrived = stack.arrived(word)
    assert {call["outcome"] for _, call in arrived} == {"pending"}
    # With as many under way either is right; then it must be the other one.
    busy = [id for id, _ in arrived]
    assert [set(busy[place : place + 2]) for place in range(0, 20, 2)] == [{"idle-a", "idle-b"}] * 10


def test_latency_based_routing(stack: Routed, word: str) -> None:
    models = [deployment(stack.upstream, "quick", speed, model=f"openai/{speed}-m") for speed in ("slow", "fast")]
    use(stack, "latency-based-routing", *models)
    # LiteLLM counts seconds per token: 8 tokens in 0.4 s against some 50 at once.
    text = f"[[slow 8 model=slow-m]] {word} " + "and so on " * 15
    # LiteLLM notes what it goes by in the background.
    answered = [stack.chat("quick", text).by for _ in range(45)]
    assert "slow" in answered, "it has to be tried to be known"
    # By chance, once in 3 * 10^7 times.
    assert set(answered[20:]) == {"fast"}


def test_cost_based_routing(stack: Routed, word: str) -> None:
    prices = {"dear": 0.002, "cheap": 0.001, "dearest": 0.003}
    models = [
        deployment(stack.upstream, "frugal", id, input_cost_per_token=price, output_cost_per_token=price)
        for id, price in prices.items()
    ]
    use(stack, "cost-based-routing", *models)
    # Of an even choice among three, once in 10^12 times.
    assert {stack.chat("frugal", word).by for _ in range(25)} == {"cheap"}
