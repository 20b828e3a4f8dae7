"""Keeps LiteLLM away from its own MCP gateway.

LiteLLM looks at every call that has tools, and at every call that it serves through a vendor's Responses
API, for tools of its own MCP gateway. The look imports the gateway, which needs mcp 2; Llama Stack 0.2
needs mcp 1. There is no gateway here: the stack runs MCP tools itself.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

_MODULE = "litellm.responses.mcp.litellm_proxy_mcp_handler"


def install() -> None:
    """Answer LiteLLM's look with "no gateway" where the gateway cannot be imported.

    The module is a private one of LiteLLM; a test fails when it goes, or when the look does no harm any more.
    """
    if _MODULE not in sys.modules and not _has_mcp_2():
        stand_in = ModuleType(_MODULE, "No MCP gateway: see llama_stack_provider_litellm.engines.mcp_gateway.")
        stand_in.LiteLLM_Proxy_MCP_Handler = _NoGateway  # type: ignore[attr-defined]
        sys.modules[_MODULE] = stand_in


class _NoGateway:
    @staticmethod
    def should_use_litellm_mcp_gateway(tools: Any = None, **_: Any) -> bool:
        return False


def _has_mcp_2() -> bool:
    if importlib.util.find_spec("mcp") is None:
        return False
    from mcp import types

    return hasattr(types, "CacheableResult")
