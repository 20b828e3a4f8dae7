"""A vector store without an embedding model of its own gets the first one of the LiteLLM config.

The host's own default, ``vector_stores.default_embedding_model`` of the run config, goes before; it has to name a
model, which a run config that knows no models cannot.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from ...catalog import Catalog
from ...patching import replace
from ..installed import core

logger = logging.getLogger(__name__)


def install(catalog: Callable[[], Catalog], provider_id: Callable[[], str]) -> None:
    """Let the host's router of vector stores know the default."""
    router = core("routers.vector_io").VectorIORouter
    method = getattr(router, "openai_create_vector_store", None)
    if method is None or list(inspect.signature(method).parameters) != ["self", "params"]:
        logger.warning(
            "This Llama Stack makes vector stores in a way that is not known here: name an `embedding_model` for each, "
            "or a `vector_stores.default_embedding_model` in the run config."
        )
        return

    def with_default(original: Any) -> Any:
        async def openai_create_vector_store(self: Any, params: Any) -> Any:
            stated = {**(params.metadata or {}), **(params.model_extra or {})}
            config = self.vector_stores_config
            has_default = config is not None and config.default_embedding_model is not None
            if stated.get("embedding_model") is None and not has_default:
                name = _first_embedding_model(catalog())
                if name is not None:
                    params.embedding_model = f"{provider_id()}/{name}"
            return await original(self, params)

        return openai_create_vector_store

    replace(router, "openai_create_vector_store", with_default)


def _first_embedding_model(models: Catalog) -> str | None:
    listed = (entry for entry in models.entries.values() if entry.type == "embedding" and not entry.is_wildcard)
    return next((entry.name for entry in listed), None)
