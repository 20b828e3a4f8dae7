"""Every documented key of LiteLLM's ``config.yaml``: what it means, and whether it is honoured without a proxy.

The sections and keys are those of LiteLLM 1.106 (``ConfigYAML`` and ``ConfigGeneralSettings`` in
``litellm.proxy._types``, ``Router.get_valid_args``, the attributes of the ``litellm`` module, ``load_config`` in
``litellm.proxy.proxy_server``, and https://docs.litellm.ai/docs/proxy/config_settings). The page docs/config.md is
made of these tables.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .deployments import INFO, PARAMS
from .general_settings import KEYS as GENERAL
from .key import Key, Use
from .litellm_settings import KEYS as LITELLM
from .router_settings import KEYS as ROUTER
from .sections import KEYS as ALL_SECTIONS

__all__ = ["CACHE_TYPES", "OTHER", "ROUTING_STRATEGIES", "SECTIONS", "TABLES", "Key", "Use", "find", "near"]

# The values of litellm.types.caching.LiteLLMCacheType, and what the Router's `routing_strategy` takes.
CACHE_TYPES = (
    "local",
    "redis",
    "redis-semantic",
    "valkey-semantic",
    "s3",
    "disk",
    "qdrant-semantic",
    "azure-blob",
    "gcs",
)
ROUTING_STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "provider-budget-routing",
    "lar1",
)

SECTIONS: dict[str, Key] = {key.name: key for key in ALL_SECTIONS}
# Section → its keys by name. `model_list` has two tables, one for each mapping of a deployment.
TABLES: dict[str, dict[str, Key]] = {
    "litellm_params": {key.name: key for key in PARAMS},
    "model_info": {key.name: key for key in INFO},
    "litellm_settings": {key.name: key for key in LITELLM},
    "router_settings": {key.name: key for key in ROUTER},
    "general_settings": {key.name: key for key in GENERAL},
}

# What any other key of a deployment is.
OTHER: dict[str, Key] = {
    "litellm_params": Key("", Use.HONOURED, "a parameter of the vendor's", "passed on, call by call"),
    "model_info": Key("", Use.HONOURED, "a note of your own", "kept with the model"),
}


def find(section: str, name: str) -> Key | None:
    """The key ``name`` of a section (or of ``litellm_params`` and ``model_info``); None for one nobody documents."""
    return TABLES.get(section, {}).get(name)


def near(name: str, known: Iterable[str], *, cutoff: float = 0.75) -> str:
    """`` (did you mean `x`?)`` for a name that looks like a known one; else nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" (did you mean `{found[0]}`?)" if found else ""
