"""Llama Stack on any LiteLLM model: the inference provider ``remote::litellm``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import garbage
from .config import LiteLLMConfig

if TYPE_CHECKING:
    from .hosts.adapter import Adapter

__all__ = ["LiteLLMConfig", "get_adapter_impl"]
__version__ = "0.1.0"


async def get_adapter_impl(config: LiteLLMConfig, deps: dict[Any, Any]) -> Adapter:
    """The adapter that Llama Stack asks for when it starts, ready to serve.

    Raises errors.ConfigError, before the server listens, for a LiteLLM config that cannot be used.
    """
    garbage.leave_start_alone()
    from .engines.choosing import engine_of
    from .hosts import adapter_of
    from .usage.recording import RecordingEngine

    adapter = adapter_of(config, RecordingEngine(engine_of(config), config.usage))
    await adapter.initialize()
    return adapter
