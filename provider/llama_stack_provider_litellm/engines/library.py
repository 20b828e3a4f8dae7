"""The litellm library itself: imported once, quiet, and kept from what has no place in this process."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from .. import garbage
from ..errors import ConfigError
from . import openai_resources

# litellm would fetch its price list and its list of beta headers from the network: the one while it is imported,
# the other in the middle of a request, on the event loop. It brings a copy of both.
_LOCAL_COPIES = ("LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS")
# What litellm and openai import when the first call comes, all but the last on the event loop: a fifth of a second in
# which nobody is answered.
_OF_THE_FIRST_CALL = (
    *openai_resources.NEEDED,
    "litellm.integrations.otel.logger",
    "litellm.proxy.openai_files_endpoints.common_utils",
)


def import_litellm() -> None:
    """Import litellm, or say which extra brings it. Raises errors.ConfigError. Takes seconds the first time."""
    for variable in _LOCAL_COPIES:
        os.environ.setdefault(variable, "True")
    try:
        garbage.import_module("litellm")
    except ModuleNotFoundError as exc:
        if exc.name != "litellm":
            raise
        raise ConfigError(
            "The embedded router needs litellm, which the extra `embedded` brings: "
            "pip install 'llama-stack-provider-litellm[embedded]'. Mode `proxy` goes without."
        ) from None
    import litellm

    from . import mcp_gateway, prices, text_completion, tracebacks, unread

    mcp_gateway.install()
    prices.install()
    text_completion.install()
    tracebacks.install()
    unread.install()
    # litellm dumps OpenAI's answer once more than it needs to, and that type has no place for base64.
    warnings.filterwarnings("ignore", message=r"Pydantic serializer warnings:(?s:.)*field_name='embedding'")
    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        if logging.getLogger().handlers:
            # The process has logging of its own: litellm's handlers would write every line a second time.
            logging.getLogger(name).handlers.clear()
        if "LITELLM_LOG" not in os.environ:
            # Two lines per request at litellm's own level.
            logging.getLogger(name).setLevel(logging.WARNING)


def import_what_calls_need() -> None:
    """Import, before the first call comes, what litellm and openai would import then; of openai no more than that."""
    openai_resources.install()
    for name in _OF_THE_FIRST_CALL:
        # A release may have it elsewhere, or go without: the first call will tell.
        with suppress(Exception):
            garbage.import_module(name)


async def close_clients() -> None:
    """Close every connection that litellm holds in this process; the next call opens new ones."""
    import litellm
    from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

    await close_litellm_async_clients()
    # It leaves the closed clients where the next call would find them, and one client, which streams of Anthropic and
    # Gemini use, open. litellm makes that one when it is asked for.
    litellm.in_memory_llm_clients_cache.flush_cache()
    shared = vars(litellm).pop("module_level_aclient", None)
    if shared is not None:
        await shared.close()


# Kept: a Router writes what its deployments say of themselves into the registry, under their vendors' names.
@lru_cache(maxsize=4096)
def known_model(name: str) -> Mapping[str, Any]:
    """What LiteLLM's registry says about a vendor's model; empty for one that it does not know."""
    import litellm

    # For these vendors get_model_info asks the server, and a boot must not depend on it.
    if name.startswith(("ollama/", "ollama_chat/")):
        found: Mapping[str, Any] = litellm.model_cost.get(name, {})
        return found
    try:
        return dict(litellm.get_model_info(name))
    except Exception:  # litellm raises a bare Exception for an unknown model
        return {}
