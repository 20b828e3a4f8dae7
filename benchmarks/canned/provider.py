"""The spec of the canned provider."""

from __future__ import annotations

from typing import Any

from llama_stack_provider_litellm.hosts.installed import api, specs


def get_provider_spec() -> Any:
    """What the host asks of the module that its run config names."""
    return specs().RemoteProviderSpec(
        api=api("datatypes").Api.inference,
        provider_type="remote::canned",
        adapter_type="canned",
        module="benchmarks.canned",
        config_class="benchmarks.canned.CannedConfig",
        pip_packages=[],
    )
