"""A RouterEngine on a real upstream, one event loop per piece of work, and an imitation of a LiteLLM Proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.engines.router import RouterEngine
from tests.imitation import Imitation, imitation_proxy
from tests.upstream.process import Upstream, start_upstream

OPENAI_KEY = "sk-planted-openai"
MakeEngine = Callable[[str], RouterEngine]


@pytest.fixture(scope="session")
def shared_imitation() -> Iterator[Imitation]:
    with imitation_proxy() as server:
        yield server


@pytest.fixture
def imitation(shared_imitation: Imitation) -> Imitation:
    """One that is never stopped."""
    shared_imitation.clear()
    return shared_imitation


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[Upstream]:
    with start_upstream() as server:
        yield server


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    shared_upstream.clear()
    return shared_upstream


@pytest.fixture
def make_engine(upstream: Upstream, tmp_path: Path) -> MakeEngine:
    """Makes engines on the upstream's models and on more YAML, for example ``litellm_settings: …``."""

    def make(more: str = "router_settings: {num_retries: 0, disable_cooldowns: true}") -> RouterEngine:
        openai = f"api_key: {OPENAI_KEY}, api_base: '{upstream.url}/v1'"
        anthropic = f"api_key: sk-planted-anthropic, api_base: '{upstream.url}'"
        path = tmp_path / "config.yaml"
        path.write_text(f"""
model_list:
- {{model_name: gpt, litellm_params: {{model: openai/gpt-4o-mini, {openai}}}}}
- {{model_name: claude, litellm_params: {{model: anthropic/claude-sonnet-4-5, {anthropic}}}}}
- model_name: embedding
  litellm_params: {{model: openai/embed-1, {openai}}}
  model_info: {{mode: embedding, output_vector_size: 64}}
- {{model_name: small, litellm_params: {{model: openai/text-embedding-3-small, {openai}}}}}
- {{model_name: reranker, litellm_params: {{model: hosted_vllm/rerank-1, {openai}}}, model_info: {{mode: rerank}}}}
- {{model_name: refused, litellm_params: {{model: openai/m, api_key: k-planted, api_base: 'http://127.0.0.1:9/v1'}}}}
{more}
""")
        return RouterEngine(settings.load(path))

    return make


@pytest.fixture
def engine(make_engine: MakeEngine) -> RouterEngine:
    return make_engine("router_settings: {num_retries: 0, disable_cooldowns: true}")


def run[T](engine: RouterEngine, work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end in a loop of its own, and closes the engine there."""

    async def run_and_close() -> T:
        try:
            return await work
        finally:
            await engine.close()

    return asyncio.run(run_and_close())


def ask(text: str, model: str = "gpt", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


async def until(holds: Callable[[], Awaitable[Any]]) -> None:
    """Ask until it is so, for ten seconds at most."""
    async with asyncio.timeout(10):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.01)
