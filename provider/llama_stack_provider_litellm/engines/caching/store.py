"""LiteLLM's ``Cache`` on a store of ours, with everything in the key that an answer depends on."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import litellm
from litellm.caching.base_cache import BaseCache
from litellm.caching.caching import Cache
from litellm.litellm_core_utils.model_param_helper import ModelParamHelper
from litellm.types.utils import is_litellm_owned_kwarg

from .guard import Guard

# LiteLLM adds them to each call; they do not change an answer.
_NOT_ASKED_FOR = frozenset({"timeout", "parent_otel_span", "cache_key"})
_NUMBERS = ("ttl", "default_in_memory_ttl", "default_in_redis_ttl", "similarity_threshold")
_LISTS = ("input_callback", "success_callback", "_async_success_callback")


class ResponseCache(Cache):
    """LiteLLM's cache. ``_backend``, and the method that is overridden here, are private; a test guards both."""

    def __init__(self, store: BaseCache, kind: str, params: Mapping[str, Any], *, with_tags: bool) -> None:
        known = inspect.signature(Cache.__init__).parameters.keys()
        given = {name: value for name, value in params.items() if name in known}
        given |= {name: float(given[name]) for name in _NUMBERS if name in given}
        with quiet_callbacks():
            super().__init__(type=kind, **given, _backend=store)  # type: ignore[arg-type]
        self._with_tags = with_tags

    def _get_model_param_value(self, kwargs: dict[str, Any]) -> str:
        """The model's name in the key, and with it what LiteLLM leaves out of the key: headers, and parameters that
        only some vendors know."""
        known = ModelParamHelper.get_all_llm_api_params()
        left_out = {
            name: value
            for name, value in kwargs.items()
            if value is not None
            and name not in known
            and name not in _NOT_ASKED_FOR
            and not is_litellm_owned_kwarg(name)
        }
        if self._with_tags and (tags := (kwargs.get("metadata") or {}).get("tags")):
            left_out["tags"] = tags
        model = super()._get_model_param_value(kwargs)
        return f"{model} {json.dumps(left_out, sort_keys=True, default=str)}" if left_out else model

    def warm(self) -> None:
        """Begin to connect."""
        if isinstance(self.cache, Guard):
            self.cache.warm()

    async def close(self) -> None:
        """Close the store's connections."""
        if isinstance(self.cache, Guard):
            await self.cache.disconnect()


class quiet_callbacks:
    """Keeps ``Cache`` from putting the callback "cache" into litellm's lists: nothing in LiteLLM reads it any more,
    and a synchronous callback makes LiteLLM start a thread for each call."""

    def __enter__(self) -> None:
        self._before = [name for name in _LISTS if "cache" in getattr(litellm, name)]

    def __exit__(self, *_: object) -> None:
        for name in _LISTS:
            found = getattr(litellm, name)
            if name not in self._before and "cache" in found:
                found.remove("cache")
