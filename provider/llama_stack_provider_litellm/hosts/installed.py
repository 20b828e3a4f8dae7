"""Which Llama Stack this process is a part of, decided once, and what all lines have under the same names.

Llama Stack is ``llama_stack`` up to 0.7, and ``ogx`` since. What a provider implements is ``llama_stack.apis`` up to
0.2, then a package of its own: ``llama_stack_api``, now ``ogx_api``.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from typing import Any, Literal

from ..errors import ConfigError

Line = Literal["0.2", "0.7", "ogx"]


def _line() -> Line:
    # Both may be installed: the one that is loaded has loaded us.
    for is_there in (_is_loaded, _is_installed):
        if is_there("ogx"):
            return "ogx"
        if is_there("llama_stack"):
            # Not by llama_stack_api, which stays behind where pip goes back to 0.2.
            return "0.2" if _is_installed("llama_stack.apis") else "0.7"
    raise ConfigError("Neither Llama Stack (llama-stack 0.2.24, 0.7.3) nor OGX (1.x) is installed here.")


def _is_loaded(package: str) -> bool:
    return package in sys.modules


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


LINE: Line = _line()
CORE = "ogx" if LINE == "ogx" else "llama_stack"
"""The package of the host itself."""
API = {"0.2": "llama_stack.apis", "0.7": "llama_stack_api", "ogx": "ogx_api"}[LINE]
"""The package, or packages, of what a provider implements."""


def core(module: str) -> Any:
    """A module of the host itself, by the name that all lines have for it."""
    return import_module(f"{CORE}.core.{module}")


def api(module: str = "") -> Any:
    """The package of what a provider implements, or a module of it."""
    return import_module(f"{API}.{module}" if module else API)


def specs() -> Any:
    """The module of the host's provider specs."""
    return import_module("llama_stack.providers.datatypes") if LINE == "0.2" else api()
