"""What Llama Stack asks of an external provider's ``provider`` module."""

from llama_stack.apis.datatypes import Api
from llama_stack.providers.datatypes import ProviderSpec, RemoteProviderSpec

_PACKAGE = "llama_stack_provider_litellm"


def get_provider_spec() -> ProviderSpec:
    """The spec of ``remote::litellm``; ``llama stack build`` installs its ``pip_packages``."""
    return RemoteProviderSpec(
        api=Api.inference,
        provider_type="remote::litellm",
        adapter_type="litellm",
        module=_PACKAGE,
        config_class=f"{_PACKAGE}.config.LiteLLMConfig",
        provider_data_validator=f"{_PACKAGE}.config.ProviderData",
        # The same bounds as the extra `embedded` in pyproject.toml; a test keeps them equal.
        pip_packages=["litellm>=1.106.2,<1.107", "watchfiles>=1.1"],
        description="Any model that LiteLLM reaches, configured by a LiteLLM config.yaml.",
    )
