"""The host's own inference API, which OpenAI's has taken the place of since."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.differences import needs
from tests.integration.test_chat import ask, picture, sent
from tests.integration.test_errors import CASES
from tests.line import refusal, words_of
from tests.stack import Stack
from tests.upstream.process import Upstream

pytestmark = needs("inference API")


def usage_of(metrics: Any) -> dict[str, float]:
    return {metric.metric: metric.value for metric in metrics}


def test_chat(stack: Stack, model: str, word: str) -> None:
    answer = stack.client().inference.chat_completion(model_id=model, messages=ask(f"hello {word}"))
    assert answer.completion_message.content.endswith(f"hello {word}")
    assert answer.completion_message.stop_reason == "end_of_turn"
    # The upstream counts words: two came in, and "echo[model]:" stands before them in the answer.
    assert usage_of(answer.metrics) == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_chat_streamed(stack: Stack, model: str, word: str) -> None:
    chunks = list(stack.client().inference.chat_completion(model_id=model, messages=ask(f"hi {word}"), stream=True))
    kinds = [chunk.event.event_type for chunk in chunks]
    assert (kinds[0], kinds[-1]) == ("start", "complete")
    assert "".join(chunk.event.delta.text for chunk in chunks).endswith(f"hi {word}")
    assert len(chunks) > 4, "the answer came in one piece"
    assert chunks[-1].event.stop_reason == "end_of_turn"
    assert usage_of(chunks[-1].metrics) == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_parallel_tool_calls(stack: Stack, model: str, word: str) -> None:
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


def test_tool_call_without_arguments(stack: Stack, model: str) -> None:
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


def test_sampling_parameters_arrive(stack: Stack, upstream: Upstream, word: str) -> None:
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


def test_out_of_tokens(stack: Stack, model: str) -> None:
    answer = stack.client().inference.chat_completion(
        model_id=model,
        messages=ask("one two three four five"),
        sampling_params={"strategy": {"type": "greedy"}, "max_tokens": 2},
    )
    assert answer.completion_message.stop_reason == "out_of_tokens"


def test_json_schema(stack: Stack, model: str, word: str) -> None:
    schema = {"title": "Place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = stack.client().inference.chat_completion(
        model_id=model, messages=ask(word), response_format={"type": "json_schema", "json_schema": schema}
    )
    assert json.loads(str(answer.completion_message.content)) == {"city": word}


def test_image_and_logprobs(stack: Stack, model: str, word: str) -> None:
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


def test_completion(stack: Stack, model: str, word: str) -> None:
    client = stack.client()
    answer = client.inference.completion(model_id=model, content=f"once {word}")
    assert answer.content.endswith(f"once {word}")
    chunks = list(client.inference.completion(model_id=model, content=f"once {word}", stream=True))
    assert "".join(chunk.delta for chunk in chunks).endswith(f"once {word}")
    assert chunks[-1].stop_reason == "end_of_turn"


def test_every_answer_is_fresh(stack: Stack, word: str) -> None:
    sizes = set()
    for _ in range(3):
        answer = stack.client().inference.chat_completion(model_id="litellm/gpt", messages=ask(word))
        sizes.add(len(answer.metrics or []))
    assert sizes == {3}


def test_embeddings(stack: Stack, word: str) -> None:
    texts = [f"{word} one", "something else"]
    vectors = stack.client().inference.embeddings(model_id="litellm/embedding", contents=texts).embeddings
    as_openai = stack.openai().embeddings.create(model="embedding", input=texts, encoding_format="float")
    assert vectors == [row.embedding for row in as_openai.data]


def post(stack: Stack, path: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{stack.url}/v1/inference/{path}", json=body, timeout=30)


@pytest.mark.parametrize(("fault", "status"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_the_vendors_status_arrives(stack: Stack, model: str, fault: str, status: int) -> None:
    answer = post(stack, "chat-completion", {"model_id": model, "messages": ask(f"[[{fault}]]")})
    assert answer.status_code == status


def test_an_unknown_model(stack: Stack) -> None:
    answer = post(stack, "chat-completion", {"model_id": "litellm/gtp", "messages": ask("hi")})
    assert (answer.status_code, "Did you mean gpt" in words_of(answer)) == (404, True)


def test_a_chat_model_gives_no_vectors(stack: Stack) -> None:
    answer = post(stack, "embeddings", {"model_id": "litellm/gpt", "contents": ["x"]})
    assert answer.status_code == 400
    assert "is of type 'llm' rather than the expected type 'embedding'" in words_of(answer)


def test_the_sampling_strategies_arrive(stack: Stack, upstream: Upstream, word: str) -> None:
    strategies: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"type": "greedy"}, {"temperature": 0.0}),
        ({"type": "top_p", "temperature": 0.5, "top_p": 0.7}, {"temperature": 0.5, "top_p": 0.7}),
        ({"type": "top_k", "top_k": 3}, {"top_k": 3}),
    ]
    for number, (strategy, expected) in enumerate(strategies):
        stack.client().inference.chat_completion(
            model_id="litellm/local",
            messages=[{"role": "user", "content": f"{word}-{number}"}],
            sampling_params={"strategy": strategy, "repetition_penalty": 1.2},
        )
        body = sent(upstream, f"{word}-{number}")
        assert {key: body.get(key) for key in ("temperature", "top_p", "top_k") if key in body} == expected
        assert body["repetition_penalty"] == 1.2


@pytest.mark.parametrize("body", [{"messages": []}, {"messages": ask("hi"), "tools": [{"tool_name": 5}]}])
def test_a_body_that_is_wrong(stack: Stack, model: str, body: dict[str, Any]) -> None:
    answer = post(stack, "chat-completion", {"model_id": model, **body})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("fault", ["break", "midstream-error"])
def test_a_break_in_mid_stream_is_an_error_event(stack: Stack, model: str, fault: str) -> None:
    body = {"model_id": model, "messages": ask(f"[[{fault}]] velvet"), "stream": True}
    status, said = refusal(post(stack, "chat-completion", body))
    # Google says 503 in its stream, the others nothing that has a status.
    assert status == (503 if (model, fault) == ("litellm/gemini", "midstream-error") else 502)
    assert ("velvet" in said) is (fault == "midstream-error"), "the vendor's own words"


def test_a_batch_of_texts_that_fails_names_its_range(stack: Stack, word: str) -> None:
    texts = [f"{word} {number}" for number in range(250)]
    # A batch does what its last text says.
    texts[199] = f"{word} [[error 429 retry-after=7]]"
    answer = post(stack, "embeddings", {"model_id": "batched", "contents": texts})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert words_of(answer).startswith("Inputs 100 to 199 of 250: Model batched (gemini/gemini-embedding-001): ")
