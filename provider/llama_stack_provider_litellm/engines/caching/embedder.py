"""The embedding model of a semantic cache.

LiteLLM's semantic caches look for the Router of a running LiteLLM Proxy at each lookup, which imports the
proxy, and otherwise ask a vendor directly. Here the model may be a name of the config too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import litellm
from litellm.constants import SEMANTIC_CACHE_EMBEDDING_TIMEOUT_SECONDS

from ...errors import ConfigError
from .guard import Watched

# What LiteLLM takes where the config names none.
_DEFAULT = "text-embedding-ada-002"
_NEVER_CACHED = {"no-store": True, "no-cache": True}


class Embedder:
    """Asks one model for the embedding of a prompt."""

    def __init__(self, params: Mapping[str, Any], timeout: float) -> None:
        self._params = {**params, "timeout": timeout, "num_retries": 0, "cache": _NEVER_CACHED}
        self.timeout = timeout

    @classmethod
    def of(
        cls, where: str, key: str, params: Mapping[str, Any], model_list: Sequence[Mapping[str, Any]]
    ) -> Embedder | None:
        """The embedder of a semantic cache whose parameter ``key`` names the model; None without a key.

        Raises ConfigError for a model that is neither in ``model_list`` nor a vendor's.
        """
        if not key:
            return None
        name = str(params.get(key, _DEFAULT))
        timeout = float(params.get("semantic_cache_embedding_timeout", SEMANTIC_CACHE_EMBEDDING_TIMEOUT_SECONDS))
        for deployment in model_list:
            if deployment["model_name"] == name:
                return cls(deployment["litellm_params"], timeout)
        try:
            litellm.get_llm_provider(name)
        except Exception:  # litellm raises BadRequestError for a vendor that it does not know
            raise ConfigError(
                f"{where}.{key}: '{name}' is neither a `model_name` of this config nor a vendor's model. Give the "
                "name of an embedding model of the `model_list`, or one such as openai/text-embedding-3-small."
            ) from None
        return cls({"model": name}, timeout)

    def install(self, store: Any) -> None:
        """Let one of LiteLLM's semantic stores ask this model. The two methods are private; a test guards them."""
        plain = type(store).__name__ != "QdrantSemanticCache"

        async def embed(prompt: str, metadata: Any = None) -> Any:
            text = await asyncio.to_thread(store._embedding_input, prompt, None)
            async with asyncio.timeout(self.timeout):
                answer = await litellm.aembedding(input=text, **self._params)
            return answer["data"][0]["embedding"] if plain else answer

        def embed_at_once(prompt: str, metadata: Any = None) -> Any:
            answer = litellm.embedding(input=store._embedding_input(prompt, None), **self._params)
            return answer["data"][0]["embedding"] if plain else answer

        store._get_async_embedding = Watched(_Holder(embed), lambda exc: False).call
        store._get_embedding = embed_at_once


class _Holder:
    def __init__(self, call: Any) -> None:
        self.call = call
