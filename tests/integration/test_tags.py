"""Tags of the LiteLLM config: who asks decides which deployment of a model answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_stack_client.lib.agents.client_tool import client_tool

from tests.agents import agent_on, turn
from tests.integration.routed import Routed, deployment, routed, tagged
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

TIERS = {"strong": "writer-strong", "cheap": "writer-cheap"}


@client_tool
def lookup(what: str) -> str:
    """Looks something up.

    :param what: what to look up
    """
    return f"found {what}"


def config(upstream: Upstream) -> dict[str, Any]:
    embedding = {"mode": "embedding", "output_vector_size": 64}
    models = [
        deployment(upstream, "writer", "writer-strong", tags=["strong", "paid"]),
        deployment(upstream, "writer", "writer-cheap", tags=["cheap"]),
        deployment(upstream, "writer", "writer-default", tags=["default"]),
        deployment(upstream, "vectors", "vectors-strong", model="openai/embed-1", info=embedding, tags=["strong"]),
        deployment(upstream, "vectors", "vectors-cheap", model="openai/embed-1", info=embedding, tags=["cheap"]),
        deployment(upstream, "closed", "closed-paid", tags=["paid"]),
        deployment(upstream, "ill", "ill-strong", tags=["strong"]),
    ]
    settings = {"enable_tag_filtering": True, "num_retries": 0, "fallbacks": [{"ill": ["writer"]}]}
    return {"model_list": models, "router_settings": settings}


@pytest.fixture(scope="module")
def stack(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    with routed(tmp_path_factory.mktemp("tags"), upstream, config(upstream)) as server:
        yield server


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("tags", "by"),
    [
        (["strong"], "writer-strong"),
        (["paid"], "writer-strong"),
        (["cheap"], "writer-cheap"),
        (["cheap", "unheard-of"], "writer-cheap"),
        ([], "writer-default"),
        (["unheard-of"], "writer-default"),
    ],
    ids=lambda value: "+".join(value) or "none" if isinstance(value, list) else "",
)
def test_tags_choose(stack: Routed, word: str, tags: list[str], by: str, stream: bool) -> None:
    # One of three by chance, six times running: once in 700; the cases together never.
    assert {stack.chat("writer", word, tags=tags, stream=stream).by for _ in range(6)} == {by}


def test_tags_choose_for_every_kind_of_call(stack: Routed, word: str) -> None:
    for tier in ("strong", "cheap"):
        for _ in range(5):
            assert stack.post("completions", {"model": "writer", "prompt": word}, tags=[tier]).by == TIERS[tier]
            assert stack.post("embeddings", {"model": "vectors", "input": word}, tags=[tier]).status == 200
            assert stack.arrived(word)[-1][0] == f"vectors-{tier}"


def test_a_fallback_keeps_the_tags(stack: Routed, word: str) -> None:
    answer = stack.chat("ill", f"[[error 404 times=1]] {word}", tags=["strong"])
    assert (answer.by, answer.about["fallbacks"]) == ("writer-strong", 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tags_without_a_deployment(stack: Routed, word: str, stream: bool) -> None:
    answer = stack.chat("closed", word, tags=["cheap"], stream=stream)
    status, said = answer.refusal
    assert status == 403 and said.startswith("Model closed: ")
    assert "due to tags configuration" in answer.text and "litellm_tags" in answer.text
    assert not stack.arrived(word)


def test_concurrent_callers_are_never_mixed(stack: Routed, word: str) -> None:
    def ask(number: int) -> tuple[str, str]:
        tier = ("strong", "cheap", "unheard-of")[number % 3]
        answer = stack.chat("writer", f"{word}-{number}.", tags=[tier], stream=number % 2 == 0)
        return answer.by, TIERS.get(tier, "writer-default")

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(72)))
    assert [by for by, _ in answers] == [by for _, by in answers]


def test_agents_work_on_their_tiers_at_the_same_time(stack: Routed, word: str) -> None:
    def work(number: int) -> tuple[str, str]:
        role, tier = (("reviewer", "strong"), ("drafter", "cheap"))[number % 2]
        own = f"{word}-{number}."
        client = stack.stack.client(default_headers=tagged([tier]))
        agent = agent_on(client, "litellm/writer", f"You are a {role}.", [lookup])
        session = agent.create_session(own)
        call = f'[[call lookup {{"what": "{own}"}}]]'
        text = f"{call} then {call} then [[say $result]]"
        assert turn(agent, session, text) == f'"found {own}"'
        return TIERS[tier], own

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(work, range(6)))
    calls = [(id, json.dumps(call["body"])) for id, call in stack.arrived(word)]
    for by, own in done:
        # Before the first tool, after its result, and after the second's.
        assert [id for id, body in calls if own in body] == [by] * 3


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_response_and_its_tools(stack: Routed, word: str, stream: bool) -> None:
    client = stack.stack.client(default_headers=tagged(["strong"]))
    for _ in range(4):
        answer = client.responses.create(model="litellm/writer", input=word, stream=stream)
        if stream:
            list(answer)
    assert [id for id, _ in stack.arrived(word)] == ["writer-strong"] * 4
