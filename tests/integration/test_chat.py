"""Chat, completions and embeddings through a running stack, with both clients, on both wire formats."""

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


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def usage_of(metrics: Any) -> dict[str, float]:
    return {metric.metric: metric.value for metric in metrics}


def test_legacy_chat(stack: Stack, model: str, word: str) -> None:
    answer = stack.client().inference.chat_completion(model_id=model, messages=ask(f"hello {word}"))
    assert answer.completion_message.content.endswith(f"hello {word}")
    assert answer.completion_message.stop_reason == "end_of_turn"
    # The upstream counts words: two came in, and "echo[model]:" stands before them in the answer.
    assert usage_of(answer.metrics) == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_legacy_chat_streamed(stack: Stack, model: str, word: str) -> None:
    chunks = list(stack.client().inference.chat_completion(model_id=model, messages=ask(f"hi {word}"), stream=True))
    kinds = [chunk.event.event_type for chunk in chunks]
    assert (kinds[0], kinds[-1]) == ("start", "complete")
    assert "".join(chunk.event.delta.text for chunk in chunks).endswith(f"hi {word}")
    assert len(chunks) > 4, "the answer came in one piece"
    assert chunks[-1].event.stop_reason == "end_of_turn"
    assert usage_of(chunks[-1].metrics) == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_legacy_parallel_tool_calls(stack: Stack, model: str, word: str) -> None:
    tools: Any = [{"tool_name": "weather", "description": "d", "parameters": {"city": {"param_type": "str"}}}]
    text = f'[[call weather {{"city": "{word}1"}}]] & [[call weather {{"city": "{word}2"}}]]'
    answer = stack.client().inference.chat_completion(model_id=model, messages=ask(text), tools=tools)
    calls = answer.completion_message.tool_calls or []
    assert [call.arguments for call in calls] == [{"city": f"{word}1"}, {"city": f"{word}2"}]
    assert answer.completion_message.stop_reason == "end_of_message"

    stream = stack.client().inference.chat_completion(model_id=model, messages=ask(text), tools=tools, stream=True)
    deltas: list[Any] = [chunk.event.delta for chunk in stream if chunk.event.delta.type == "tool_call"]
    whole = [delta.tool_call.arguments for delta in deltas if delta.parse_status == "succeeded"]
    assert whole == [{"city": f"{word}1"}, {"city": f"{word}2"}]
    growing = "".join(delta.tool_call for delta in deltas if delta.parse_status == "in_progress")
    # The OpenAI upstream mixes the pieces of its calls, so only the letters can be compared.
    shown = "".join(f'weather({{"city": "{word}{number}"}}' for number in (1, 2))
    assert sorted(growing) == sorted(shown)


def test_legacy_tool_call_without_arguments(stack: Stack, model: str) -> None:
    tools: Any = [{"tool_name": "now", "description": "the time"}]
    for stream in (False, True):
        answer: Any = stack.client().inference.chat_completion(
            model_id=model, messages=ask("[[call now {}]]"), tools=tools, stream=stream
        )
        if stream:
            (call,) = [
                c.event.delta.tool_call for c in answer if getattr(c.event.delta, "parse_status", "") == "succeeded"
            ]
        else:
            (call,) = answer.completion_message.tool_calls
        assert (call.tool_name, call.arguments) == ("now", {})


def test_legacy_sampling_parameters_arrive(stack: Stack, upstream: Upstream, word: str) -> None:
    stack.client().inference.chat_completion(
        model_id="litellm/gpt",
        messages=[{"role": "system", "content": "be brief"}, *ask(word)],
        sampling_params={
            "strategy": {"type": "top_p", "temperature": 0.3, "top_p": 0.8},
            "max_tokens": 50,
            "stop": ["X"],
        },
    )
    body = sent(upstream, word)
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["stop"]) == (0.3, 0.8, 50, ["X"])
    assert body["messages"][0] == {"role": "system", "content": "be brief"}


def test_legacy_out_of_tokens(stack: Stack, model: str) -> None:
    answer = stack.client().inference.chat_completion(
        model_id=model,
        messages=ask("one two three four five"),
        sampling_params={"strategy": {"type": "greedy"}, "max_tokens": 2},
    )
    assert answer.completion_message.stop_reason == "out_of_tokens"


def test_legacy_json_schema(stack: Stack, model: str, word: str) -> None:
    schema = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = stack.client().inference.chat_completion(
        model_id=model, messages=ask(word), response_format={"type": "json_schema", "json_schema": schema}
    )
    assert json.loads(str(answer.completion_message.content)) == {"city": word}


def test_legacy_image_and_logprobs(stack: Stack, model: str, word: str) -> None:
    png = picture()
    content: Any = [
        {"type": "text", "text": word},
        {"type": "image", "image": {"data": base64.b64encode(png).decode()}},
    ]
    answer = stack.client().inference.chat_completion(model_id=model, messages=[{"role": "user", "content": content}])
    assert hashlib.sha256(png).hexdigest()[:12] in str(answer.completion_message.content)
    if model == "litellm/gpt":
        answer = stack.client().inference.chat_completion(model_id=model, messages=ask(word), logprobs={"top_k": 2})
        assert answer.logprobs
        assert any(f" {word}" in seen.logprobs_by_token for seen in answer.logprobs)


def test_legacy_completion(stack: Stack, model: str, word: str) -> None:
    client = stack.client()
    answer = client.inference.completion(model_id=model, content=f"once {word}")
    assert answer.content.endswith(f"once {word}")
    chunks = list(client.inference.completion(model_id=model, content=f"once {word}", stream=True))
    assert "".join(chunk.delta for chunk in chunks).endswith(f"once {word}")
    assert chunks[-1].stop_reason == "end_of_turn"


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
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = stack.openai().chat.completions.create(
        model=model,
        messages=ask(word),
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}},
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
    legacy = stack.client().inference.embeddings(model_id="litellm/embedding", contents=texts).embeddings
    floats = stack.openai().embeddings.create(model="litellm/embedding", input=texts, encoding_format="float")
    # Without an encoding_format the client asks for base64 and decodes it.
    packed = stack.openai().embeddings.create(model="embedding", input=texts)
    assert [len(vector) for vector in legacy] == [64, 64, 64]
    assert legacy[0] == legacy[1] != legacy[2]
    assert [row.index for row in floats.data] == [0, 1, 2]
    for row, other, vector in zip(floats.data, packed.data, legacy, strict=True):
        assert row.embedding == vector
        assert all(abs(a - b) < 1e-6 for a, b in zip(row.embedding, other.embedding, strict=True))
    assert floats.usage.prompt_tokens > 0


def test_every_answer_is_fresh(stack: Stack, word: str) -> None:
    sizes = set()
    for _ in range(3):
        answer = stack.client().inference.chat_completion(model_id="litellm/gpt", messages=ask(word))
        sizes.add(len(answer.metrics or []))
    assert sizes == {3}


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
    models = {model.identifier: model for model in stack.client().models.list()}
    assert models["litellm/embedding"].model_type == "embedding"
    assert models["litellm/embedding"].metadata["embedding_dimension"] == 64
    assert models["litellm/claude"].metadata["context_length"] == 200_000
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
