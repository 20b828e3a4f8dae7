"""LiteLLM understands the test upstream, in all of its formats."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import litellm
import pytest
from litellm import exceptions as litellm_errors

from tests.upstream import Upstream
from tests.wire.conftest import (
    INSTANCE,
    NAMES,
    PIXEL,
    SCHEMA,
    SHAPES,
    TOOLS,
    run,
    through_litellm,
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_litellm_runs_a_tool_plan_to_its_end(upstream: Upstream, shape: str, stream: bool) -> None:
    plan = (
        '[[call weather {"city": "Rome"}]] & [[call time {"zone": "CET"}]]'
        ' then [[call weather {"city": "near $result"}]]'
    )
    results = {"Rome": "sunny", "CET": "noon", "near sunny | noon": "rain"}

    more = {"stream_options": {"include_usage": True}} if stream else {}

    async def converse() -> tuple[list[str], Any]:
        conversation: list[Any] = [{"role": "user", "content": plan}]
        made: list[str] = []
        while True:
            answer = await through_litellm(upstream, shape, conversation, tools=TOOLS, stream=stream, **more)
            message = answer.choices[0].message
            if not message.tool_calls:
                return made, answer
            assert answer.choices[0].finish_reason == "tool_calls"
            conversation.append(message.model_dump())
            for call in message.tool_calls:
                value = next(iter(json.loads(call.function.arguments).values()))
                made.append(f"{call.function.name}:{value}")
                # As the host may send it: a list of text parts.
                content = [{"type": "text", "text": results[value]}]
                conversation.append({"role": "tool", "tool_call_id": call.id, "content": content})

    made, answer = run(converse())
    assert made == ["weather:Rome", "time:CET", "weather:near sunny | noon"]
    assert answer.choices[0].message.content == "done: sunny | noon | rain"
    assert answer.usage.completion_tokens == 6


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_litellm_echo(upstream: Upstream, shape: str, stream: bool) -> None:
    url = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
    content = [{"type": "text", "text": "grüß dich"}, {"type": "image_url", "image_url": {"url": url}}]
    conversation = [{"role": "system", "content": "be kind"}, {"role": "user", "content": content}]
    more = {"stream_options": {"include_usage": True}} if stream else {}
    answer = run(through_litellm(upstream, shape, conversation, stream=stream, **more))
    seen = hashlib.sha256(PIXEL).hexdigest()[:12]
    text = f"echo[{NAMES[shape]}]: grüß dich | system: be kind | images: 1 {seen}"
    assert answer.choices[0].message.content == text
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, len(text.split()))
    (call,) = upstream.calls()
    assert call["wire"] == shape
    assert "sk-x" in str(call["headers"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "model",
    ["openai/m", "anthropic/m", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro", "gemini/gemini-flash-latest"],
)
def test_litellm_json_schema(upstream: Upstream, model: str, stream: bool) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    shape = model.split("/")[0]
    answer = run(
        through_litellm(upstream, shape, "Ada is glad at 36", model=model, response_format=form, stream=stream)
    )
    assert json.loads(answer.choices[0].message.content) == INSTANCE


@pytest.mark.parametrize("shape", SHAPES)
def test_streams_that_break(upstream: Upstream, shape: str) -> None:
    for directive in ("break", "midstream-error"):
        with pytest.raises(litellm_errors.MidStreamFallbackError):
            run(through_litellm(upstream, shape, f"velvet [[{directive}]]", stream=True))
    assert [(c["outcome"], c["chunks"]) for c in upstream.calls()] == [("error", 2)] * 2


@pytest.mark.parametrize("provider", ["jina_ai", "cohere", "hosted_vllm"])
def test_litellm_rerank(upstream: Upstream, provider: str) -> None:
    documents: list[str | dict[str, Any]] = ["a green hill", "the harbour crane", "a crane"]
    answer: Any = litellm.rerank(
        model=f"{provider}/m",
        query="harbour crane",
        documents=documents,
        top_n=2,
        api_base=upstream.url,
        api_key="k",
    )
    assert [(r["index"], r["relevance_score"]) for r in answer.results] == [(1, 1.0), (2, 0.5)]
    assert answer.results[0]["document"] == {"text": "the harbour crane"}
