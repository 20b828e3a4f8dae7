"""What one conversation is on its way to each vendor: every part in the place where that vendor looks for it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.integration.test_chat import WEATHER_TOOL, picture, sent
from tests.stack import Stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

PICTURE = base64.b64encode(picture()).decode()
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION: dict[str, Any] = WEATHER_TOOL["function"]


def conversation(word: str) -> list[Any]:
    """A system prompt, a picture, two calls at once and their results."""
    arguments = [{"city": f"{word}1"}, {"city": f"{word}2"}]
    return [
        {"role": "system", "content": f"be {word}"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            ],
        },
        {
            "role": "assistant",
            "tool_calls": [
                {"id": f"c{i}", "type": "function", "function": {"name": "weather", "arguments": json.dumps(each)}}
                for i, each in enumerate(arguments)
            ],
        },
        {"role": "tool", "tool_call_id": "c0", "content": "sun"},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]


def as_openai(word: str) -> dict[str, Any]:
    return {"messages": conversation(word), "tools": [WEATHER_TOOL]}


def as_anthropic(word: str) -> dict[str, Any]:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    calls = [
        {"type": "tool_use", "id": f"c{i}", "name": "weather", "input": {"city": f"{word}{i + 1}"}} for i in (0, 1)
    ]
    results = [
        {"type": "tool_result", "tool_use_id": f"c{i}", "content": said} for i, said in enumerate(("sun", "rain"))
    ]
    tool = {"name": "weather", "description": FUNCTION["description"], "input_schema": FUNCTION["parameters"]}
    return {
        "system": [{"type": "text", "text": f"be {word}"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": results},
        ],
        "tools": [{**tool, "type": "custom"}],
    }


def as_gemini(word: str) -> dict[str, Any]:
    image = {"inline_data": {"mime_type": "image/png", "data": PICTURE}}
    calls = [{"function_call": {"name": "weather", "args": {"city": f"{word}{i}"}}} for i in (1, 2)]
    results = [{"function_response": {"name": "weather", "response": {"content": said}}} for said in ("sun", "rain")]
    return {
        "system_instruction": {"parts": [{"text": f"be {word}"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "look"}, image]},
            {"role": "model", "parts": calls},
            {"role": "user", "parts": results},
        ],
        "tools": [{"function_declarations": [FUNCTION]}],
    }


FORMS = {"litellm/gpt": as_openai, "litellm/claude": as_anthropic, "litellm/gemini": as_gemini}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_conversation_in_the_vendors_form(
    stack: Stack, upstream: Upstream, model: str, word: str, stream: bool
) -> None:
    answer = stack.openai().chat.completions.create(
        model=model, messages=conversation(word), tools=[WEATHER_TOOL], stream=stream
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in answer) if stream else None
    assert (said or answer.choices[0].message.content) == "done: sun | rain"
    body = sent(upstream, word)
    expected = FORMS[model](word)
    assert {key: body[key] for key in expected} == expected


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_schema_in_the_vendors_form(stack: Stack, upstream: Upstream, model: str, word: str, stream: bool) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
    answer = stack.openai().chat.completions.create(
        model=model, messages=[{"role": "user", "content": word}], response_format=wanted, stream=stream
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in answer) if stream else None
    assert json.loads(said or answer.choices[0].message.content) == {"city": word}
    body = sent(upstream, word)
    forms: dict[str, tuple[Any, Any]] = {
        "litellm/gpt": (body.get("response_format"), wanted),
        "litellm/claude": (body.get("output_format"), {"type": "json_schema", "schema": SCHEMA}),
        "litellm/gemini": (
            body.get("generationConfig"),
            {"response_mime_type": "application/json", "response_json_schema": SCHEMA},
        ),
    }
    arrived, expected = forms[model]
    assert arrived == expected
