"""Which models the host knows of, and by which names.

The host's table has ``litellm/<model_name>``. Its look-up searches every provider, with a warning, for a bare
``<model_name>``, or refuses it, and it refuses what only a wildcard of the LiteLLM config matches. One override of the
table's first look-up step makes both known, at the price of a dictionary access.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..catalog import Catalog, ModelEntry
from ..errors import RequestError
from .installed import LINE, api, core

logger = logging.getLogger(__name__)

_models = api("models")
_datatypes = core("datatypes")
_access = core("access_control.access_control")
_request_headers = core("request_headers")
_TYPES = {
    "llm": _models.ModelType.llm,
    "embedding": _models.ModelType.embedding,
    # 0.2 has no such type.
    **({"rerank": _models.ModelType.rerank} if LINE != "0.2" else {}),
}


def host_model(entry: ModelEntry, provider_id: str) -> Any:
    """The entry as the host's model; None for a type that this host has not."""
    if entry.type not in _TYPES:
        return None
    return _models.Model(
        identifier=entry.name,
        provider_resource_id=entry.name,
        provider_id=provider_id,
        model_type=_TYPES[entry.type],
        metadata=_metadata(entry),
    )


def host_models(catalog: Catalog, provider_id: str) -> list[Any]:
    """The catalogue's models that this host has a type for, wildcards as they stand."""
    models = (host_model(entry, provider_id) for entry in catalog.entries.values())
    return [model for model in models if model is not None]


def _metadata(entry: ModelEntry) -> dict[str, Any]:
    facts = {
        "embedding_dimension": entry.dimension,
        "context_length": entry.context_length,
        "wildcard": entry.is_wildcard or None,
    }
    return {key: value for key, value in facts.items() if value is not None}


def extend(
    table: Any,
    *,
    provider_id: str,
    catalog: Callable[[], Catalog],
    refusal: Callable[[RequestError], Exception] = lambda exc: exc,
) -> None:
    """Make ``table`` (the host's ModelsRoutingTable) find our models by every name they have. ``refusal`` makes of an
    error of ours what this host can answer with."""
    original = getattr(table, "get_object_by_identifier", None)
    if original is None or list(inspect.signature(original).parameters) != ["type", "identifier"]:
        logger.warning(
            "This llama-stack looks models up in a way that is not known here: bare model names and wildcards "
            "of the LiteLLM config will not work, only '%s/<model_name>'.",
            provider_id,
        )
        return
    prefix = f"{provider_id}/"

    async def get_object_by_identifier(type: str, identifier: str) -> Any:
        found = await original(type, identifier)
        if found is not None or type != "model":
            return found
        models, name = catalog(), identifier.removeprefix(prefix)
        entry = models.resolve(name)
        if entry is None:
            # Under our own prefix the answer is ours, with the names that come near. A bare name may be another
            # provider's, and one that is registered but may not be read must look as if it were not there.
            if identifier.startswith(prefix) and not await table.dist_registry.get("model", identifier):
                # The host's access rules hold for users that it knows: what they may not read is not suggested.
                raise refusal(models.not_found(name, suggest=_request_headers.get_authenticated_user() is None))
            return None
        if await table.dist_registry.get("model", prefix + entry.name):
            # A listed model: by its own id, so that the host's access rules decide.
            return await original("model", prefix + entry.name)
        return _unlisted(table, entry, provider_id)

    table.get_object_by_identifier = get_object_by_identifier


async def follow(table: Any, *, provider_id: str, models: Iterable[Any]) -> None:
    """Bring the host's rows of our listed models to ``models``: new ones first, then changed ones, then those that
    are gone. The host's own refresh drops every model before it registers it again, under load. What a run config or a
    caller has registered stays as they said it."""
    wanted = {f"{provider_id}/{model.provider_resource_id}": model for model in models}
    ours = {
        row.identifier: row
        for row in await table.dist_registry.get_all()
        if row.type == "model" and row.provider_id == provider_id
    }
    listed = _datatypes.RegistryEntrySource.listed_from_provider
    for identifier, model in wanted.items():
        row, before = _row(identifier, model, provider_id), ours.get(identifier)
        if before is None:
            await table.register_object(row)
        elif before.source == listed and (row.model_type, row.metadata) != (before.model_type, before.metadata):
            await table.dist_registry.update(row)
    for identifier, row in ours.items():
        if row.source == listed and identifier not in wanted:
            await table.unregister_object(row)


def _unlisted(table: Any, entry: ModelEntry, provider_id: str) -> Any:
    """A model that the host has no row for, under the host's access rules."""
    listed = host_model(entry, provider_id)
    if listed is None:
        return None
    model = _row(f"{provider_id}/{entry.name}", listed, provider_id)
    allowed = _access.is_action_allowed(table.policy, "read", model, _request_headers.get_authenticated_user())
    return model if allowed else None


def _row(identifier: str, model: Any, provider_id: str) -> Any:
    return _datatypes.ModelWithOwner(
        identifier=identifier,
        provider_resource_id=model.provider_resource_id,
        provider_id=provider_id,
        model_type=model.model_type,
        metadata=model.metadata,
        source=_datatypes.RegistryEntrySource.listed_from_provider,
    )
