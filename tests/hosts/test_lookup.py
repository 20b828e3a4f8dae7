"""The host's look-up of models, on the host's own table and store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from llama_stack.apis.common.errors import ModelNotFoundError
from llama_stack.apis.models import ModelType
from llama_stack.core.access_control.datatypes import AccessRule
from llama_stack.core.datatypes import ModelWithOwner
from llama_stack.core.request_headers import RequestProviderDataContext, User
from llama_stack.core.routing_tables.models import ModelsRoutingTable
from llama_stack.core.store.registry import DiskDistributionRegistry
from llama_stack.providers.utils.kvstore import kvstore_impl
from llama_stack.providers.utils.kvstore.config import SqliteKVStoreConfig

from llama_stack_provider_litellm import catalog
from llama_stack_provider_litellm.catalog import ModelEntry
from llama_stack_provider_litellm.errors import ModelNotFound
from llama_stack_provider_litellm.hosts import lookup

MODELS = catalog.build(
    [
        {"model_name": "gpt", "litellm_params": {"model": "openai/gpt"}},
        {"model_name": "vectors", "litellm_params": {"model": "openai/e"}, "model_info": {"output_vector_size": 8}},
        {"model_name": "ranker", "litellm_params": {"model": "openai/r"}, "model_info": {"mode": "rerank"}},
        {"model_name": "wild/*", "litellm_params": {"model": "openai/*"}},
    ],
    lambda name: {"max_input_tokens": 100} if name.endswith("gpt") else {},
)
# What the host lists of them; the store keeps its own prefix before each id.
LISTED = ("gpt", "vectors", "wild/*")


class Provider:
    """What the table asks of a provider."""

    __provider_id__ = "litellm"


async def table(folder: Path, *rules: dict[str, Any], extended: bool = True) -> ModelsRoutingTable:
    store = DiskDistributionRegistry(await kvstore_impl(SqliteKVStoreConfig(db_path=str(folder / "registry.db"))))
    made = ModelsRoutingTable({"litellm": Provider()}, store, [AccessRule(**rule) for rule in rules])  # type: ignore[dict-item]
    for name in LISTED:
        model = lookup.host_model(MODELS.entries[name], "litellm")
        assert model is not None
        await store.register(ModelWithOwner(**{**model.model_dump(), "identifier": f"litellm/{name}"}))
    await store.register(alias("my-alias", "gpt", "litellm"))
    await store.register(alias("other/gpt-x", "gpt-x", "other"))
    if extended:
        lookup.extend(made, provider_id="litellm", catalog=lambda: MODELS)
    return made


def alias(identifier: str, name: str, provider: str) -> ModelWithOwner:
    return ModelWithOwner(
        identifier=identifier, provider_resource_id=name, provider_id=provider, model_type=ModelType.llm, metadata={}
    )


def run[T](work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def found(models: ModelsRoutingTable, name: str) -> tuple[str, str, str] | None:
    """Id, LiteLLM's name and type of what the host finds."""
    try:
        model = await models.get_model(name)
    except (ModelNotFoundError, ModelNotFound):
        return None
    return model.identifier, str(model.provider_resource_id), model.model_type.value


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("litellm/gpt", ("litellm/gpt", "gpt", "llm")),
        ("gpt", ("litellm/gpt", "gpt", "llm")),
        ("vectors", ("litellm/vectors", "vectors", "embedding")),
        ("wild/gpt", ("litellm/wild/gpt", "wild/gpt", "llm")),
        ("litellm/wild/gpt", ("litellm/wild/gpt", "wild/gpt", "llm")),
        ("wild/an-embed", ("litellm/wild/an-embed", "wild/an-embed", "embedding")),
        ("my-alias", ("my-alias", "gpt", "llm")),
        ("other/gpt-x", ("other/gpt-x", "gpt-x", "llm")),
        ("litellm/nope", None),
        ("nope", None),
        ("ranker", None),
        ("wild/a-reranker", None),
        ("", None),
    ],
)
def test_every_name_a_model_has(
    tmp_path: Path, name: str, model: tuple[str, str, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def look() -> tuple[str, str, str] | None:
        return await found(await table(tmp_path), name)

    assert run(look()) == model
    if model:
        assert "not found in routing table" not in caplog.text, "no scan of the host's with its warning per call"


def test_an_unknown_name_under_our_prefix_is_answered_with_the_nearest(tmp_path: Path) -> None:
    async def look() -> None:
        models = await table(tmp_path)
        with pytest.raises(
            ModelNotFound, match=r"'vector' is not in the LiteLLM config\. Did you mean vectors"
        ) as caught:
            await models.get_model("litellm/vector")
        assert caught.value.status_code == 404
        with pytest.raises(ModelNotFoundError):
            await models.get_model("vector")

    run(look())


def test_without_the_override_the_host_knows_less(tmp_path: Path) -> None:
    """Fails when the host finds them by itself: the override can go then."""

    async def look() -> None:
        models = await table(tmp_path, extended=False)
        assert await found(models, "wild/gpt") is None

    run(look())


def test_other_kinds_of_object_are_not_touched(tmp_path: Path) -> None:
    async def look() -> None:
        assert await (await table(tmp_path)).get_object_by_identifier("shield", "gpt") is None

    run(look())


def as_user(name: str) -> RequestProviderDataContext:
    """A request of this user; the host applies its rules to users only."""
    return RequestProviderDataContext(user=User(principal=name, attributes=None))


DENY_VECTORS = {"forbid": {"actions": ["read"], "resource": "model::litellm/vectors"}}
PERMIT_ALL = {"permit": {"actions": ["read"], "resource": "model::*"}}
ANN_READS_WILD = {"permit": {"actions": ["read"], "principal": "ann", "resource": "model::litellm/wild/gpt"}}


@pytest.mark.parametrize("name", ["vectors", "litellm/vectors"])
def test_a_denied_model_is_not_found_by_any_name(tmp_path: Path, name: str) -> None:
    async def look() -> None:
        models = await table(tmp_path, DENY_VECTORS, PERMIT_ALL)
        with as_user("bob"):
            with pytest.raises(ModelNotFoundError):
                await models.get_model(name)
            assert await found(models, "gpt") is not None

    run(look())


@pytest.mark.parametrize("name", ["wild/gpt", "litellm/wild/gpt"])
def test_the_policy_holds_behind_a_wildcard(tmp_path: Path, name: str) -> None:
    async def look() -> None:
        models = await table(tmp_path, ANN_READS_WILD)
        with as_user("ann"):
            assert await found(models, name) is not None
            assert await found(models, "wild/other") is None
        with as_user("bob"):
            assert await found(models, name) is None

    run(look())


class FakeTable:
    """A table of a llama-stack whose look-up works in another way."""

    async def get_object_by_identifier(self, kind: str, identifier: str, owner: str) -> None:
        """Never called here."""


@pytest.mark.parametrize("stranger", [FakeTable(), object()])
def test_a_host_that_looks_up_in_another_way_is_left_alone(stranger: Any, caplog: pytest.LogCaptureFixture) -> None:
    before = getattr(stranger, "get_object_by_identifier", None)
    lookup.extend(stranger, provider_id="litellm", catalog=lambda: MODELS)
    assert getattr(stranger, "get_object_by_identifier", None) == before
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "only 'litellm/<model_name>'" in record.getMessage()


def test_the_catalogue_is_asked_anew_each_time(tmp_path: Path) -> None:
    async def look() -> None:
        models = await table(tmp_path, extended=False)
        now = catalog.build([], lambda name: {})
        lookup.extend(models, provider_id="litellm", catalog=lambda: now)
        assert await found(models, "wild/gpt") is None
        now = MODELS
        assert await found(models, "wild/gpt") is not None

    run(look())


def test_the_hosts_model() -> None:
    entry = ModelEntry(name="e", type="embedding", deployments=("x/e",), dimension=8, context_length=100)
    model = lookup.host_model(entry, "litellm")
    assert model is not None
    assert (model.identifier, model.provider_resource_id, model.provider_id) == ("e", "e", "litellm")
    assert model.model_type is ModelType.embedding
    assert model.metadata == {"embedding_dimension": 8, "context_length": 100}
    wildcard = lookup.host_model(MODELS.entries["wild/*"], "litellm")
    assert wildcard is not None
    assert wildcard.metadata == {"wildcard": True}
    assert lookup.host_model(MODELS.entries["ranker"], "litellm") is None
