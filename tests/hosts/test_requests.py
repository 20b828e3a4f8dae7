"""The host's OpenAI parameters as request bodies: field by field, so that no order gets through."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from llama_stack.apis.common.content_types import URL
from llama_stack.apis.inference import (
    InferenceProvider,
    OpenAIChatCompletionContentPartImageParam,
    OpenAIChatCompletionContentPartTextParam,
    OpenAIImageURL,
    OpenAIUserMessageParam,
)

from llama_stack_provider_litellm.errors import InvalidRequest
from llama_stack_provider_litellm.hosts import requests
from llama_stack_provider_litellm.hosts.v0_2 import LiteLLMInferenceAdapter

TRAP: dict[str, Any] = {
    **{"api_base": "http://trap", "base_url": "http://trap", "api_key": "trap", "headers": {"trap": "trap"}},
    **{"extra_headers": {"trap": "trap"}, "mock_response": "trap", "litellm_params": {"api_base": "trap"}},
    **{"extra_body": {"trap": 1}, "metadata": {"trap": 1}, "fallbacks": ["trap"], "cache_control": {"trap": 1}},
}
SCHEMA = {"type": "object", "properties": {"api_base": {"type": "string"}, "deep": {"items": [{"x-mine": 1}]}}}
FUNCTION = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
SAY_HI = OpenAIUserMessageParam(role="user", content="hi")


def chat(**options: Any) -> dict[str, Any]:
    return requests.chat(model="m", messages=[SAY_HI], **options)


def test_only_what_was_given_is_asked() -> None:
    assert chat(temperature=None, stop=None) == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert chat(temperature=0.0, n=0, stop=[], logprobs=False) == {
        **chat(),
        **{"temperature": 0.0, "n": 0, "stop": [], "logprobs": False},
    }


def test_messages_in_parts() -> None:
    parts: list[Any] = [
        OpenAIChatCompletionContentPartTextParam(text="look"),
        OpenAIChatCompletionContentPartImageParam(image_url=OpenAIImageURL(url="http://x/p.png")),
    ]
    request = requests.chat(model="m", messages=[OpenAIUserMessageParam(role="user", content=parts)])
    assert request["messages"][0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "http://x/p.png"}},
    ]


def test_a_tool_is_reduced_at_every_depth_and_its_schema_kept() -> None:
    tool = {"type": "function", "function": {**FUNCTION, **TRAP}, **TRAP}
    assert chat(tools=[tool])["tools"] == [{"type": "function", "function": FUNCTION}]
    assert tool["function"]["api_base"] == "http://trap", "the host's own object is left as it was"


def test_a_tool_with_a_name_only() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": None, "strict": None}}
    assert chat(tools=[tool])["tools"] == [{"type": "function", "function": {"name": "f"}}]


def test_functions_are_reduced() -> None:
    assert chat(functions=[{**FUNCTION, **TRAP}])["functions"] == [FUNCTION]


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ("auto", "auto"),
        ("required", "required"),
        (
            {"type": "function", "function": {"name": "f", **TRAP}, **TRAP},
            {"type": "function", "function": {"name": "f"}},
        ),
    ],
)
def test_tool_choice(choice: Any, kept: Any) -> None:
    assert chat(tool_choice=choice)["tool_choice"] == kept


@pytest.mark.parametrize(("call", "kept"), [("none", "none"), ({"name": "f", **TRAP}, {"name": "f"})])
def test_function_call(call: Any, kept: Any) -> None:
    assert chat(function_call=call)["function_call"] == kept


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"include_usage": True, **TRAP}, {"include_usage": True}),
        ({"include_usage": False}, {"include_usage": False}),
        ({"include_usage": "yes"}, {"include_usage": True}),
        (TRAP, {"include_usage": False}),
    ],
)
def test_stream_options(options: dict[str, Any], kept: dict[str, Any]) -> None:
    assert chat(stream_options=options)["stream_options"] == kept
    completion = requests.completion(model="m", prompt="p", guided_choice=None, stream_options=options)
    assert completion["stream_options"] == kept


def test_no_trap_anywhere() -> None:
    tool = {"type": "function", "function": {**FUNCTION, **TRAP}, **TRAP}
    request = chat(
        tools=[tool],
        functions=[{**FUNCTION, **TRAP}],
        tool_choice={"function": {"name": "f", **TRAP}, **TRAP},
        function_call={"name": "f", **TRAP},
        stream_options=TRAP,
    )
    assert "trap" not in json.dumps(request)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools of type 'function' can be offered, not 'web_search'"),
        ({"tools": [{"function": FUNCTION}]}, "not 'None'"),
        ({"tools": [{"type": "function"}]}, "each function needs a `name`"),
        ({"tools": [{"type": "function", "function": "f"}]}, "each function needs a `name`"),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, "each function needs a `name`"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "of 'f' must be a JSON schema",
        ),
        ({"functions": [{"description": "d"}]}, "each function needs a `name`"),
        ({"tool_choice": {}}, "tool_choice: must be a word or"),
        ({"tool_choice": {"type": "function", "function": {"name": ["f"]}}}, "tool_choice: must be a word or"),
        ({"tool_choice": 5}, "tool_choice: must be a word or"),
        ({"function_call": {}}, "function_call: the object needs a `name`"),
    ],
)
def test_a_wrong_shape_is_the_callers_fault(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^[a-z_]+: ") as caught:
        chat(**options)
    assert words in caught.value.message


def test_an_empty_conversation() -> None:
    with pytest.raises(InvalidRequest, match="at least one"):
        requests.chat(model="m", messages=[])


def test_completion() -> None:
    request = requests.completion(model="m", prompt="p", guided_choice=["a"], n=2, user=None, suffix="s")
    assert request == {"model": "m", "prompt": "p", "guided_choice": ["a"], "n": 2, "suffix": "s"}
    assert "guided_choice" not in requests.completion(model="m", prompt="p", guided_choice=None)


def test_embedding() -> None:
    request = requests.embedding(model="m", input=["a"], encoding_format="base64", dimensions=None)
    assert request == {"model": "m", "input": ["a"], "encoding_format": "base64"}


def test_rerank() -> None:
    part = OpenAIChatCompletionContentPartTextParam(text="part")
    assert requests.rerank(model="m", query=part, documents=["a", part], top_n=None) == {
        **{"model": "m", "query": "part", "documents": ["a", "part"]}
    }
    assert requests.rerank(model="m", query="q", documents=["a"], top_n=3)["top_n"] == 3


@pytest.mark.parametrize(
    "item", [OpenAIChatCompletionContentPartImageParam(image_url=OpenAIImageURL(url="http://x")), URL(uri="http://x")]
)
def test_rerank_takes_text_only(item: Any) -> None:
    with pytest.raises(InvalidRequest, match="only text can be ranked"):
        requests.rerank(model="m", query="q", documents=["a", item], top_n=None)


def methods() -> list[str]:
    return [name for name, _ in inspect.getmembers(InferenceProvider, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", methods())
def test_the_adapters_methods_take_what_the_protocols_take(name: str) -> None:
    """The host passes some by position, some by name; a default that differs changes what a request means."""

    def parameters(owner: type) -> list[tuple[str, object, object]]:
        found = inspect.signature(getattr(owner, name)).parameters.values()
        return [(one.name, one.kind, one.default) for one in found]

    assert parameters(LiteLLMInferenceAdapter) == parameters(InferenceProvider)
    assert inspect.iscoroutinefunction(getattr(LiteLLMInferenceAdapter, name))


def test_the_protocol_is_the_one_that_is_served() -> None:
    assert {"chat_completion", "completion", "embeddings", "rerank"} < set(methods())
    assert {"openai_chat_completion", "openai_completion", "openai_embeddings"} < set(methods())
