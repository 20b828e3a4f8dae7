"""What is put right in LiteLLM's cache is still wrong there, and the private names that it takes are still there."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys

import pytest

from llama_stack_provider_litellm.engines import library
from llama_stack_provider_litellm.patching import MARK

library.import_litellm()

from litellm import _redis  # noqa: E402
from litellm.caching.caching import Cache  # noqa: E402
from litellm.caching.caching_handler import LLMCachingHandler  # noqa: E402
from litellm.caching.qdrant_semantic_cache import QdrantSemanticCache  # noqa: E402
from litellm.caching.redis_semantic_cache import RedisSemanticCache  # noqa: E402
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper  # noqa: E402

from llama_stack_provider_litellm.engines.caching import hits  # noqa: E402

# A hit, twice on a Router, in a LiteLLM that nobody has touched.
PLAIN = """
import asyncio, litellm
litellm.cache = litellm.Cache(type="local")
params = {"model": "openai/x", "api_key": "k", "mock_response": "hello there"}
router = litellm.Router(
    model_list=[{"model_name": "m", "litellm_params": params}], cache_responses=True, num_retries=0
)
ARGUMENTS = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
async def main():
    await router.acompletion(**ARGUMENTS)
    await asyncio.sleep(0.5)
    answer = await router.acompletion(**ARGUMENTS)
    print("HIT", answer._hidden_params.get("cache_hit"))
asyncio.run(main())
"""


def plain(program: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "CRITICAL"}
    return subprocess.run([sys.executable, "-W", "ignore", "-c", program], env=env, capture_output=True, text=True)


def test_litellm_still_needs_the_proxy_s_packages_for_a_hit() -> None:
    missing = [name for name in hits._PROXY_PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        pytest.skip("fastapi, orjson and soundfile are all here, so LiteLLM's own import works")
    ran = plain(PLAIN)
    assert "ModuleNotFoundError" in ran.stderr, f"LiteLLM needs no stand-in any more:\n{ran.stdout}{ran.stderr[-800:]}"


def test_with_the_stand_in_it_does_not() -> None:
    ran = plain(f"from llama_stack_provider_litellm.engines.caching import hits\nhits.install()\n{PLAIN}")
    assert "HIT True" in ran.stdout, ran.stderr


def test_the_names_that_are_replaced_are_there() -> None:
    hits.install()
    for owner, name in (
        (CustomStreamWrapper, "async_cache_streaming_response"),
        (LLMCachingHandler, "_convert_cached_stream_response"),
        (LLMCachingHandler, "combine_cached_embedding_response_with_api_result"),
    ):
        assert hasattr(getattr(owner, name), MARK)
        assert hasattr(getattr(owner, name), "__wrapped__")


def test_litellm_still_replays_text_as_a_chat_s_stream() -> None:
    hits.install()
    source = inspect.getsource(inspect.unwrap(LLMCachingHandler._convert_cached_stream_response))
    assert "TextCompletionStreamWrapper" not in source


def test_the_private_names_are_there() -> None:
    assert "_backend" in inspect.signature(Cache.__init__).parameters
    assert {"_get_model_param_value"} <= vars(Cache).keys()
    assert callable(_redis.get_redis_async_client) and callable(_redis.get_redis_connection_pool)
    for store in (QdrantSemanticCache, RedisSemanticCache):
        assert {"_get_async_embedding", "_get_embedding", "_embedding_input"} <= vars(store).keys()
        assert "_get_async_embedding(" in inspect.getsource(store.async_get_cache)
