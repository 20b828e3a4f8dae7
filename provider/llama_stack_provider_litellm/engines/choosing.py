"""Which engine a configuration asks for."""

from __future__ import annotations

from ..config import LiteLLMConfig
from .base import Engine
from .proxy import ProxyEngine


def engine_of(config: LiteLLMConfig) -> Engine:
    """The engine of the config's ``mode``. Raises errors.ConfigError for a LiteLLM config that cannot be used, in the
    modes that have one.

    What only the embedded router needs (litellm, watchfiles) is not imported in mode ``proxy``.
    """
    if config.mode == "proxy":
        return _proxy(config, replaceable=False)
    from .. import settings
    from .router import RouterEngine

    router = RouterEngine(
        settings.load(config.config_path),
        strict_params=config.strict_params,
        probe_dimensions=config.probe_dimensions,
    )
    if config.mode == "embedded":
        return router
    from .failover import FailoverEngine

    return FailoverEngine(_proxy(config, replaceable=True), router, virtual_keys=config.failover_virtual_keys)


def _proxy(config: LiteLLMConfig, *, replaceable: bool) -> ProxyEngine:
    return ProxyEngine(
        config.proxy,
        strict_params=config.strict_params,
        probe_dimensions=config.probe_dimensions,
        replaceable=replaceable,
    )
