"""The directive language: modifiers beside chains, and mistakes that are seen at once."""

from __future__ import annotations

import openai
import pytest

from tests.upstream import Upstream
from tests.wire.conftest import TOOLS, ask, say


@pytest.mark.parametrize(
    "text",
    [
        "[[cached]]",
        "[[cached many]]",
        "[[think]]",
        "[[empty 3]]",
        "[[think no end",
        "[[call weather {}]] then [[think too late]]",
        "[[refuse everything]]",
        "[[error 400 colour]]",
        "[[slow]]",
        "[[hang 3]]",
        "[[call weather []]]",
    ],
)
def test_a_mistake_is_an_error(client: openai.OpenAI, text: str) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(client, text, tools=TOOLS)


def test_modifiers_stand_anywhere_and_an_echo_leaves_them_out(client: openai.OpenAI) -> None:
    assert say(client, "[[think x]] a  [[links]] b [[cached 1]]") == "echo[m]: a  [[links]] b"
    assert say(client, "[[bytes]][[say so [[far]] [[empty]]") == "so [[far"
    plan = '[[think x]] [[call weather {"city": "[[think y]]"}]] [[cached 2]]'
    answer = ask(client, plan, tools=TOOLS)
    message = answer.choices[0].message
    assert message.reasoning_content == "x"
    assert message.tool_calls[0].function.arguments == '{"city": "[[think y]]"}'
    assert answer.usage.prompt_tokens_details.cached_tokens == 2


def test_a_prompt_has_no_more_cached_tokens_than_tokens(client: openai.OpenAI) -> None:
    usage = ask(client, "[[cached 500]] a").usage
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens == 3


def test_a_judge_overlooks_what_is_meant_for_others(client: openai.OpenAI) -> None:
    text = "[[refuse]] [[think x]] [[cached 1]]\nEXPECTED: Paris\nGENERATED: Paris"
    answer = ask(client, text, "judge-1")
    assert answer.choices[0].message.content == "Score: 1"
    assert answer.usage.prompt_tokens_details is None


def test_a_search_is_for_the_question_alone(client: openai.OpenAI) -> None:
    call = ask(client, "[[think x]] Which crane?", tools=TOOLS).choices[0].message.tool_calls[0]
    assert call.function.arguments == '{"query": "Which crane?"}'


def test_legacy_completions_have_cached_tokens_and_no_reasoning(client: openai.OpenAI, upstream: Upstream) -> None:
    answer = client.completions.create(model="m", prompt="[[think x]] [[cached 1]] a")
    assert answer.choices[0].text == "text[m]: a"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 1
    assert answer.usage.completion_tokens_details is None
    chunks = list(client.completions.create(model="m", prompt="[[empty]] a b", stream=True))
    assert sum(not chunk.choices for chunk in chunks) == 3
