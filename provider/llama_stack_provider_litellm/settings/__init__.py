"""LiteLLM's ``config.yaml``: read it, check it, apply its global settings.

The format is LiteLLM Proxy's own (https://docs.litellm.ai/docs/proxy/configs). Reading needs no
litellm; :func:`apply` sets litellm's module globals, as the proxy does at its start.
"""

from .applying import apply, environment_of, router_arguments, unknown_keys, withdraw
from .config import LiteLLMSettings
from .loading import Reading, demo_config_path, load, read_config
from .problems import Place, Problem, Problems

__all__ = [
    "LiteLLMSettings",
    "Place",
    "Problem",
    "Problems",
    "Reading",
    "apply",
    "demo_config_path",
    "environment_of",
    "load",
    "read_config",
    "router_arguments",
    "unknown_keys",
    "withdraw",
]
