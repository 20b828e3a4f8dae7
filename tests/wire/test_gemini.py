"""Google's wire format: what its reference says, and what LiteLLM makes of it."""

from __future__ import annotations

from typing import Any

import httpx
import litellm
import pytest

from tests.upstream import Upstream
from tests.wire.conftest import NAMES, SCHEMA, TOOLS, events, gemini, run, through_litellm

MODELS = ("gemini-flash-latest", "gemini-2.5-flash")


def test_the_key_stands_in_the_header_or_in_the_url(upstream: Upstream) -> None:
    url = f"{upstream.url}/v1beta/models/m:generateContent"
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    with httpx.Client(trust_env=False) as http:
        refused = http.post(url, json=body)
        answered = http.post(f"{url}?key=sk-url", json=body)
        listed = http.get(f"{upstream.url}/v1beta/models?key=sk-url").json()
    assert (refused.status_code, refused.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert answered.json()["candidates"][0]["content"]["parts"] == [{"text": "echo[m]: hello"}]
    assert listed["models"][0]["name"] == "models/echo-1"
    assert [call["query"] for call in upstream.calls()] == [{}, {"key": "sk-url"}, {"key": "sk-url"}]


def test_an_answer_counts_its_tokens(upstream: Upstream) -> None:
    answer = gemini(upstream, "[[think x y]] [[cached 2]] a b").json()
    assert answer["modelVersion"] == "m"
    usage = answer["usageMetadata"]
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"]) == (7, 2)
    assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"], usage["totalTokenCount"]) == (3, 2, 12)
    (candidate,) = answer["candidates"]
    assert candidate["content"]["parts"] == [{"text": "x y", "thought": True}, {"text": "echo[m]: a b"}]


def test_a_blocked_prompt_has_no_candidates(upstream: Upstream) -> None:
    for method in ("generateContent", "streamGenerateContent"):
        response = gemini(upstream, "[[refuse prompt]]", method)
        (answer,) = [response.json()] if method == "generateContent" else events(response)
        assert answer["promptFeedback"]["blockReason"] == "SAFETY"
        assert "candidates" not in answer
    (candidate,) = gemini(upstream, "[[refuse]]").json()["candidates"]
    assert (candidate["finishReason"], "content" in candidate) == ("SAFETY", False)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"user": "me"}, 'Unknown name "user"'),
        ({"generationConfig": {"n": 2}}, "Unknown name \"n\" at 'generation_config'"),
        ({"generationConfig": {"candidateCount": 0}}, "candidate count"),
        ({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, "response_mime_type"),
        ({"tools": [{"functionDeclarations": [{"name": "1 x"}]}]}, "Invalid function name"),
        ({"contents": [{"parts": [{"functionResponse": {"name": "x", "response": {}}}]}]}, "number of function"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "x"}}]}]}, "is followed by"),
        ({"contents": []}, "contents"),
    ],
)
def test_what_google_refuses_is_refused(upstream: Upstream, more: dict[str, Any], words: str) -> None:
    refused = gemini(upstream, "hello", **more)
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in refused.json()["error"]["message"]


def test_unknown_methods_and_streams_without_sse_are_refused(upstream: Upstream) -> None:
    assert gemini(upstream, "x", "paint").status_code == 404
    with httpx.Client(trust_env=False, headers={"x-goog-api-key": "k"}) as http:
        assert http.post(f"{upstream.url}/v1beta/models/m:streamGenerateContent", json={}).status_code == 400


@pytest.mark.parametrize("stream", [False, True])
def test_settings_arrive(upstream: Upstream, stream: bool) -> None:
    asked = {"temperature": 0.5, "top_p": 0.4, "top_k": 3, "seed": 7, "stop": ["z"], "logprobs": True}
    asked |= {"presence_penalty": 0.1, "frequency_penalty": 0.2, "reasoning_effort": "low"}
    run(through_litellm(upstream, "gemini", "a", model="gemini/gemini-2.5-flash", max_tokens=9, stream=stream, **asked))
    (call,) = upstream.calls()
    assert call["body"]["generationConfig"] == {
        "temperature": 0.5,
        "top_p": 0.4,
        "top_k": 3,
        "seed": 7,
        "stop_sequences": ["z"],
        "responseLogprobs": True,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "max_output_tokens": 9,
        "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True},
    }
    assert call["path"] == f"/v1beta/models/gemini-2.5-flash:{'streamG' if stream else 'g'}enerateContent"
    assert call["headers"]["x-goog-api-key"] == "sk-x"


def test_litellm_takes_a_name_that_it_does_not_know_for_gemini_3(upstream: Upstream) -> None:
    """It then sets a temperature, drops the penalties and makes the system prompt a user's words, all in silence."""
    conversation = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "a"}]
    for model in ("m", "gemini-2.5-flash"):
        run(through_litellm(upstream, "gemini", conversation, model=f"gemini/{model}", presence_penalty=0.1))
    unknown, known = [call["body"] for call in upstream.calls()]
    assert unknown["generationConfig"] == {"temperature": 1.0}
    assert [part["text"] for part in unknown["contents"][0]["parts"]] == ["be kind", "a"]
    assert "system_instruction" not in unknown
    assert known["generationConfig"] == {"presence_penalty": 0.1}
    assert known["system_instruction"] == {"parts": [{"text": "be kind"}]}


@pytest.mark.parametrize(
    ("model", "field"), list(zip(MODELS, ("response_schema", "response_json_schema"), strict=True))
)
def test_both_kinds_of_schema_arrive(upstream: Upstream, model: str, field: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    run(through_litellm(upstream, "gemini", "Ada 36", model=f"gemini/{model}", response_format=form))
    (call,) = upstream.calls()
    assert call["body"]["generationConfig"]["response_mime_type"] == "application/json"
    assert field in call["body"]["generationConfig"]


def test_litellm_makes_an_object_of_an_enum_without_a_type(upstream: Upstream) -> None:
    properties = {"bare": {"enum": ["a", "b"]}, "typed": {"type": "string", "enum": ["a", "b"]}}
    tool = {"name": "pick", "parameters": {"type": "object", "properties": properties}}
    run(through_litellm(upstream, "gemini", "a", tools=[{"type": "function", "function": tool}]))
    (call,) = upstream.calls()
    (declared,) = call["body"]["tools"][0]["function_declarations"]
    assert declared["parameters"]["properties"]["bare"] == {"type": "object"}
    assert declared["parameters"]["properties"]["typed"]["enum"] == ["a", "b"]


@pytest.mark.parametrize("model", MODELS)
def test_tool_results_find_their_calls(upstream: Upstream, model: str) -> None:
    """Two calls of one tool: told apart by their ids, which Gemini has from 3 on, or by their order."""
    plan = '[[call weather {"city": "Rome"}]] & [[call weather {"city": "Oslo"}]]'

    async def converse() -> Any:
        conversation: list[Any] = [{"role": "user", "content": plan}]
        options: Any = {"model": f"gemini/{model}", "tools": TOOLS}
        message = (await through_litellm(upstream, "gemini", conversation, **options)).choices[0].message
        conversation.append(message.model_dump())
        for call, result in zip(message.tool_calls, ('{"sky": "blue"}', "snow"), strict=True):
            conversation.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return await through_litellm(upstream, "gemini", conversation, **options)

    assert run(converse()).choices[0].message.content == "done: blue | snow"
    parts = upstream.calls()[-1]["body"]["contents"][-1]["parts"]
    assert all(("id" in part["function_response"]) == (model == MODELS[0]) for part in parts)


@pytest.mark.parametrize("choice", ["required", "none", {"type": "function", "function": {"name": "time"}}])
def test_tool_choice(upstream: Upstream, choice: Any) -> None:
    answer = run(through_litellm(upstream, "gemini", "Bern please", tools=TOOLS, tool_choice=choice))
    message = answer.choices[0].message
    if choice == "none":
        assert message.content == f"echo[{NAMES['gemini']}]: Bern please"
    else:
        assert [c.function.name for c in message.tool_calls] == ["weather" if choice == "required" else "time"]


def test_several_candidates_and_their_logprobs(upstream: Upstream) -> None:
    answer = run(through_litellm(upstream, "gemini", "a b", n=2, logprobs=True))
    assert [c.message.content for c in answer.choices] == [f"echo[{NAMES['gemini']}]: a b"] * 2
    assert [t.token for t in answer.choices[1].logprobs.content] == [f"echo[{NAMES['gemini']}]:", " a", " b"]
    assert answer.usage.completion_tokens == 6


@pytest.mark.parametrize(("more", "finish"), [({"max_tokens": 2}, "length"), ({"stop": ["b"]}, "stop")])
def test_the_answer_is_limited(upstream: Upstream, more: dict[str, Any], finish: str) -> None:
    choice = run(through_litellm(upstream, "gemini", "a b c", **more)).choices[0]
    assert (choice.message.content.strip(), choice.finish_reason) == (f"echo[{NAMES['gemini']}]: a", finish)


def test_embeddings(upstream: Upstream) -> None:
    texts = ["the red harbour crane", "soup for winter"]
    base: Any = {"api_base": f"{upstream.url}/v1beta", "api_key": "k"}
    answer: Any = run(litellm.aembedding(model="gemini/e", input=texts, dimensions=16, **base))
    assert [len(item["embedding"]) for item in answer.data] == [16, 16]
    (call,) = upstream.calls()
    assert (call["path"], call["wire"]) == ("/v1beta/models/e:batchEmbedContents", "gemini")
    single = gemini(upstream, "", "embedContent", content={"parts": [{"text": texts[0]}]}, outputDimensionality=16)
    assert single.json()["embedding"]["values"] == answer.data[0]["embedding"]
