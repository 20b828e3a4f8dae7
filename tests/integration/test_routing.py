"""Several deployments of one name, other names for one model, vendors by address, and what a vendor is not told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests import modes
from tests.integration.routed import NOWHERE, Routed, deployment, routed
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

# What a LiteLLM Proxy does not list, a stack on it does not know.
UNLISTED = pytest.mark.embedded_only("a LiteLLM Proxy lists neither hidden aliases nor those of a wildcard's models")


def config(upstream: Upstream) -> dict[str, Any]:
    models = [
        deployment(upstream, "even", "even-a"),
        deployment(upstream, "even", "even-b"),
        deployment(upstream, "weighted", "weighted-9", weight=9),
        deployment(upstream, "weighted", "weighted-1", weight=1),
        deployment(upstream, "rated", "rated-900", rpm=900),
        deployment(upstream, "rated", "rated-100", rpm=100),
        deployment(upstream, "half", "half-dead", api_base=NOWHERE, weight=1),
        deployment(upstream, "half", "half-alive", weight=1),
        deployment(upstream, "vllm", "vllm-1", model="hosted_vllm/meta/llama-4"),
        deployment(upstream, "compatible", "compatible-1", model="openai/acme/own-7b"),
        deployment(upstream, "acme/*", "acme-wild", model="openai/*"),
        deployment(upstream, "acme/large-*", "acme-large", model="openai/big-*"),
        deployment(upstream, "choosy", "choosy-1", additional_drop_params=["seed", "user"]),
        deployment(upstream, "lenient", "lenient-1", model="anthropic/claude-sonnet-4-5", drop_params=True),
        deployment(upstream, "exact", "exact-1", model="anthropic/claude-sonnet-4-5"),
    ]
    aliases = {
        "nickname": "even",
        "secret": {"model": "even", "hidden": True},
        "wild": "acme/small",
    }
    return {
        "model_list": models,
        # Retries enough that none of 48 calls meets the dead one of two every time, but once in 10^8 runs.
        "router_settings": {"num_retries": 30, "disable_cooldowns": True, "model_group_alias": aliases},
        "litellm_settings": {"modify_params": True},
    }


@pytest.fixture(scope="module")
def stack(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    with routed(tmp_path_factory.mktemp("routing"), upstream, config(upstream)) as server:
        yield server


def spread(stack: Routed, model: str, text: str, calls: int) -> Counter[str]:
    return Counter(stack.chat(model, text).by for _ in range(calls))


def test_the_load_is_spread(stack: Routed, word: str) -> None:
    # One of two gets less than 6 of 60 calls once in 10^11 times.
    assert min(spread(stack, "even", word, 60)[id] for id in ("even-a", "even-b")) >= 6


@pytest.mark.parametrize("model", ["weighted", "rated"])
def test_the_load_is_spread_by_weight(stack: Routed, word: str, model: str) -> None:
    counts = spread(stack, model, word, 80)
    # 9 of 10 go to the heavy one: less than 56 once in 7 * 10^6 times. Of an even spread, once in 4,000.
    assert counts["weighted-9"] + counts["rated-900"] >= 56


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_its_sibling_answers_for_one_that_fails(stack: Routed, word: str, stream: bool) -> None:
    answers = [stack.chat("half", word, stream=stream) for _ in range(24)]
    assert {answer.by for answer in answers} == {"half-alive"}
    assert any(answer.about["retries"] for answer in answers)
    assert not any(answer.about["fallbacks"] for answer in answers)


@pytest.mark.parametrize(
    ("model", "by", "vendors_name"),
    [
        ("vllm", "vllm-1", "meta/llama-4"),
        ("compatible", "compatible-1", "acme/own-7b"),
        ("acme/small", "acme-wild", "small"),
        ("acme/some/small", "acme-wild", "some/small"),
        ("acme/large-2", "acme-large", "big-2"),
        pytest.param("wild", "acme-wild", "small", marks=UNLISTED),
    ],
)
@pytest.mark.parametrize("prefix", ["", "litellm/"])
def test_the_vendor_gets_its_own_name(
    stack: Routed, word: str, prefix: str, model: str, by: str, vendors_name: str
) -> None:
    assert stack.chat(prefix + model, word).by == by
    ((id, call),) = stack.arrived(word)
    assert (id, call["body"]["model"], call["path"]) == (by, vendors_name, "/v1/chat/completions")


@pytest.mark.parametrize("alias", ["nickname", pytest.param("secret", marks=UNLISTED)])
@pytest.mark.parametrize("prefix", ["", "litellm/"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_alias_is_another_name(stack: Routed, word: str, prefix: str, alias: str, stream: bool) -> None:
    assert stack.chat(prefix + alias, word, stream=stream).by in ("even-a", "even-b")


def test_the_models_are_listed(stack: Routed) -> None:
    listed = stack.stack.models().keys()
    as_openai = {model.id for model in stack.stack.openai().models.list()}
    names = {"even", "weighted", "rated", "half", "vllm", "compatible", "acme/*", "acme/large-*"}
    names |= {"choosy", "lenient", "exact", "nickname"}
    # In mode auto it is the stack's own config that has it.
    names |= {"wild"} if modes.current != "proxy" else set()
    assert listed == as_openai == {f"litellm/{name}" for name in names}


def test_additional_drop_params(stack: Routed, word: str) -> None:
    stack.chat("choosy", word, seed=7, user="ann", top_p=0.5)
    ((_, call),) = stack.arrived(word)
    assert call["body"]["top_p"] == 0.5
    assert not {"seed", "user"} & call["body"].keys()


def test_drop_params_of_a_deployment(stack: Routed, word: str) -> None:
    assert stack.chat("lenient", word, seed=7, top_p=0.5).by == "lenient-1"
    ((_, call),) = stack.arrived(word)
    assert call["body"]["top_p"] == 0.5
    assert "seed" not in call["body"]
    refused = stack.chat("exact", word, seed=7)
    assert (refused.status, "seed" in refused.text) == (400, True)
    assert len(stack.arrived(word)) == 1


def test_modify_params(stack: Routed, word: str) -> None:
    # Anthropic refuses a conversation without a user, and a tool call without its result.
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    for messages in (
        [{"role": "system", "content": word}],
        [{"role": "user", "content": word}, asked, {"role": "user", "content": word}],
    ):
        assert stack.post("chat/completions", {"model": "exact", "messages": messages}).by == "exact-1"
    alone, amended = (call["body"]["messages"] for _, call in stack.arrived(word))
    assert [message["role"] for message in alone] == ["user"]
    assert amended[2]["content"][0]["type"] == "tool_result"
