"""What the Router itself refuses while its deployments cool down."""

from __future__ import annotations

from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines.router import RouterEngine
from tests.engines.conftest import MakeEngine, ask, run
from tests.upstream.process import Upstream


def second(upstream: Upstream) -> str:
    """A second deployment of gpt; the Router lets a single one never cool down."""
    params = f"{{model: openai/gpt-4o, api_key: k-planted, api_base: '{upstream.url}/v1'}}"
    return f"- {{model_name: gpt, litellm_params: {params}}}\n"


async def answer(engine: RouterEngine, text: str, *, stream: bool) -> Any:
    if stream:
        return [chunk async for chunk in await engine.chat_stream(ask(text), ANONYMOUS)]
    return await engine.chat(ask(text), ANONYMOUS)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_cools_down_is_429_with_its_wait(
    make_engine: MakeEngine, upstream: Upstream, stream: bool
) -> None:
    engine = make_engine(second(upstream) + "router_settings: {num_retries: 0, cooldown_time: 40}")

    async def exhaust() -> None:
        for _ in range(2):
            with pytest.raises(errors.RateLimited, match="velvet"):
                await answer(engine, "[[error 429]] velvet", stream=stream)
        before = len(upstream.calls())
        with pytest.raises(errors.RateLimited, match=r"^Model gpt: No deployments available") as caught:
            await answer(engine, "hello", stream=stream)
        assert caught.value.retry_after == 40
        assert caught.value.__cause__ is None and caught.value.__suppress_context__
        assert len(upstream.calls()) == before, "nobody was asked"

    run(engine, exhaust())
