"""How a host is served: one subpackage per generation of the host's inference protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import LiteLLMConfig
    from ..engines import Engine
    from .adapter import Adapter


def adapter_of(config: LiteLLMConfig, engine: Engine) -> Adapter:
    """The inference provider for the host that this process is a part of. Raises ConfigError where there is none."""
    from .installed import LINE

    if LINE == "0.2":
        from . import v0_2

        return v0_2.LiteLLMInferenceAdapter(config, engine)
    from . import params

    return params.LiteLLMInferenceAdapter(config, engine)


def teach_stores() -> None:
    """Let the host's SQL stores be opened by several processes at once. To be called before the host makes its first
    provider: one of files is made before those of inference."""
    from .installed import LINE

    if LINE != "0.2":
        from .params import sql_store

        sql_store.install()
