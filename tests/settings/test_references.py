"""Fallbacks, aliases and wildcards that refer to something, or to nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.engines.running import RunningRouter
from tests.settings.conftest import Refusal

NAMES = ("a", "b", "openai/*")


def text(section: str = "", names: tuple[str, ...] = NAMES) -> str:
    models = "\n".join(
        f"- {{model_name: '{name}', litellm_params: {{model: '{'openai/*' if '*' in name else 'openai/m-' + name}', "
        f"mock_response: from {name}}}, model_info: {{id: 'id-{name}'}}}}"
        for name in names
    )
    return f"model_list:\n{models}\n{section}"


def warnings(config: Path, content: str) -> list[str]:
    config.write_text(content)
    return [f"{problem.place.line} {problem.key}: {problem.text}" for problem in settings.load(config).warnings]


def answer(content: str, model: str) -> Any:
    """What LiteLLM's own Router answers."""
    read = yaml.safe_load(content)

    async def ask() -> Any:
        running = RunningRouter(read["model_list"], read.get("router_settings", {}))
        response = await running.router.acompletion(model=model, messages=[{"role": "user", "content": "hi"}])
        running.discard()
        return response.choices[0].message.content

    return asyncio.run(ask())


@pytest.mark.parametrize("section", ["router_settings", "litellm_settings"])
@pytest.mark.parametrize("kind", ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"])
@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ("[{a: [gone]}]", "[0].a[0]: 'gone' is no model of this config. Add it to `model_list`, or correct it."),
        ("[{a: [b]}, {b: [{model: gone}]}]", "[1].b[0]: 'gone' is no model of this config."),
        ("[{a: b}]", "[0].a: must be a list of models"),
        ("[{a: [5]}]", "[0].a[0]: must be the name of a model"),
        ("[a]", "[0]: must be a mapping of one model"),
        ("[{a: [b], b: [a]}]", "[0]: must be a mapping of one model"),
        ("{a: [b]}", ": must be a list"),
    ],
)
def test_wrong_fallbacks(refusal: Refusal, section: str, kind: str, chain: str, words: str) -> None:
    assert f", line 5: {section}.{kind}{words}" in refusal(text(f"{section}: {{{kind}: {chain}}}"))


def test_fallbacks_from_a_model_that_is_unknown(refusal: Refusal) -> None:
    without_wildcard = text("router_settings: {fallbacks: [{aa: [b]}]}", ("a", "b"))
    assert "router_settings.fallbacks[0].aa: 'aa' is no model of this config" in refusal(without_wildcard)


def test_unknown_default_fallbacks(refusal: Refusal) -> None:
    message = refusal(text("litellm_settings: {default_fallbacks: [b, gone]}"))
    assert ", line 5: litellm_settings.default_fallbacks[1]: 'gone' is no model" in message


@pytest.mark.parametrize(
    "chains",
    [
        "[{a: [b]}]",
        "[{a: [openai/anything]}]",
        "[{a: [id-b]}]",
        "[{a: [openai/m-b]}]",
        "[{a: [alias]}]",
        "[{a: [{model: b, temperature: 0}]}]",
        "[{'*': [b]}]",
        "[{openai/anything: [b]}]",
        "[{anything: [b]}]",
        "[]",
        "null",
    ],
)
def test_what_litellm_knows_for_a_model_is_known(config: Path, chains: str) -> None:
    content = text(f"router_settings: {{model_group_alias: {{alias: b}}, fallbacks: {chains}}}")
    assert warnings(config, content) == []
    assert answer(content, "a") == "from a"


def test_a_vendors_model_is_a_deployments_other_name(config: Path) -> None:
    content = text("router_settings: {fallbacks: [{a: [openai/m-b]}]}", ("a", "b"))
    assert warnings(config, content) == []
    assert answer(content, "openai/m-b") == "from b"


def test_models_may_stand_in_a_proxys_database(config: Path) -> None:
    section = (
        "router_settings: {fallbacks: [{a: [gone]}], model_group_alias: {x: gone}}\n"
        "general_settings: {store_model_in_db: true}"
    )
    fallback, alias = warnings(config, text(section))
    assert "'gone' is no model of this config" in fallback
    assert "not known here" in fallback
    assert alias.startswith("5 router_settings.model_group_alias.x: ")


def test_fallbacks_that_lead_back_are_a_warning(config: Path) -> None:
    content = text("router_settings: {fallbacks: [{a: [b]}, {b: [a]}]}")
    (warning,) = warnings(config, content)
    assert warning.startswith("5 router_settings.fallbacks: the fallbacks lead back to where they began: a → b → a.")
    assert answer(content, "a") == "from a"


@pytest.mark.parametrize(
    ("chains", "circles"),
    [
        ("[{a: [a]}]", ["a → a"]),
        ("[{a: [b]}, {b: [c]}, {c: [d, b]}]", ["b → c → b"]),
        ("[{a: [b, c]}, {b: [d]}, {c: [d]}]", []),
        ("[{a: [b]}, {b: [a]}, {c: [d]}, {d: [c]}]", ["a → b → a", "c → d → c"]),
    ],
)
def test_each_circle_once(config: Path, chains: str, circles: list[str]) -> None:
    found = warnings(config, text(f"router_settings: {{fallbacks: {chains}}}", ("a", "b", "c", "d")))
    assert [warning.split("began: ")[1].split(".")[0] for warning in found] == circles


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ("{x: gone}", "model_group_alias.x: 'gone' is no model of this config"),
        ("{x: {model: gone, hidden: true}}", "model_group_alias.x: 'gone' is no model"),
        ("{x: y, y: a}", "model_group_alias.x: 'y' is no model"),
        ("{x: {model: a}}", "model_group_alias.x: `hidden` is missing"),
        ("{x: 5}", "model_group_alias.x: must be the name of a model"),
    ],
)
def test_wrong_aliases(refusal: Refusal, aliases: str, words: str) -> None:
    assert f", line 5: router_settings.{words}" in refusal(text(f"router_settings: {{model_group_alias: {aliases}}}"))


def test_a_model_that_an_alias_hides(config: Path) -> None:
    content = text("router_settings: {model_group_alias: {a: b, x: {model: b, hidden: true}}}")
    (warning,) = warnings(config, content)
    assert warning.startswith("5 router_settings.model_group_alias.a: the alias is also a `model_name`")
    assert answer(content, "a") == "from b"


def test_a_wildcard_that_another_hides(config: Path) -> None:
    content = text(names=("a", "openai/*", "openai/**", "openai/m-*")).replace("model: 'openai/*'", "model: openai/m")
    (warning,) = warnings(config, content)
    assert (
        warning == "3 model_list[1] (openai/*): no request reaches this: 'openai/**' matches the same names and wins. "
        "Take one of them out."
    )
    assert answer(content, "openai/anything") == "from openai/**"
    assert answer(content, "a") == "from a"


def test_a_credential_that_is_missing(config: Path) -> None:
    content = text("credential_list: [{credential_name: mine, credential_values: {}, credential_info: {}}]", ("a",))
    used = content.replace("mock_response", "litellm_credential_name: mime, mock_response")
    (warning,) = warnings(config, used)
    assert warning.startswith(
        "2 model_list[0] (a).litellm_params.litellm_credential_name: `credential_list` has no 'mime'"
    )
    assert "(did you mean `mine`?)" in warning
    assert warnings(config, used.replace("mime", "mine")) == []


def test_a_deployments_own_fallbacks_are_vendors_models(config: Path) -> None:
    content = text(names=("a", "b")).replace("mock_response: from a", "fallbacks: [b, openai/gpt-4o], mock_response: x")
    (warning,) = warnings(config, content)
    assert warning.startswith(
        "2 model_list[0] (a).litellm_params.fallbacks[0]: a deployment's own fallbacks are vendors'"
    )
    assert "Move it to `router_settings.fallbacks`." in warning
