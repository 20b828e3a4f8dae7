"""What vendors do each in their own way comes out in one: reasoning, cached tokens, refusals, odd chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.any_host


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def tool(name: str) -> Any:
    return {"type": "function", "function": {"name": name, "description": "d"}}


def chat(stack: Stack, model: str, text: str, **options: Any) -> Any:
    return stack.openai().chat.completions.create(model=model, messages=ask(text), **options)


def streamed(stack: Stack, model: str, text: str, **options: Any) -> list[Any]:
    return list(chat(stack, model, text, stream=True, **options))


def pieces_of(chunks: list[Any]) -> list[list[str]]:
    """The pieces of each tool call's arguments."""
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        for piece in chunk.choices[0].delta.tool_calls or []:
            calls.setdefault(piece.index, []).append(piece.function.arguments or "")
    return list(calls.values())


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_reasoning_is_given_apart_from_the_answer(stack: Stack, model: str, word: str) -> None:
    text = f"[[think about {word} first]] hello"
    message = chat(stack, model, text).choices[0].message
    assert message.reasoning_content == f"about {word} first"
    assert word not in message.content
    chunks = streamed(stack, model, text)
    thought = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks)
    assert thought == f"about {word} first"
    assert text_of(chunks) == message.content


def test_reasoning_and_cached_tokens_are_counted(stack: Stack, model: str) -> None:
    text = "[[think one two three]] [[cached 2]] hello there you"
    for usage in (chat(stack, model, text).usage, streamed(stack, model, text)[-1].usage):
        assert usage.prompt_tokens_details.cached_tokens == 2
        assert usage.completion_tokens_details.reasoning_tokens == 3
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("one two three four", {"max_tokens": 2}, "length"),
        ("[[refuse]] no", {}, "content_filter"),
        ("[[call f {}]]", {"tools": [tool("f")]}, "tool_calls"),
        ("hello", {}, "stop"),
    ],
)
def test_stop_reasons(stack: Stack, model: str, text: str, options: dict[str, Any], reason: str) -> None:
    assert chat(stack, model, text, **options).choices[0].finish_reason == reason
    assert streamed(stack, model, text, **options)[-1].choices[0].finish_reason == reason


def test_unicode_that_is_cut_between_chunks(stack: Stack, model: str, word: str) -> None:
    said = f"{word} — naïve 東京 🦓🏽 ćevapčići"
    assert text_of(streamed(stack, model, f"[[bytes]] [[say {said}]]")) == said


def test_chunks_that_say_nothing_are_left_out(stack: Stack, model: str, word: str) -> None:
    chunks = streamed(stack, model, f"[[empty]] hello {word}")
    assert text_of(chunks).endswith(f"hello {word}")
    assert all(chunk.choices for chunk in chunks)
    assert chunks[-1].usage.total_tokens > 0


def test_calls_whose_arguments_are_cut_anywhere(stack: Stack, model: str, word: str) -> None:
    places = [f"{word} 東京 🦓🏽 Zürich", f"{word} Ærøskøbing"]
    plan = " & ".join(f"[[call where {json.dumps({'place': place}, ensure_ascii=False)}]]" for place in places)
    calls = pieces_of(streamed(stack, model, f"[[bytes]] [[empty]] {plan}", tools=[tool("where")]))
    assert [json.loads("".join(pieces))["place"] for pieces in calls] == places
    # Google sends a call whole.
    assert all(sum(map(bool, pieces)) > (0 if model == "litellm/gemini" else 2) for pieces in calls)


# As each vendor sends no arguments: none at all, or an empty object. LiteLLM fails on a Gemini call that has none,
# which Google's reference allows (tests/wire/test_reasoning.py).
@pytest.mark.parametrize("plan", ["[[call now]]", "[[call now {}]]"])
def test_a_call_without_arguments_has_an_empty_object(stack: Stack, model: str, plan: str) -> None:
    plan = "[[call now {}]]" if model == "litellm/gemini" else plan
    (call,) = chat(stack, model, plan, tools=[tool("now")]).choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("now", {})
    (pieces,) = pieces_of(streamed(stack, model, plan, tools=[tool("now")]))
    assert json.loads("".join(pieces)) == {}


def test_system_prompts(stack: Stack, model: str, word: str) -> None:
    messages = [{"role": "system", "content": f"be {word}"}, *ask("hello")]
    answer = stack.openai().chat.completions.create(model=model, messages=messages)
    assert f"system: be {word}" in answer.choices[0].message.content
