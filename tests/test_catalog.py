"""Which models there are: from ``model_info``, LiteLLM's registry and the names of wildcards."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import litellm
import pytest

from llama_stack_provider_litellm import catalog, errors
from llama_stack_provider_litellm.catalog import Catalog, ModelEntry
from llama_stack_provider_litellm.engines.library import known_model
from llama_stack_provider_litellm.errors import ConfigError

KNOWN: dict[str, dict[str, Any]] = {
    "openai/chatter": {
        "mode": "chat",
        "max_input_tokens": 1000,
        "input_cost_per_token": 0.1,
        "output_cost_per_token": 2,
    },
    "openai/talker": {"mode": "responses", "max_input_tokens": 500},
    "openai/vectors": {"mode": "embedding", "output_vector_size": 1536, "max_input_tokens": 8191},
    "anthropic/chatter": {"mode": "chat", "max_input_tokens": 2000},
    "openai/painter": {"mode": "image_generation"},
}


def fake_registry(name: str) -> Mapping[str, Any]:
    return KNOWN.get(name, {})


def deployment(name: str, model: str, params: Mapping[str, Any] | None = None, **info: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"model_name": name, "litellm_params": {"model": model, **(params or {})}}
    return {**found, "model_info": info} if info else found


def build(*deployments: dict[str, Any]) -> Catalog:
    return catalog.build(deployments, fake_registry)


def only(*deployments: dict[str, Any]) -> ModelEntry:
    """The one entry that these deployments make."""
    (entry,) = build(*deployments).entries.values()
    return entry


def test_the_registry_knows_the_model() -> None:
    assert only(deployment("gpt", "openai/chatter")) == ModelEntry(
        name="gpt",
        type="llm",
        deployments=("openai/chatter",),
        context_length=1000,
        input_cost=0.1,
        output_cost=2,
    )


def test_model_info_goes_over_the_registry() -> None:
    entry = only(deployment("gpt", "openai/chatter", max_input_tokens=64, input_cost_per_token=7, mode=None))
    assert (entry.type, entry.context_length, entry.input_cost, entry.output_cost) == ("llm", 64, 7, 2)


def test_base_model_is_what_the_registry_is_asked_for() -> None:
    entry = only(deployment("gpt", "azure/my-deployment", base_model="openai/vectors"))
    assert (entry.type, entry.dimension, entry.context_length) == ("embedding", 1536, 8191)


@pytest.mark.parametrize(
    ("item", "dimension"),
    [
        (deployment("e", "openai/vectors"), 1536),
        (deployment("e", "openai/vectors", output_vector_size=8), 8),
        (deployment("e", "openai/vectors", {"dimensions": 16}), 16),
        (deployment("e", "openai/vectors", {"dimensions": 16}, mode="embedding", output_vector_size=8), 8),
        (deployment("e", "openai/vectors", {"dimensions": 16}, mode="embedding"), 16),
        # A vector size says what the model is.
        (deployment("e", "openai/unknown", output_vector_size=8), 8),
        (deployment("e", "openai/unknown-embed", {"dimensions": 16}), 16),
        (deployment("e", "openai/unknown", mode="embedding", output_vector_size="32"), 32),
    ],
)
def test_dimensions(item: dict[str, Any], dimension: int) -> None:
    entry = only(item)
    assert (entry.type, entry.dimension) == ("embedding", dimension)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (deployment("m", "openai/talker"), "llm"),
        (deployment("m", "openai/unknown"), "llm"),
        (deployment("m", "openai/unknown", mode="completion"), "llm"),
        (deployment("m", "hosted_vllm/bge-Reranker"), "rerank"),
        (deployment("m", "cohere/unknown", mode="rerank"), "rerank"),
        (deployment("m", "hosted_vllm/an-embed-reranker", mode="chat"), "llm"),
    ],
)
def test_types(item: dict[str, Any], kind: str) -> None:
    entry = only(item)
    assert entry.type == kind
    assert entry.dimension is None


def test_an_embedding_model_of_unknown_size_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert build(deployment("mine", "openai/nomic-embed-text")).entries == {}
    (record,) = caplog.records
    assert "Embedding model 'mine' is left out" in record.getMessage()
    assert "`model_info: {mode: embedding, output_vector_size: <N>}`" in record.getMessage()


def test_the_line_of_the_warning_is_the_mend() -> None:
    assert (
        only(deployment("mine", "openai/nomic-embed-text", mode="embedding", output_vector_size=768)).dimension == 768
    )


@pytest.mark.parametrize(
    "item", [deployment("art", "openai/painter"), deployment("art", "openai/unknown", mode="audio_transcription")]
)
def test_a_mode_without_a_place_is_left_out(item: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert list(build(item, deployment("gpt", "openai/chatter")).entries) == ["gpt"]
    (record,) = caplog.records
    assert "Model 'art' is left out" in record.getMessage()


def test_deployments_of_one_name_make_one_entry() -> None:
    entry = only(deployment("gpt", "openai/chatter"), deployment("gpt", "openai/talker"))
    assert entry.deployments == ("openai/chatter", "openai/talker")
    assert entry.context_length == 500, "the smallest window, since any of them may answer"
    assert entry.input_cost == 0.1


def test_different_types_of_one_name() -> None:
    with pytest.raises(ConfigError) as caught:
        build(deployment("x", "openai/chatter"), deployment("x", "openai/vectors"))
    message = str(caught.value)
    assert "'x' are of different types: openai/chatter is chat, openai/vectors is embedding." in message
    assert "`model_info.mode`" in message


def test_different_dimensions_of_one_name() -> None:
    with pytest.raises(ConfigError, match=r"'e' give vectors of different sizes \(\[8, 1536\]\)"):
        build(deployment("e", "openai/vectors"), deployment("e", "openai/vectors", output_vector_size=8))


@pytest.mark.parametrize("field", ["output_vector_size", "max_input_tokens"])
def test_a_size_that_is_no_number(field: str) -> None:
    with pytest.raises(ConfigError, match=rf"'m'.*`model_info\.{field}`"):
        build({**deployment("m", "openai/vectors"), "model_info": {field: "many"}})


def test_resolve_a_listed_model() -> None:
    models = build(deployment("gpt", "openai/chatter"))
    assert models.resolve("gpt") is models.entries["gpt"]
    assert models.resolve("openai/chatter") is None, "the vendor's name is not ours"
    assert models.resolve("") is None


def test_resolve_what_a_wildcard_matches() -> None:
    models = build(deployment("anthropic/*", "anthropic/*"))
    assert models.entries["anthropic/*"].is_wildcard
    entry = models.resolve("anthropic/chatter")
    assert entry is not None
    assert (entry.name, entry.type, entry.context_length) == ("anthropic/chatter", "llm", 2000)
    assert entry.deployments == ("anthropic/chatter",)
    assert not entry.is_wildcard
    assert models.resolve("openai/chatter") is None
    assert models.resolve("my-anthropic/chatter") is None


def test_the_pattern_itself_is_no_model() -> None:
    assert build(deployment("anthropic/*", "anthropic/*")).resolve("anthropic/*") is None
    assert build(deployment("*", "*")).resolve("*") is None


def test_a_dot_in_a_pattern_is_a_dot() -> None:
    models = build(deployment("v1.5/*", "openai/*"))
    assert models.resolve("v1.5/chatter") is not None
    assert models.resolve("v1x5/chatter") is None


@pytest.mark.parametrize("turned", [False, True])
def test_the_most_specific_wildcard_wins(turned: bool) -> None:
    items = [deployment("*", "*"), deployment("team/*", "openai/*"), deployment("team/claude-*", "anthropic/*")]
    models = build(*(reversed(items) if turned else items))
    found = {
        name: entry.deployments[0]
        for name in ("team/claude-chatter", "team/chatter", "openai/vectors")
        if (entry := models.resolve(name))
    }
    assert found == {
        "team/claude-chatter": "anthropic/chatter",
        "team/chatter": "openai/chatter",
        "openai/vectors": "openai/vectors",
    }


def test_a_listed_model_goes_before_a_wildcard() -> None:
    models = build(deployment("*", "*"), deployment("openai/chatter", "anthropic/chatter"))
    assert models.resolve("openai/chatter") is models.entries["openai/chatter"]


def test_several_stars() -> None:
    entry = build(deployment("*/at/*", "*/*")).resolve("openai/at/vectors")
    assert entry is not None
    assert (entry.deployments, entry.type) == (("openai/vectors",), "embedding")


def test_star_to_star_knows_embedding_models() -> None:
    models = build(deployment("*", "*"))
    entry = models.resolve("openai/vectors")
    assert entry is not None
    assert (entry.type, entry.dimension) == ("embedding", 1536)
    assert models.resolve("openai/painter") is None
    unmeasured = models.resolve("openai/nomic-embed")
    assert unmeasured is not None
    assert (unmeasured.type, unmeasured.dimension) == ("embedding", None)


def test_what_the_wildcards_model_info_says_is_true_of_its_models() -> None:
    info: dict[str, Any] = {"mode": "embedding", "output_vector_size": 64, "max_input_tokens": 512}
    entry = build(deployment("tei/*", "openai/*", **info)).resolve("tei/bge-m3")
    assert entry is not None
    assert (entry.type, entry.dimension, entry.context_length) == ("embedding", 64, 512)


def test_names_from_callers_are_remembered_within_bounds() -> None:
    asked: list[str] = []

    def counting(name: str) -> Mapping[str, Any]:
        asked.append(name)
        return {}

    models = catalog.build([deployment("*", "*")], counting)
    asked.clear()
    assert models.resolve("openai/a") is models.resolve("openai/a")
    assert asked == ["openai/a"]
    for number in range(2000):
        models.resolve(f"openai/{number}")
    asked.clear()
    models.resolve("openai/a")
    assert asked == ["openai/a"], "long forgotten"


def test_suggestions() -> None:
    models = build(*(deployment(name, "openai/chatter") for name in ("gpt-4o", "gpt-4o-mini", "gpt-5", "claude")))
    assert models.suggestions("gpt-4o-mni")[0] == "gpt-4o-mini"
    assert models.suggestions("claud") == ["claude"]
    assert len(models.suggestions("gpt-4")) == 3
    assert models.suggestions("zzz") == []


def test_not_found_names_the_nearest() -> None:
    models = build(deployment("gpt-4o", "openai/chatter"))
    error = models.not_found("gpt-4")
    assert (error.status_code, error.model) == (404, "gpt-4")
    assert "'gpt-4' is not in the LiteLLM config. Did you mean gpt-4o? " in error.message
    assert "Did you mean" not in models.not_found("zzz").message


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's registry as it is in the package, whatever other tests register."""
    monkeypatch.setattr(litellm, "model_cost", dict(litellm.model_cost))


@pytest.mark.usefixtures("registered")
def test_with_litellms_own_registry() -> None:
    models = catalog.build(
        [
            deployment("gpt", "openai/gpt-4o-mini"),
            deployment("small", "openai/text-embedding-3-small"),
            deployment("local", "hosted_vllm/never-heard-of"),
            deployment("*", "*"),
        ],
        known_model,
    )
    gpt, small, local = (models.entries[name] for name in ("gpt", "small", "local"))
    assert (gpt.type, gpt.context_length) == ("llm", 128000)
    assert gpt.input_cost is not None
    assert gpt.output_cost is not None
    assert gpt.output_cost > gpt.input_cost > 0
    assert (small.type, small.dimension) == ("embedding", 1536)
    assert (local.type, local.context_length, local.input_cost) == ("llm", None, None)
    behind_star = models.resolve("openai/text-embedding-3-large")
    assert behind_star is not None
    assert (behind_star.type, behind_star.dimension) == ("embedding", 3072)


def test_no_question_to_an_ollama_server(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens there: asked, LiteLLM would raise or wait.
    monkeypatch.setenv("OLLAMA_API_BASE", "http://127.0.0.1:9")
    assert known_model("ollama/never-heard-of") == {}
    assert known_model("ollama/llama3.1").get("mode") == "chat"
    assert catalog.build([deployment("l", "ollama/nomic-embed-text")], known_model).entries == {}


ALIASED = (
    deployment("gpt", "openai/chatter"),
    deployment("wild/*", "openai/*"),
    deployment("vectors", "openai/vectors"),
    deployment("unmeasured", "openai/embed-x"),
)


def test_aliases_are_models_of_their_targets() -> None:
    aliases = {"nick": "gpt", "quiet": {"model": "gpt", "hidden": True}, "loud": {"model": "wild/talker"}}
    models = catalog.build(ALIASED, fake_registry, aliases)
    assert models.entries.keys() == {"gpt", "wild/*", "vectors", "nick", "loud"}
    assert models.entries["nick"].context_length == 1000
    assert models.entries["loud"].context_length == 500
    quiet = models.resolve("quiet")
    assert quiet is not None and quiet.name == "quiet"
    assert models.deployments("quiet") == [ALIASED[0]]
    assert models.deployments("loud")[0]["litellm_params"]["model"] == "openai/talker"


def test_an_alias_goes_before_a_model_of_its_name() -> None:
    models = catalog.build(ALIASED, fake_registry, {"gpt": {"model": "vectors", "hidden": True}})
    # It stays in the list, for there is a model of this name.
    assert models.entries["gpt"].type == "embedding"
    assert models.deployments("gpt") == [ALIASED[2]]


@pytest.mark.parametrize(
    ("alias", "target"),
    [("a", "nope"), ("a", "wild/*"), ("a/*", "gpt"), ("a", "unmeasured"), ("a", "other")],
)
def test_an_alias_of_nothing_is_left_out(caplog: pytest.LogCaptureFixture, alias: str, target: str) -> None:
    models = catalog.build(ALIASED, fake_registry, {alias: target, "other": "gpt"})
    assert (alias in models.entries, models.resolve("a")) == (False, None)
    assert f"Alias '{alias}' is left out" in caplog.text


@pytest.mark.parametrize("aliases", [["gpt"], {"a": 1}, {"a": {"hidden": True}}, {"a": None}])
def test_unreadable_aliases(aliases: object) -> None:
    with pytest.raises(ConfigError, match="model_group_alias"):
        catalog.build(ALIASED, fake_registry, aliases)


def test_of_a_name_that_two_catalogues_have_the_first_is_meant() -> None:
    first = catalog.build([deployment("both", "openai/chatter"), deployment("mine", "openai/chatter")], fake_registry)
    second = catalog.build([deployment("both", "anthropic/chatter"), deployment("wild/*", "openai/*")], fake_registry)
    both = catalog.together(first, second)
    assert sorted(both.entries) == ["both", "mine", "wild/*"]
    assert both.entries["both"].deployments == ("openai/chatter",)
    assert both.deployments("both") == first.deployments("both")
    talker = both.resolve("wild/talker")
    assert talker is not None and talker.context_length == 500
    assert both.where == "the LiteLLM config or the LiteLLM config"


def test_a_catalogue_that_is_not_known_yet_says_why() -> None:
    models = build()
    away = dataclasses.replace(models, away=errors.KeyRefused("No such key."))
    error = away.not_found("gpt")
    assert (type(error), error.model) == (errors.KeyRefused, "gpt")
    assert error.message == "Model 'gpt' cannot be looked up. No such key."
    gone = dataclasses.replace(models, away=errors.ProxyGone("It is gone.")).not_found("gpt")
    assert type(gone) is errors.ModelsUnknown, "which is no reason to fail over again"
    assert catalog.together(away, models).away is away.away
    assert catalog.together(models, away).away is None
