"""A request in the proxy's words: what of the caller goes where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines.proxy.requests import sent

CHAT: dict[str, Any] = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}
TEXT = {"model": "gpt", "prompt": "hi"}
OTHERS = [{"model": "embedding", "input": ["hi"]}, {"model": "reranker", "query": "hi", "documents": ["a"]}]


def test_nobody_adds_nothing() -> None:
    assert sent(CHAT, ANONYMOUS, "") == (CHAT, {})


def test_the_request_itself_stays_as_it_is() -> None:
    request = {**CHAT, "greedy": True}
    body, _ = sent(request, Caller(user="ann", tags=("ä",), cache={"ttl": 5}), "sk-stack")
    assert body is not request
    assert request == {**CHAT, "greedy": True}


def test_every_field() -> None:
    caller = Caller(
        user="ann",
        agent="planner",
        project="apollo",
        org="moon",
        tags=("a", "b"),
        metadata={"ticket": "42"},
        cache={"no-cache": True, "ttl": 5.0},
        headers={"traceparent": "00-ab"},
        api_key="sk-virtual",
    )
    body, headers = sent(CHAT, caller, "sk-stack")
    assert body == {**CHAT, "user": "ann", "cache": {"no-cache": True, "ttl": 5.0}}
    notes = json.loads(headers.pop("x-litellm-spend-logs-metadata"))
    assert notes == {"ticket": "42", "agent": "planner", "project": "apollo", "org": "moon"}
    assert headers == {"traceparent": "00-ab", "Authorization": "Bearer sk-virtual", "x-litellm-tags": "a,b"}


@pytest.mark.parametrize(
    ("virtual", "stack", "expected"),
    [
        (None, "", None),
        (None, "sk-stack", "Bearer sk-stack"),
        ("sk-virtual", "", "Bearer sk-virtual"),
        ("sk-virtual", "sk-stack", "Bearer sk-virtual"),
    ],
)
def test_the_callers_key_takes_the_place_of_the_stacks(virtual: str | None, stack: str, expected: str | None) -> None:
    body, headers = sent(CHAT, Caller(api_key=virtual), stack)
    assert headers.get("Authorization") == expected
    assert "sk-" not in json.dumps(body)
    if virtual:
        assert "sk-stack" not in str(headers)


@pytest.mark.parametrize("request_", [CHAT, TEXT])
def test_a_user_in_the_request_is_meant(request_: dict[str, Any]) -> None:
    assert sent({**request_, "user": "bob"}, Caller(user="ann"), "")[0]["user"] == "bob"
    assert sent(request_, Caller(user="ann"), "")[0]["user"] == "ann"


@pytest.mark.parametrize("request_", OTHERS)
def test_where_vendors_refuse_a_user_the_proxy_alone_reads_it(request_: dict[str, Any]) -> None:
    body, _ = sent(request_, Caller(user="ann"), "")
    assert body == {**request_, "metadata": {"user_id": "ann"}}


@pytest.mark.parametrize("user", ["ann", "änn ☃", "a\r\nx: y", "\U0001f600", ""])
def test_any_user(user: str) -> None:
    body, headers = sent(CHAT, Caller(user=user), "sk-stack")
    assert body.get("user", "") == user
    assert headers == {"Authorization": "Bearer sk-stack"}


@pytest.mark.parametrize("tags", [("a",), ("a", "b c"), ("x:y/z", "100%")])
def test_plain_tags_go_in_the_header(tags: tuple[str, ...]) -> None:
    body, headers = sent(CHAT, Caller(tags=tags), "")
    assert headers["x-litellm-tags"].split(",") == list(tags)
    assert "tags" not in body


@pytest.mark.parametrize("tag", ["a,b", "ä", "☃", " a", "a ", "a\r\nx-litellm-api-key: sk-other", "a\tb", "\x7f"])
def test_tags_that_the_header_cannot_hold_go_in_the_body(tag: str) -> None:
    body, headers = sent(CHAT, Caller(tags=("plain", tag)), "")
    assert body["tags"] == ["plain", tag]
    assert headers == {}


def test_notes_of_any_text_fit_a_header() -> None:
    caller = Caller(agent="plänner", metadata={"☃": "a\r\nx-litellm-api-key: sk-other", "d": "\ud800"})
    (text,) = sent(CHAT, caller, "")[1].values()
    assert text.isascii() and text.isprintable()
    assert json.loads(text) == caller.notes


@pytest.mark.parametrize("name", ["x-litellm-tags", "x-litellm-spend-logs-metadata"])
def test_a_header_of_the_caller_does_not_take_the_place_of_ours(name: str) -> None:
    """Whoever runs the stack may have allowed it."""
    _, headers = sent(CHAT, Caller(tags=("ours",), agent="ours", headers={name: "theirs"}), "sk-stack")
    assert [key.lower() for key in headers].count(name) == 1
    assert "ours" in headers[name]
    assert "theirs" not in str(headers)


def test_greedy_is_temperature_0() -> None:
    body, _ = sent({**CHAT, "greedy": True}, ANONYMOUS, "")
    assert body == {**CHAT, "temperature": 0.0}
    assert sent({**CHAT, "greedy": False}, ANONYMOUS, "")[0] == CHAT


def test_a_tool_call_without_arguments_gets_empty_ones() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "now", "arguments": ""}}
    messages = [{"role": "assistant", "tool_calls": [call]}]
    body, _ = sent({**CHAT, "messages": messages}, ANONYMOUS, "")
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert call["function"] == {"name": "now", "arguments": ""}
