"""The test upstream speaks its vendors' wire formats: their own clients understand it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import openai
import pytest

from tests.upstream import Upstream, start_upstream
from tests.wire.conftest import (
    GUARD_TEMPLATE,
    PIXEL,
    TOOLS,
    ask,
    messages,
    say,
)


def test_echo_shows_what_arrived(client: openai.OpenAI, upstream: Upstream) -> None:
    url = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
    picture: list[Any] = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = client.chat.completions.create(
        model="m",
        messages=[
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": picture},
        ],
    )
    seen = hashlib.sha256(PIXEL).hexdigest()[:12]
    assert answer.choices[0].message.content == f"echo[m]: look | system: be brief | images: 1 {seen} | turns: 2"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 13)
    (call,) = upstream.calls()
    assert (call["path"], call["wire"], call["outcome"]) == ("/v1/chat/completions", "openai", "answered")
    assert call["headers"]["authorization"] == "Bearer sk-test"
    assert call["body"]["messages"][1]["content"] == "one"


def test_openai_stream_counts_usage_only_when_asked(client: openai.OpenAI) -> None:
    plain = list(ask(client, "ein Tag  später 🎈", stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in plain) == "echo[m]: ein Tag  später 🎈"
    assert all(chunk.usage is None for chunk in plain)
    assert plain[-1].choices[0].finish_reason == "stop"
    counted = list(ask(client, "a b", stream=True, stream_options={"include_usage": True}))
    assert counted[-1].choices == []
    assert counted[-1].usage.total_tokens == 2 + 3


def test_openai_n_stop_length_logprobs(client: openai.OpenAI) -> None:
    answer = ask(client, "a b c", n=2, max_tokens=3, logprobs=True, top_logprobs=2)
    assert [c.message.content for c in answer.choices] == ["echo[m]: a b"] * 2
    assert answer.choices[1].finish_reason == "length"
    assert answer.usage.completion_tokens == 6
    tokens = answer.choices[0].logprobs.content
    assert [t.token for t in tokens] == ["echo[m]:", " a", " b"]
    assert len(tokens[0].top_logprobs) == 2
    assert say(client, "a b c", stop=["b"]) == "echo[m]: a "


def test_openai_streams_parallel_calls_interleaved(client: openai.OpenAI) -> None:
    text = '[[call weather {"city": "Zürich [[Kreis 4]]"}]] & [[call time {"zone": "CET"}]]'
    deltas = [c.choices[0].delta for c in ask(client, text, tools=TOOLS, stream=True)]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert [c.function.name for c in calls if c.id] == ["weather", "time"]
    parts = [(c.index, c.function.arguments) for c in calls if not c.id]
    assert [index for index, _ in parts][:4] == [0, 1, 0, 1]
    joined = ["".join(p for i, p in parts if i == index) for index in (0, 1)]
    assert [json.loads(j) for j in joined] == [{"city": "Zürich [[Kreis 4]]"}, {"zone": "CET"}]
    assert all(sum(1 for i, _ in parts if i == index) >= 3 for index in (0, 1))


def test_errors_are_in_the_vendors_form(client: openai.OpenAI, upstream: Upstream) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, "velvet [[error 429 retry-after=7]]")
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.BadRequestError) as context:
        ask(client, "velvet [[error 400 context]]")
    assert context.value.code == "context_length_exceeded"
    refused = messages(upstream, "velvet [[error 529]]")
    assert (refused.status_code, refused.json()["error"]["type"]) == (529, "overloaded_error")
    assert "velvet" in refused.json()["error"]["message"]
    with pytest.raises(openai.BadRequestError, match="not understood"):
        ask(client, "[[error]]")


def test_faults_can_be_limited_and_follow_a_tool(client: openai.OpenAI) -> None:
    text = "[[error 503 times=1 model=first]] hello"
    with pytest.raises(openai.InternalServerError):
        ask(client, text, "first")
    assert say(client, text, "first") == f"echo[first]: {text}"
    assert say(client, text, "second") == f"echo[second]: {text}"
    later = "[[call weather {}]] then [[error 500]]"
    call = ask(client, later, tools=TOOLS).choices[0].message
    history: list[Any] = [{"role": "user", "content": later}, call.model_dump(exclude_none=True)]
    history.append({"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "wet"})
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="m", messages=history, tools=TOOLS)


def test_a_client_that_leaves_is_seen(upstream: Upstream) -> None:
    async def leave() -> None:
        async with openai.AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="x", max_retries=0) as client:
            with pytest.raises(openai.APITimeoutError):
                await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "[[hang]]"}], timeout=0.3
                )
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "[[slow 100]]"}], stream=True
            )
            received = 0
            async for chunk in stream:
                received += bool(chunk.choices[0].delta.content)
                if received == 3:
                    break
            await stream.close()

    asyncio.run(leave())
    hung, slow = upstream.wait_for(lambda call: call["outcome"] == "disconnected", count=2)
    assert hung["chunks"] == 0
    assert 3 <= slow["chunks"] < 100


def test_slow_sends_all_chunks(client: openai.OpenAI, upstream: Upstream) -> None:
    words = [c.choices[0].delta.content for c in ask(client, "[[slow 4]] x", stream=True)]
    assert sum(1 for word in words if word) == 4
    (call,) = upstream.calls()
    assert (call["outcome"], call["chunks"]) == ("answered", 4)


def test_anthropic_event_sequence(upstream: Upstream) -> None:
    tools = [{"name": n, "input_schema": {"type": "object"}} for n in ("weather", "time")]
    plan = '[[call weather {"city": "Rome"}]] & [[call time {}]]'
    lines = messages(upstream, plan, tools=tools, stream=True).text.split("\n\n")
    events = [json.loads(line.split("data: ", 1)[1]) for line in lines if line]
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert [e["content_block"]["name"] for e in events if e["type"] == "content_block_start"] == [
        "weather",
        "time",
    ]
    pieces = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta" and e["index"] == 0]
    assert len(pieces) > 3
    assert json.loads("".join(pieces)) == {"city": "Rome"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_anthropic_stop_reasons_and_usage(upstream: Upstream) -> None:
    whole = messages(upstream, "a b", system=[{"type": "text", "text": "s"}]).json()
    assert whole["content"] == [{"type": "text", "text": "echo[m]: a b | system: s"}]
    assert whole["stop_reason"] == "end_turn"
    counts = {"input_tokens": 3, "output_tokens": 6}
    assert whole["usage"] == {**counts, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    assert messages(upstream, "a b", max_tokens=1).json()["stop_reason"] == "max_tokens"
    stopped = messages(upstream, "a b", stop_sequences=["b"]).json()
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "b")


def test_search_then_found(client: openai.OpenAI) -> None:
    question = "Which colour has the harbour crane?"
    call = ask(client, question, tools=TOOLS).choices[0].message
    assert json.loads(call.tool_calls[0].function.arguments) == {"query": question}
    retrieved = (
        "knowledge_search tool found 1 chunks:\nBEGIN of knowledge_search tool results.\n"
        "Result 1\n"
        "Content: The town has a wall. The harbour crane has the colour amber.\nMetadata: {'crane': 1}\n"
        f'The above results were retrieved to help answer the user\'s query: "{question}".'
    )
    history: list[Any] = [{"role": "user", "content": question}, call.model_dump(exclude_none=True)]
    history.append({"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": retrieved})
    answer = client.chat.completions.create(model="m", messages=history, tools=TOOLS)
    assert answer.choices[0].message.content == "found: The harbour crane has the colour amber."


def test_say_guard_judge_and_missing_tool(client: openai.OpenAI) -> None:
    assert say(client, "please [[say Ça va? 你好]]") == "Ça va? 你好"
    assert say(client, "[[call nothing {}]]", tools=TOOLS) == "no tool nothing"
    assert say(client, GUARD_TEMPLATE.format("hello [[error 500]]"), "llama-guard-3") == "safe"
    assert say(client, GUARD_TEMPLATE.format("how to Poison soup"), "llama-guard-3") == "unsafe\nS1"
    assert say(client, "EXPECTED: Paris\nGENERATED: It is paris.", "judge-1") == "Score: 1"
    assert say(client, "EXPECTED: Paris\nGENERATED: It is Rome.", "judge-1") == "Score: 0"


def test_forced_tool_is_called_once(client: openai.OpenAI) -> None:
    message = ask(client, "Bern please", tools=TOOLS, tool_choice="required").choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "Bern"}
    assert say(client, "Bern please", tools=TOOLS, tool_choice="none") == "echo[m]: Bern please"


def test_conversations_that_vendors_refuse_are_refused(client: openai.OpenAI, upstream: Upstream) -> None:
    orphan: list[Any] = [
        {"role": "user", "content": "x"},
        {"role": "tool", "tool_call_id": "no", "content": "y"},
    ]
    with pytest.raises(openai.BadRequestError, match="preceding message"):
        client.chat.completions.create(model="m", messages=orphan)
    result = [{"type": "tool_result", "tool_use_id": "no", "content": "y"}]
    refused = messages(upstream, "", messages=[{"role": "user", "content": result}])
    assert refused.status_code == 400


def test_legacy_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="m", prompt=["a b", "c"], n=2, echo=True, suffix="end", logprobs=1)
    assert [c.text for c in answer.choices] == ["a btext[m]: a b | suffix: end"] * 2 + ["ctext[m]: c | suffix: end"] * 2
    chunks = list(client.completions.create(model="m", prompt="a b", stream=True))
    assert "".join(c.choices[0].text for c in chunks) == "text[m]: a b"


def test_embeddings(client: openai.OpenAI) -> None:
    texts = ["the red harbour crane", "a crane in the harbour", "soup recipes for winter"]
    near, same, far = (d.embedding for d in client.embeddings.create(model="e", input=texts).data)
    floats = client.embeddings.create(model="e", input=texts[0], encoding_format="float").data[0].embedding
    assert near == pytest.approx(floats, abs=1e-6)
    assert len(near) == 64

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert dot(near, near) == pytest.approx(1.0)
    assert dot(near, same) > dot(near, far) + 0.3
    assert len(client.embeddings.create(model="e", input=[1, 2, 3], dimensions=16).data[0].embedding) == 16


def test_models_are_listed_and_64_requests_run_at_once(upstream: Upstream) -> None:
    async def burst() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{upstream.url}/v1", api_key="x", max_retries=0) as client:
            assert "echo-1" in [model.id async for model in client.models.list()]
            tasks = [
                client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": f"[[slow 3]] caller {i}"}], stream=False
                )
                for i in range(64)
            ]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*tasks)]

    assert len(asyncio.run(burst())) == 64
    assert {call["outcome"] for call in upstream.calls()} == {"answered"}


def test_an_upstream_can_come_back_at_its_port() -> None:
    with start_upstream(models=["one"]) as first:
        assert first.calls() == []
    with start_upstream(port=first.port) as again:
        assert again.url == first.url
    assert again.process.returncode is not None
