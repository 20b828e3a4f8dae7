"""Which models a proxy has, from its three lists."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.catalog import Catalog
from llama_stack_provider_litellm.engines.proxy import discovery
from tests.imitation import models as imitated

MODELS, DEPLOYMENTS, GROUPS = "/v1/models?return_wildcard_routes=true", "/v1/model/info", "/model_group/info"
REFUSED = errors.KeyNotAllowed("Only an admin may ask this.")


def read(models: object, deployments: object = None, groups: object = None, **measured: int) -> Catalog:
    """The catalogue of a proxy with these rows; an error is what the proxy says instead."""
    answers = {MODELS: models, DEPLOYMENTS: [] if deployments is None else deployments}
    answers[GROUPS] = [] if groups is None else groups

    async def get(path: str) -> Any:
        found = answers[path]
        if isinstance(found, Exception):
            raise found
        return {"data": found} if isinstance(found, list) else found

    async def ask() -> Catalog:
        return discovery.catalog_of(await discovery.ask(get), "http://proxy", measured)

    return asyncio.run(ask())


def listed(*names: str, **facts: Any) -> list[dict[str, Any]]:
    return [{"id": name, "object": "model", **facts} for name in names]


def deployment(name: str, model: str = "openai/x", **info: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model}, "model_info": info}


def test_the_lists_of_an_imitated_proxy() -> None:
    rows = (imitated.models()["data"], imitated.model_info()["data"], imitated.model_group_info()["data"])
    found = read(*rows)
    assert sorted(found.entries) == ["embedding", "gpt", "own/*", "reranker", "wild/gpt-4o-mini"]
    assert found.unmeasured == {"wild/text-embedding-3-small"}
    gpt = found.entries["gpt"]
    assert (gpt.type, gpt.deployments, gpt.context_length) == ("llm", ("openai/gpt-4o-mini",), 128000)
    assert (gpt.input_cost, gpt.output_cost) == (1.5e-07, 6e-07)
    assert (found.entries["embedding"].type, found.entries["embedding"].dimension) == ("embedding", 64)
    assert found.entries["reranker"].type == "rerank"


def test_a_key_that_may_only_list() -> None:
    rows = [*listed("gpt"), *listed("m", mode="embedding"), *listed("rerank-1"), *listed("wild/*")]
    found = read(rows, REFUSED, REFUSED, m=8)
    assert {name: entry.type for name, entry in found.entries.items()} == {
        **{"gpt": "llm", "m": "embedding", "rerank-1": "rerank", "wild/*": "llm"}
    }
    assert found.entries["m"].dimension == 8
    assert found.entries["gpt"].deployments == ("gpt",)


def test_a_key_that_may_not_see_deployments_sees_groups() -> None:
    groups = [{"model_group": "m", "mode": "embedding", "output_vector_size": 8.0, "max_input_tokens": 512.0}]
    entry = read(listed("m"), REFUSED, groups).entries["m"]
    assert (entry.type, entry.dimension, entry.context_length) == ("embedding", 8, 512)
    assert isinstance(entry.context_length, int)


def test_several_deployments_of_one_name_are_one_model() -> None:
    rows = [deployment("gpt", "openai/a", max_input_tokens=9), deployment("gpt", "azure/b", max_input_tokens=7)]
    entry = read(listed("gpt"), rows).entries["gpt"]
    assert (entry.deployments, entry.context_length) == (("openai/a", "azure/b"), 7)


def test_expanded_wildcards_collapse() -> None:
    """The proxy shows each model that LiteLLM knows behind a wildcard as a row of its own."""
    rows = [deployment(f"wild/{name}", f"wild/{name}") for name in "abc"]
    groups = [{"model_group": "wild/b", "mode": "embedding", "output_vector_size": 8.0}]
    found = read(listed("wild/*", "wild/a", "plain"), [*rows, deployment("plain")], groups)
    assert sorted(found.entries) == ["plain", "wild/*"]
    assert found.resolve("wild/unheard-of") is not None
    embedding = found.resolve("wild/b")
    assert embedding is not None
    assert (embedding.type, embedding.dimension) == ("embedding", 8)


@pytest.mark.parametrize("name", ["a.b/x", "aXb/x"])
def test_a_dot_in_a_wildcard_is_a_dot(name: str) -> None:
    found = read(listed("a.b/*", name), [deployment(name)])
    assert (name in found.entries) is (name == "aXb/x")


def test_a_wildcard_that_only_the_deployments_name() -> None:
    assert sorted(read(listed("gpt"), [deployment("own/*", "hosted_vllm/*")]).entries) == ["gpt", "own/*"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"mode": "chat"}, {"mode": "embedding", "output_vector_size": 8}, "of different types"),
        (
            {"mode": "embedding", "output_vector_size": 8},
            {"mode": "embedding", "output_vector_size": 9},
            "vectors of different sizes",
        ),
    ],
)
def test_deployments_that_contradict_each_other_are_left_out(
    first: dict[str, Any], second: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others stay: it is somebody else's config, and a boot does not depend on it."""
    rows = [deployment("m", **first), deployment("m", **second), deployment("other")]
    assert list(read(listed("m", "other"), rows).entries) == ["other"]
    assert (
        f"Model 'm' is left out: model_list: the deployments of 'm' {'are' if 'types' in words else 'give'}"
        in caplog.text
    )
    assert words in caplog.text


def test_what_deployments_say_goes_before_groups() -> None:
    groups = [{"model_group": "m", "mode": "chat", "max_input_tokens": 5}]
    entry = read(listed("m"), [deployment("m", mode="rerank")], groups).entries["m"]
    assert (entry.type, entry.context_length) == ("rerank", None)


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {"id": "x"}}])
def test_no_list_is_no_answer(answer: object) -> None:
    with pytest.raises(errors.ProxyFailed, match="lists no models at /v1/models"):
        read(answer)
    # The other two are not needed.
    assert list(read(listed("gpt"), answer, answer).entries) == ["gpt"]


@pytest.mark.parametrize("row", ["text", None, 5, [], {}, {"id": 5}, {"id": None}, {"model_name": ["x"]}])
def test_rows_that_are_none_are_passed_over(row: object) -> None:
    assert list(read([row, *listed("gpt")], [row], [row]).entries) == ["gpt"]


@pytest.mark.parametrize("params", [None, "x", {}, {"model": None}, {"model": 5}])
def test_a_deployment_without_a_model_is_only_a_name(params: object) -> None:
    row = {"model_name": "gpt", "litellm_params": params, "model_info": {}}
    assert read(listed("gpt"), [row]).entries["gpt"].deployments == ("gpt",)


@pytest.mark.parametrize(
    "info",
    [
        {"max_input_tokens": float("inf")},
        {"base_model": ["x"]},
        {"mode": "embedding", "output_vector_size": "eight"},
    ],
)
def test_a_model_whose_facts_are_none_is_left_out(info: object, caplog: pytest.LogCaptureFixture) -> None:
    """The others stay; an exception would end the task that watches the proxy."""
    row = {"model_name": "gpt", "litellm_params": {"model": "openai/x"}, "model_info": info}
    assert list(read(listed("gpt", "other"), [row, deployment("other")]).entries) == ["other"]
    assert "Model 'gpt' is left out" in caplog.text


@pytest.mark.parametrize("info", [[1], "text"])
def test_a_deployment_whose_facts_are_no_object_is_only_a_name(info: object) -> None:
    row = {"model_name": "gpt", "litellm_params": {"model": "openai/x"}, "model_info": info}
    assert read(listed("gpt"), [row]).entries["gpt"].deployments == ("gpt",)


@pytest.mark.parametrize("value", ["lots", [5], float("nan"), float("inf"), True])
def test_a_size_that_is_none_is_not_known(value: object) -> None:
    assert read(listed("gpt", max_input_tokens=value)).entries["gpt"].context_length is None


def test_a_proxy_that_does_not_answer_any_more() -> None:
    for answers in ((errors.ProxyGone("away"),), (listed("gpt"), errors.ProxyGone("away"))):
        with pytest.raises(errors.ProxyGone):
            read(*answers)
    with pytest.raises(errors.KeyRefused):
        read(errors.KeyRefused("no"))


def test_nothing_is_known_of_a_proxy_that_is_away() -> None:
    models = discovery.nothing("http://proxy", errors.ProxyGone("It does not answer."))
    assert models.resolve("gpt") is None
    error = models.not_found("gpt")
    assert (type(error), error.status_code) == (errors.ModelsUnknown, 503)
    assert "It does not answer." in error.message
    refused = discovery.nothing("http://proxy", errors.KeyRefused("No such key.")).not_found("gpt")
    assert (type(refused), refused.status_code) == (errors.KeyRefused, 401)


@pytest.mark.parametrize(
    ("info", "vendor"), [({"litellm_provider": "azure"}, "azure"), ({}, "openai"), (None, "openai")]
)
def test_the_vendor_of_a_deployment(info: dict[str, str] | None, vendor: str) -> None:
    assert discovery.vendor_of({"litellm_params": {"model": "openai/x"}, "model_info": info}) == vendor


def test_the_deployments_by_their_ids() -> None:
    def row(model: str, identity: object) -> dict[str, object]:
        return {"model_name": "m", "litellm_params": {"model": model}, "model_info": {"id": identity}}

    rows = [
        row("openai/a", "one"),
        row("openai/b", "wild"),
        row("openai/c", "wild"),
        row("x/d", "both"),
        row("y/d", "both"),
    ]
    told = discovery.Told({}, [*rows, row("openai/e", None), row("openai/f", 7)], {})
    assert discovery.by_id(told) == {"one": ("openai/a", "openai"), "wild": (None, "openai"), "both": (None, None)}
