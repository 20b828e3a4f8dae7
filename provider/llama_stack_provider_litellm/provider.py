"""What Llama Stack asks of an external provider's ``provider`` module."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from . import garbage, hosts
from .hosts.installed import api, specs

_PACKAGE = "llama_stack_provider_litellm"


def get_provider_spec() -> Any:
    """The spec of ``remote::litellm``; ``llama stack build`` installs its ``pip_packages``."""
    _find_tokenizers()
    # What is imported from here on, the host's providers next, would have all that there is looked through again.
    garbage.leave_start_alone()
    hosts.teach_stores()
    return specs().RemoteProviderSpec(
        api=api("datatypes").Api.inference,
        provider_type="remote::litellm",
        adapter_type="litellm",
        module=_PACKAGE,
        config_class=f"{_PACKAGE}.config.LiteLLMConfig",
        provider_data_validator=f"{_PACKAGE}.config.ProviderData",
        # The same bounds as the extra `embedded` in pyproject.toml; a test keeps them equal.
        pip_packages=["litellm>=1.106.2,!=1.107.*,<1.109", "watchfiles>=1.1"],
        description="Any model that LiteLLM reaches, configured by a LiteLLM config.yaml.",
    )


def _find_tokenizers() -> None:
    """Let tiktoken find its encodings in litellm's package, which brings them: the host's vector stores want one when
    they start, before any inference provider is made, and would fetch it."""
    found = importlib.util.find_spec("litellm")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
        if folder.is_dir():
            os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
