"""Llama Stack's own request types as OpenAI request bodies."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from llama_stack.apis.common.content_types import URL, ImageContentItem, TextContentItem, _URLOrData
from llama_stack.apis.inference import (
    CompletionMessage,
    GrammarResponseFormat,
    GreedySamplingStrategy,
    JsonSchemaResponseFormat,
    LogProbConfig,
    Message,
    SamplingParams,
    SystemMessage,
    TextTruncation,
    ToolChoice,
    ToolConfig,
    ToolDefinition,
    ToolResponseMessage,
    TopKSamplingStrategy,
    TopPSamplingStrategy,
    UserMessage,
)
from llama_stack.models.llama.datatypes import StopReason, ToolCall, ToolParamDefinition
from PIL import Image

from llama_stack_provider_litellm.errors import InvalidRequest
from llama_stack_provider_litellm.hosts.v0_2 import legacy_requests


def chat(*messages: Message, **given: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        **{"sampling_params": None, "tools": None, "tool_config": ToolConfig()},
        **{"response_format": None, "logprobs": None},
    }
    return legacy_requests.chat(model="m", messages=list(messages), **{**options, **given})


def one(message: Message) -> dict[str, Any]:
    """The one message of a request."""
    (found,) = chat(message)["messages"]
    return found  # type: ignore[no-any-return]


def picture(kind: str) -> str:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


def image(**given: Any) -> ImageContentItem:
    return ImageContentItem(image=_URLOrData(**given))


def text(content: str) -> TextContentItem:
    return TextContentItem(text=content)


def call(arguments: Any, **more: Any) -> CompletionMessage:
    made = ToolCall(call_id="c1", tool_name="f", arguments=arguments, **more)
    return CompletionMessage(content="", stop_reason=StopReason.end_of_turn, tool_calls=[made])


def test_nothing_but_what_was_given() -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    request = chat(SystemMessage(content="be brief"), UserMessage(content="hi"))
    assert request == {"model": "m", "messages": messages}


@pytest.mark.parametrize(
    ("content", "said"), [("a", "a"), (text("a"), "a"), ([text("a"), text("b")], "a\nb"), ([], ""), ("", "")]
)
def test_text_is_one_string_in_every_role(content: Any, said: str) -> None:
    assert one(UserMessage(content=content)) == {"role": "user", "content": said}
    assert one(SystemMessage(content=content)) == {"role": "system", "content": said}
    assert one(ToolResponseMessage(call_id="c1", content=content)) == {
        **{"role": "tool", "tool_call_id": "c1", "content": said}
    }
    assert one(CompletionMessage(content=content, stop_reason=StopReason.end_of_turn)) == {
        **{"role": "assistant", "content": said}
    }


@pytest.mark.parametrize("context", ["retrieved", text("retrieved"), [text("retrieved")]])
def test_context_follows_the_question(context: Any) -> None:
    assert one(UserMessage(content="question", context=context))["content"] == "question\nretrieved"


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("WEBP", "webp")])
def test_an_image_gets_the_type_that_its_bytes_show(kind: str, mime: str) -> None:
    data = picture(kind)
    assert one(UserMessage(content=[text("look"), image(data=data)]))["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": f"data:image/{mime};base64,{data}"}},
    ]


def test_an_image_by_url_and_a_context() -> None:
    message = UserMessage(content=image(url=URL(uri="https://x/p.png")), context="retrieved")
    assert one(message)["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x/p.png"}},
        {"type": "text", "text": "retrieved"},
    ]


@pytest.mark.parametrize("data", ["not base64!", base64.b64encode(b"no picture").decode(), "", None])
def test_data_that_is_no_picture(data: str | None) -> None:
    with pytest.raises(InvalidRequest, match="is not the base64 of a picture"):
        chat(UserMessage(content=image(data=data)))


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (call({"city": "Rome", "days": 2}), {"city": "Rome", "days": 2}),
        (call('{"city": "Rome"}'), {"city": "Rome"}),
        (call({"old": 1}, arguments_json='{"city": "Rome"}'), {"city": "Rome"}),
        (call({}), {}),
    ],
)
def test_a_tool_calls_arguments_are_json_text(message: CompletionMessage, arguments: dict[str, Any]) -> None:
    (made,) = one(message)["tool_calls"]
    assert {**made, "function": made["function"]["name"]} == {"id": "c1", "type": "function", "function": "f"}
    assert isinstance(made["function"]["arguments"], str)
    assert json.loads(made["function"]["arguments"]) == arguments


def test_a_builtin_tool_goes_by_its_name() -> None:
    made = ToolCall(call_id="c1", tool_name="brave_search", arguments={})
    message = CompletionMessage(content="", stop_reason=StopReason.end_of_turn, tool_calls=[made])
    assert one(message)["tool_calls"][0]["function"]["name"] == "brave_search"
    request = chat(UserMessage(content="x"), tools=[ToolDefinition(tool_name="brave_search")])
    assert request["tools"][0]["function"]["name"] == "brave_search"


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        (SamplingParams(), {"greedy": True}),
        (SamplingParams(strategy=GreedySamplingStrategy()), {"greedy": True}),
        (
            SamplingParams(strategy=TopPSamplingStrategy(temperature=0.7, top_p=0.9)),
            {"temperature": 0.7, "top_p": 0.9},
        ),
        (SamplingParams(strategy=TopPSamplingStrategy(temperature=0.7, top_p=None)), {"temperature": 0.7}),
        (SamplingParams(strategy=TopKSamplingStrategy(top_k=5)), {"top_k": 5}),
        (SamplingParams(max_tokens=9, stop=["x"]), {"greedy": True, "max_tokens": 9, "stop": ["x"]}),
        (SamplingParams(max_tokens=0, repetition_penalty=1.0), {"greedy": True}),
        (SamplingParams(repetition_penalty=1.2), {"greedy": True, "repetition_penalty": 1.2}),
        (None, {}),
    ],
)
def test_sampling(params: SamplingParams | None, asked: dict[str, Any]) -> None:
    request = chat(UserMessage(content="x"), sampling_params=params)
    assert {key: value for key, value in request.items() if key not in ("model", "messages")} == asked


def test_a_tool_becomes_a_function() -> None:
    city = ToolParamDefinition(param_type="string", description="where", required=True)
    days = ToolParamDefinition(param_type="integer", required=False, default=1)
    tool = ToolDefinition(tool_name="weather", description="d", parameters={"city": city, "days": days})
    request = chat(UserMessage(content="x"), tools=[tool, ToolDefinition(tool_name="now")])
    weather, now = (entry["function"] for entry in request["tools"])
    assert weather["parameters"]["required"] == ["city"]
    assert weather["parameters"]["properties"]["city"] == {"type": "string", "description": "where"}
    assert weather["parameters"]["properties"]["days"] == {"type": "integer", "default": 1}
    assert now["parameters"] == {"type": "object", "properties": {}}, "some vendors refuse a function without"
    assert request["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        (ToolChoice.auto, "auto"),
        (ToolChoice.required, "required"),
        (ToolChoice.none, "none"),
        ("required", "required"),
        (None, "auto"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tool_choice(choice: Any, asked: Any) -> None:
    config = ToolConfig(tool_choice=choice)
    request = chat(UserMessage(content="x"), tools=[ToolDefinition(tool_name="weather")], tool_config=config)
    assert request["tool_choice"] == asked
    assert "tool_choice" not in chat(UserMessage(content="x"), tool_config=config), "vendors refuse it without tools"


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"title": "Person"}, "Person"),
        ({}, "response"),
        ({"title": None}, "response"),
        ({"title": "A person's age (€)"}, "A_person_s_age____"),
        ({"title": "x" * 80}, "x" * 64),
    ],
)
def test_a_json_schema_gets_a_name_that_openai_takes(schema: dict[str, Any], name: str) -> None:
    request = chat(UserMessage(content="x"), response_format=JsonSchemaResponseFormat(json_schema=schema))
    assert request["response_format"] == {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def test_a_grammar_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"'grammar' is not supported\. Use 'json_schema'"):
        chat(UserMessage(content="x"), response_format=GrammarResponseFormat(bnf={"a": "b"}))
    with pytest.raises(InvalidRequest, match="grammar"):
        completion("x", response_format=GrammarResponseFormat(bnf={"a": "b"}))


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        (LogProbConfig(top_k=3), {"logprobs": True, "top_logprobs": 3}),
        (LogProbConfig(top_k=0), {"logprobs": True}),
        (None, {}),
    ],
)
def test_logprobs(wanted: LogProbConfig | None, asked: dict[str, Any]) -> None:
    request = chat(UserMessage(content="x"), logprobs=wanted)
    assert {key: value for key, value in request.items() if "logprobs" in key} == asked


def test_an_empty_conversation() -> None:
    with pytest.raises(InvalidRequest, match="at least one"):
        chat()


def completion(content: Any, **given: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"sampling_params": None, "response_format": None, "logprobs": None, **given}
    return legacy_requests.completion(model="m", content=content, **options)


def test_completion() -> None:
    assert completion([text("a"), text("b")]) == {"model": "m", "prompt": "a\nb"}
    request = completion("a", sampling_params=SamplingParams(max_tokens=5), logprobs=LogProbConfig(top_k=2))
    assert request == {"model": "m", "prompt": "a", "greedy": True, "max_tokens": 5, "logprobs": 2}
    assert completion("a", logprobs=LogProbConfig(top_k=0))["logprobs"] == 1


def embedding(*contents: Any, **given: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"dimensions": None, "truncation": None, **given}
    return legacy_requests.embedding(model="m", contents=list(contents), **options)


def test_embedding() -> None:
    asked = {"model": "m", "input": ["a", "b"]}
    assert embedding("a", text("b")) == asked
    assert embedding("a", text("b"), truncation=TextTruncation.none) == asked
    assert embedding("a", text("b"), dimensions=8) == {**asked, "dimensions": 8}


@pytest.mark.parametrize("truncation", [TextTruncation.start, TextTruncation.end])
def test_a_truncation_that_nobody_would_do_is_refused(truncation: TextTruncation) -> None:
    with pytest.raises(InvalidRequest, match=f"'{truncation.value}' cannot be honoured"):
        embedding("a", truncation=truncation)


def test_text_only() -> None:
    for make in (completion, embedding):
        with pytest.raises(InvalidRequest, match="takes text only, not images"):
            make(image(url=URL(uri="http://x")))
