"""Reasoning, cached tokens, filters and empty arguments, as LiteLLM reads them from every vendor."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litellm import exceptions as litellm_errors

from tests.upstream import Upstream
from tests.wire.conftest import NAMES, SHAPES, TOOLS, events, gemini, messages, run, through_litellm

pytestmark = pytest.mark.parametrize("shape", SHAPES)
NO_ARGUMENTS: Any = {"type": "function", "function": {"name": "ping", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_comes_apart_from_the_answer(upstream: Upstream, shape: str, stream: bool) -> None:
    answer = run(through_litellm(upstream, shape, "[[think Erst grübeln 🤔.]] grüß dich", stream=stream))
    message = answer.choices[0].message
    assert (message.reasoning_content, message.content) == ("Erst grübeln 🤔.", f"echo[{NAMES[shape]}]: grüß dich")
    assert answer.usage.completion_tokens == 3 + 3
    assert answer.usage.completion_tokens_details.reasoning_tokens == 3
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 6


@pytest.mark.parametrize("stream", [False, True])
def test_cached_tokens_are_a_part_of_the_prompt(upstream: Upstream, shape: str, stream: bool) -> None:
    answer = run(through_litellm(upstream, shape, "[[cached 4]] one two three four", stream=stream))
    assert answer.choices[0].message.content == f"echo[{NAMES[shape]}]: one two three four"
    assert answer.usage.prompt_tokens == 6
    assert answer.usage.prompt_tokens_details.cached_tokens == 4


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_before_calls_goes_back_unchanged(upstream: Upstream, shape: str, stream: bool) -> None:
    """The upstream refuses reasoning whose signature does not fit, so the second request proves the journey."""
    plan = '[[think Two at once.]] [[call weather {"city": "Rome"}]] & [[call time {"zone": "CET"}]]'

    async def converse() -> tuple[Any, Any]:
        conversation: list[Any] = [{"role": "user", "content": plan}]
        first = await through_litellm(upstream, shape, conversation, tools=TOOLS, stream=stream)
        message = first.choices[0].message
        conversation.append(message.model_dump())
        for call in message.tool_calls:
            conversation.append({"role": "tool", "tool_call_id": call.id, "content": call.function.name})
        return message, await through_litellm(upstream, shape, conversation, tools=TOOLS, stream=stream)

    message, last = run(converse())
    assert message.reasoning_content == "Two at once."
    assert [json.loads(c.function.arguments) for c in message.tool_calls] == [{"city": "Rome"}, {"zone": "CET"}]
    assert last.choices[0].message.content == "done: weather | time"
    sent = json.dumps(upstream.calls()[-1]["body"])
    # OpenAI-compatible servers sign nothing. Of Gemini's, LiteLLM keeps what stands on calls.
    assert ("signature" in sent.lower()) == (shape != "openai")


@pytest.mark.parametrize("stream", [False, True])
def test_a_filter_ends_the_answer(upstream: Upstream, shape: str, stream: bool) -> None:
    for directive in ("[[refuse]]", "[[refuse prompt]]"):
        choice = run(through_litellm(upstream, shape, f"velvet {directive}", stream=stream)).choices[0]
        assert (choice.finish_reason, choice.message.content or "") == ("content_filter", "")
    choice = run(through_litellm(upstream, shape, "[[say Half a]] [[refuse]]", stream=stream)).choices[0]
    # Google takes back what was not sent yet.
    said = "" if shape == "gemini" and not stream else "Half a"
    assert (choice.finish_reason, choice.message.content or "") == ("content_filter", said)


@pytest.mark.parametrize("stream", [False, True])
def test_a_filter_acts_after_a_tool(upstream: Upstream, shape: str, stream: bool) -> None:
    plan = '[[call weather {"city": "Rome"}]] then [[refuse times=1]]'

    async def converse() -> Any:
        conversation: list[Any] = [{"role": "user", "content": plan}]
        call = (await through_litellm(upstream, shape, conversation, tools=TOOLS, stream=stream)).choices[0].message
        result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "wet"}
        conversation += [call.model_dump(), result]
        return [await through_litellm(upstream, shape, conversation, tools=TOOLS, stream=stream) for _ in range(2)]

    refused, again = run(converse())
    assert refused.choices[0].finish_reason == "content_filter"
    assert again.choices[0].message.content == "done: wet"


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_without_arguments(upstream: Upstream, shape: str, stream: bool) -> None:
    asked = through_litellm(upstream, shape, "[[call ping]]", tools=[NO_ARGUMENTS], stream=stream)
    if shape == "gemini":
        # LiteLLM reads functionCall.args, which Google's reference calls optional, as if it were always there.
        kind = litellm_errors.MidStreamFallbackError if stream else litellm_errors.BadRequestError
        with pytest.raises(kind, match="'args'"):
            run(asked)
        asked = through_litellm(upstream, shape, "[[call ping {}]]", tools=[NO_ARGUMENTS], stream=stream)
    choice = run(asked).choices[0]
    (call,) = choice.message.tool_calls
    assert (call.function.name, choice.finish_reason) == ("ping", "tool_calls")
    assert call.function.arguments == ("" if shape == "openai" and not stream else "{}")


def test_how_a_call_without_arguments_is_sent(upstream: Upstream, shape: str) -> None:
    if shape == "anthropic":
        tools: Any = [{"name": "ping", "input_schema": {"type": "object"}}]
        sent = events(messages(upstream, "[[call ping]]", tools=tools, stream=True))
        assert "content_block_delta" not in [event["type"] for event in sent]
        assert messages(upstream, "[[call ping]]", tools=tools).json()["content"][0]["input"] == {}
    elif shape == "gemini":
        tools = [{"functionDeclarations": [{"name": "ping"}]}]
        for directive, has_arguments in (("[[call ping]]", False), ("[[call ping {}]]", True)):
            (part,) = gemini(upstream, directive, tools=tools).json()["candidates"][0]["content"]["parts"]
            assert ("args" in part["functionCall"]) is has_arguments
    else:
        run(through_litellm(upstream, shape, "[[call ping]]", tools=[NO_ARGUMENTS]))
