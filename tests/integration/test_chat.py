"""Chat, completions and embeddings through a running stack, on every wire format."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import pytest
from openai import BadRequestError
from PIL import Image

from tests.stack import Stack
from tests.upstream.process import Upstream

WEATHER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def test_openai_chat(stack: Stack, model: str, word: str) -> None:
    answer = stack.openai().chat.completions.create(model=model, messages=ask(f"hello {word}"))
    assert (answer.choices[0].message.content or "").endswith(f"hello {word}")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == 5


def test_openai_chat_streamed_usage_rides_on_the_last_chunk(stack: Stack, model: str, word: str) -> None:
    chunks = list(stack.openai().chat.completions.create(model=model, messages=ask(f"hello {word}"), stream=True))
    assert all(chunk.choices for chunk in chunks), "a chunk without choices that nobody asked for"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).endswith(f"hello {word}")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens == 5


def test_openai_chat_streamed_usage_stands_apart_when_asked_for(stack: Stack, model: str, word: str) -> None:
    chunks = list(
        stack.openai().chat.completions.create(
            model=model, messages=ask(word), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.prompt_tokens == 1
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_openai_tools(stack: Stack, model: str, word: str) -> None:
    client = stack.openai()
    text = f'[[call weather {{"city": "{word}1"}}]] & [[call weather {{"city": "{word}2"}}]]'
    message = client.chat.completions.create(model=model, messages=ask(text), tools=[WEATHER_TOOL]).choices[0].message
    calls: list[Any] = message.tool_calls or []
    assert [json.loads(call.function.arguments)["city"] for call in calls] == [f"{word}1", f"{word}2"]
    results: list[Any] = [
        {"role": "tool", "tool_call_id": call.id, "content": f"sun over {json.loads(call.function.arguments)['city']}"}
        for call in calls
    ]
    history: list[Any] = [*ask(text), message.model_dump(exclude_none=True), *results]
    final = client.chat.completions.create(model=model, messages=history, tools=[WEATHER_TOOL])
    assert f"sun over {word}1 | sun over {word}2" in (final.choices[0].message.content or "")


def test_openai_streamed_tool_calls_come_in_pieces(stack: Stack, model: str, word: str) -> None:
    text = f'[[call weather {{"city": "{word}1"}}]] & [[call weather {{"city": "{word}2"}}]]'
    chunks = stack.openai().chat.completions.create(model=model, messages=ask(text), tools=[WEATHER_TOOL], stream=True)
    arguments: dict[int, str] = {}
    for chunk in chunks:
        for piece in chunk.choices[0].delta.tool_calls or []:
            arguments[piece.index] = arguments.get(piece.index, "") + (
                (piece.function and piece.function.arguments) or ""
            )
    assert [json.loads(text)["city"] for text in arguments.values()] == [f"{word}1", f"{word}2"]


def test_openai_tool_choice_arrives(stack: Stack, upstream: Upstream, word: str) -> None:
    stack.openai().chat.completions.create(
        model="litellm/gpt",
        messages=ask(word),
        tools=[WEATHER_TOOL],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
    )
    body = sent(upstream, word)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["parallel_tool_calls"] is False
    assert body["tools"] == [WEATHER_TOOL]


def test_openai_json_schema(stack: Stack, model: str, word: str) -> None:
    answer = stack.openai().chat.completions.create(
        model=model,
        messages=ask(word),
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}},
    )
    assert json.loads(answer.choices[0].message.content or "") == {"city": word}


def test_openai_image(stack: Stack, model: str, word: str) -> None:
    png = picture()
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    content: Any = [{"type": "text", "text": word}, {"type": "image_url", "image_url": {"url": url}}]
    answer = stack.openai().chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
    assert hashlib.sha256(png).hexdigest()[:12] in (answer.choices[0].message.content or "")


def test_openai_logprobs_streamed_and_not(stack: Stack, word: str) -> None:
    options: Any = {"model": "litellm/gpt", "messages": ask(word), "logprobs": True, "top_logprobs": 2}
    answer = stack.openai().chat.completions.create(**options)
    logprobs = answer.choices[0].logprobs
    assert logprobs
    assert logprobs.content
    assert word in [token.token.strip() for token in logprobs.content]
    tokens = [
        token
        for chunk in stack.openai().chat.completions.create(**options, stream=True)
        if chunk.choices[0].logprobs
        for token in chunk.choices[0].logprobs.content or []
    ]
    assert word in [token.token.strip() for token in tokens]
    assert all(len(token.top_logprobs) == 2 for token in tokens)


def test_openai_completion(stack: Stack, model: str, word: str) -> None:
    client = stack.openai()
    assert client.completions.create(model=model, prompt=f"once {word}").choices[0].text.endswith(f"once {word}")
    chunks = list(client.completions.create(model=model, prompt=f"once {word}", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks).endswith(f"once {word}")
    assert chunks[-1].usage
    assert chunks[-1].usage.prompt_tokens == 2


def test_embeddings_in_every_form(stack: Stack, word: str) -> None:
    texts = [f"{word} one", f"{word} one", "something else"]
    floats = stack.openai().embeddings.create(model="litellm/embedding", input=texts, encoding_format="float")
    # Without an encoding_format the client asks for base64 and decodes it.
    packed = stack.openai().embeddings.create(model="embedding", input=texts)
    vectors = [row.embedding for row in floats.data]
    assert [len(vector) for vector in vectors] == [64, 64, 64]
    assert vectors[0] == vectors[1] != vectors[2]
    assert [row.index for row in floats.data] == [0, 1, 2]
    for row, other in zip(floats.data, packed.data, strict=True):
        assert all(abs(a - b) < 1e-6 for a, b in zip(row.embedding, other.embedding, strict=True))
    assert floats.usage.prompt_tokens > 0


def test_bare_names_and_wildcards_work_without_the_hosts_scan(stack: Stack, word: str) -> None:
    client, begun = stack.openai(), len(stack.log)
    for name in ("gpt", "wild/something", "litellm/wild/something"):
        answer = client.chat.completions.create(model=name, messages=ask(word))
        assert word in (answer.choices[0].message.content or "")
    assert (
        "echo[something]"
        in client.chat.completions.create(model="wild/something", messages=ask(word)).choices[0].message.content
    )
    assert "not found in routing table" not in stack.log[begun:]


def test_a_pattern_is_not_a_model(stack: Stack) -> None:
    with pytest.raises(BadRequestError, match="is a pattern, not a model"):
        stack.openai().chat.completions.create(model="litellm/wild/*", messages=ask("hi"))


def test_the_catalogue_is_listed(stack: Stack) -> None:
    models = stack.models()
    assert models["litellm/embedding"]["model_type"] == "embedding"
    assert models["litellm/embedding"]["embedding_dimension"] == 64
    assert models["litellm/claude"]["context_length"] == 200_000
    assert "litellm/unmeasured" not in models
    assert "output_vector_size: <N>" in " ".join(stack.log.split())
    assert [model.id for model in stack.openai().models.list()]


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 10, 10)).save(buffer, "PNG")
    return buffer.getvalue()


def sent(upstream: Upstream, word: str) -> Any:
    """The body of the one call whose text holds ``word``."""
    (call,) = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    return call["body"]
