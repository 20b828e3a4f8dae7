"""Fallbacks of the LiteLLM config, from either section that may hold them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from llama_stack_client.lib.agents.client_tool import client_tool

from tests import modes
from tests.agents import agent_on, turn
from tests.differences import NEWER_LITELLM
from tests.integration.routed import NOWHERE, Routed, deployment, routed
from tests.line import LINE
from tests.upstream.process import Upstream

pytestmark = [pytest.mark.long, pytest.mark.any_host]

FALLBACKS: dict[str, Any] = {
    "num_retries": 1,
    "fallbacks": [{"first": ["second"]}, {"chained": ["down", "second"]}, {"vectors": ["vectors2"]}],
    "context_window_fallbacks": [{"small": ["large"]}],
    "content_policy_fallbacks": [{"strict": ["lenient"]}],
    "default_fallbacks": ["last"],
}
NAMES = ("first", "second", "small", "large", "strict", "lenient", "other", "last")


@client_tool
def lookup(what: str) -> str:
    """Looks something up.

    :param what: what to look up
    """
    return f"found {what}"


def config(upstream: Upstream, section: str) -> dict[str, Any]:
    models = [deployment(upstream, name, f"{name}-1", model=f"openai/{name}-m") for name in NAMES]
    models += [
        deployment(upstream, "chained", "chained-1", model="openai/chained-m"),
        deployment(upstream, "down", "down-1", api_base=NOWHERE),
    ]
    embedding = {"mode": "embedding", "output_vector_size": 64}
    models += [
        deployment(upstream, "vectors", "vectors-1", model="openai/embed-1", info=embedding, api_base=NOWHERE),
        deployment(upstream, "vectors2", "vectors2-1", model="openai/embed-1", info=embedding),
    ]
    sections: dict[str, Any] = {"router_settings": {"retry_after": 0, "disable_cooldowns": True}}
    sections.setdefault(section, {}).update(FALLBACKS)
    return {"model_list": models, **sections}


ITS_OWN = pytest.mark.embedded_only("from which section a LiteLLM Proxy takes them is its own business")


@pytest.fixture(scope="module", params=["router_settings", pytest.param("litellm_settings", marks=ITS_OWN)])
def stack(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Routed]:
    with routed(tmp_path_factory.mktemp("fallbacks"), upstream, config(upstream, request.param)) as server:
        yield server


CASES = [
    # What goes wrong with the model that is asked, and who answers instead.
    ("first", "error 404", "second-1"),
    ("small", "error 400 context", "large-1"),
    ("strict", "error 400 content", "last-1" if NEWER_LITELLM else "lenient-1"),
    ("other", "error 404", "last-1"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("model", "fault", "by"), CASES, ids=[case[0] for case in CASES])
def test_another_model_answers(stack: Routed, word: str, model: str, fault: str, by: str, stream: bool) -> None:
    answer = stack.chat(model, f"[[{fault} model={model}-m]] {word}", stream=stream)
    assert answer.by == by
    assert answer.about["fallbacks"] == 1
    assert [id for id, _ in stack.arrived(word)] == [f"{model}-1", by]


def test_a_name_that_nothing_serves_is_no_failure(stack: Routed, word: str) -> None:
    answer = stack.chat("litellm/nobody", word)
    assert (answer.status, stack.arrived(word)) == (404, [])


def test_a_model_is_tried_again_before_another_answers(stack: Routed, word: str) -> None:
    answer = stack.chat("first", f"[[error 500 model=first-m]] {word}")
    assert answer.by == "second-1"
    assert [id for id, _ in stack.arrived(word)] == ["first-1", "first-1", "second-1"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_next_of_several_answers(stack: Routed, word: str, stream: bool) -> None:
    answer = stack.chat("chained", f"[[error 404 model=chained-m]] {word}", stream=stream)
    assert answer.by == "second-1"
    assert [id for id, _ in stack.arrived(word)] == ["chained-1", "second-1"]


@pytest.mark.parametrize("fault", ["break", "bytes]] [[break", "midstream-error"], ids=["break", "late break", "error"])
def test_a_stream_that_has_begun_is_never_begun_again(stack: Routed, word: str, fault: str) -> None:
    answer = stack.chat("first", f"[[{fault} model=first-m]] {word} one two three", stream=True)
    begun = "echo[first-m]" in answer.text.replace('"}', "")
    if (modes.current != "embedded" or LINE.name != "0.2") and "break" in fault and not begun:
        # Who reads late finds what comes just before a break gone with it: nobody has seen any of it.
        assert modes.current == "embedded" or answer.by == "second-1"
        return
    assert begun
    status, said = answer.refusal
    assert status == 502 and said.startswith("Model first (openai/first-m): ")
    assert [id for id, _ in stack.arrived(word)] == ["first-1"]
    assert "echo[second-m]" not in answer.text


def test_an_answer_that_breaks_off_is_given_by_another(stack: Routed, word: str) -> None:
    assert stack.chat("first", f"[[break model=first-m]] {word}").by == "second-1"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_first_error_is_told_when_all_fail(stack: Routed, word: str, stream: bool) -> None:
    answer = stack.chat("chained", f"[[error 404]] {word}", stream=stream)
    status, said = answer.refusal
    assert (status, answer.about) == (404, {})
    assert said.startswith("Model chained (openai/chained-m): The model does not exist")
    assert [id for id, _ in stack.arrived(word)] == ["chained-1", "second-1"]


def test_a_text_completion(stack: Routed, word: str) -> None:
    answer = stack.post("completions", {"model": "first", "prompt": f"[[error 404 model=first-m]] {word}"})
    assert answer.by == "second-1"


def test_embeddings(stack: Routed, word: str) -> None:
    assert stack.post("embeddings", {"model": "vectors", "input": word}).status == 200
    assert stack.arrived(word)[-1][0] == "vectors2-1"


def test_an_agents_calls(stack: Routed, word: str) -> None:
    agent = agent_on(stack.stack.client(), "litellm/first", "x", [lookup])
    session = agent.create_session(f"session-{word}")
    fault = "[[error 404 model=first-m]]"
    # The one fails before the tool, the other after it.
    text = f'{fault} [[call lookup {{"what": "{word}"}}]] then {fault}'
    assert turn(agent, session, text) == f'done: "found {word}"'
    assert [id for id, _ in stack.arrived(word)] == ["first-1", "second-1"] * 2
