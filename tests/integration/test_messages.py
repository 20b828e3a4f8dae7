"""Anthropic's Messages API on any model, streamed and not."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests import modes
from tests.differences import needs
from tests.integration.conftest import ANTHROPIC_KEY
from tests.integration.test_errors import CASES, DEPLOYMENTS
from tests.integration.test_usage_faults import file_settings
from tests.line import HEADER, last_event
from tests.stack import Stack
from tests.upstream.process import Upstream
from tests.usage.records import rows_at
from tests.waiting import until

pytestmark = needs("messages")

TOOL = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def post(stack: Stack, text: Any, model: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    messages = text if isinstance(text, list) else [{"role": "user", "content": text}]
    body = {"model": model, "max_tokens": 100, "messages": messages, **more}
    return httpx.post(f"{stack.url}/v1/messages", json=body, headers=headers, timeout=30)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, each of which has the name of its type."""
    assert answer.status_code == 200, answer.text
    found = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert [event["type"] for event in found] == names
    return found


def refused(answer: httpx.Response) -> dict[str, Any]:
    """The error that an answer is, or ends with."""
    error: dict[str, Any] = last_event(answer) if answer.status_code == 200 else answer.json()
    return error


def told(found: list[dict[str, Any]], name: str) -> str:
    """The pieces of a kind, put together."""
    return "".join(event["delta"].get(name, "") for event in found if event["type"] == "content_block_delta")


def test_a_message(stack: Stack, model: str, word: str) -> None:
    answer = post(stack, f"hello {word}", model, system="Be brief.").json()
    assert (answer["type"], answer["role"], answer["stop_reason"]) == ("message", "assistant", "end_turn")
    (block,) = answer["content"]
    assert block["type"] == "text" and f"hello {word}" in block["text"] and "Be brief." in block["text"]
    assert answer["usage"]["input_tokens"] > 0 and answer["usage"]["output_tokens"] > 0
    assert answer["litellm"]["served_by"] == ("embedded" if modes.current == "embedded" else "proxy")


def test_a_streamed_message(stack: Stack, model: str, word: str) -> None:
    answer = post(stack, f"hello {word}", model, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer)
    kinds = [event["type"] for event in found if event["type"] != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert told(found, "text").endswith(f"hello {word}")
    (delta,) = [event for event in found if event["type"] == "message_delta"]
    assert delta["delta"]["stop_reason"] == "end_turn" and delta["usage"]["output_tokens"] > 0
    assert found[-1]["litellm"]["served_by"] == ("embedded" if modes.current == "embedded" else "proxy")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_and_its_result(stack: Stack, model: str, word: str, stream: bool) -> None:
    text = f'[[call weather {{"city": "{word}"}}]]'
    answer = post(stack, text, model, tools=[TOOL], stream=stream)
    if stream:
        found = events(answer)
        (use,) = [event["content_block"] for event in found if event["type"] == "content_block_start"]
        use = {**use, "input": json.loads(told(found, "partial_json"))}
    else:
        use = next(block for block in answer.json()["content"] if block["type"] == "tool_use")
        assert answer.json()["stop_reason"] == "tool_use"
    assert (use["type"], use["name"], use["input"]) == ("tool_use", "weather", {"city": word})
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": f"sun over {word}"}
    history = [
        {"role": "user", "content": text},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    last = post(stack, history, model, tools=[TOOL]).json()
    assert f"sun over {word}" in last["content"][0]["text"]


def test_tokens_are_counted(stack: Stack, model: str, word: str) -> None:
    if modes.current != "embedded" and model == "litellm/gemini":
        pytest.skip("embedded only: a LiteLLM Proxy asks Gemini, and the upstream does not count for it")

    def count(text: str) -> int:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "tools": [TOOL]}
        answer = httpx.post(f"{stack.url}/v1/messages/count_tokens", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["input_tokens"]
        return found

    assert count(f"{word} one two three four five") > count("one") > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "status", "words"), CASES, ids=[case[0] for case in CASES])
def test_the_vendors_status_arrives(
    stack: Stack, model: str, fault: str, status: int, words: str, stream: bool
) -> None:
    answer = post(stack, f"[[{fault}]]", model, stream=stream)
    error = refused(answer)
    said = error["error"]["message"]
    assert error["type"] == "error"
    assert said.startswith(f"Model {DEPLOYMENTS[model]}: ")
    # Of a vendor whose answers it translates a LiteLLM Proxy begins the stream before it asks.
    assert answer.status_code == status or (answer.status_code == 200 and stream and modes.current != "embedded")
    if modes.current == "embedded":
        assert words in said
        assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    else:
        # It drops the vendor's headers here.
        assert words.startswith("Retry after") or words in said or answer.status_code == 200


@pytest.mark.parametrize("fault", ["break", "midstream-error"])
def test_a_break_in_mid_stream_is_an_error_event(stack: Stack, model: str, fault: str) -> None:
    answer = post(stack, f"[[{fault}]] velvet", model, stream=True)
    # A LiteLLM Proxy may find the connection broken before it has read anything.
    assert answer.status_code == 200 or (modes.current != "embedded" and fault == "break")
    error = refused(answer)
    assert error["type"] == "error"
    # A LiteLLM Proxy does not say here which deployment it was.
    where = DEPLOYMENTS[model] if modes.current == "embedded" else model.removeprefix("litellm/")
    assert error["error"]["message"].startswith(f"Model {where}")
    assert "message_stop" not in answer.text


def test_what_could_lead_a_key_elsewhere_is_refused(stack: Stack, upstream: Upstream, word: str) -> None:
    for name in ("api_base", "api_key", "extra_headers"):
        steering: dict[str, Any] = {name: "x"}
        answer = post(stack, word, "litellm/claude", **steering)
        assert answer.status_code == 400 and name in answer.json()["error"]["message"]
    assert not [call for call in upstream.calls() if word in json.dumps(call["body"])]
    assert post(stack, word, "litellm/claude").status_code == 200
    (call,) = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    if modes.current == "embedded":
        assert call["headers"]["x-api-key"] == ANTHROPIC_KEY


@pytest.mark.parametrize("model", ["litellm/claude", "litellm/gemini"])
def test_who_asks_arrives(stack: Stack, upstream: Upstream, word: str, model: str) -> None:
    header = {HEADER: json.dumps({"litellm_user": f"user-{word}"})}
    assert post(stack, word, model, headers=header).status_code == 200
    (call,) = [call for call in upstream.calls() if f'"{word}"' in json.dumps(call["body"])]
    if model == "litellm/claude":
        assert call["body"]["metadata"] == {"user_id": f"user-{word}"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_it_is_recorded(stack: Stack, model: str, word: str, stream: bool) -> None:
    header = {HEADER: json.dumps({"litellm_user": f"user-{word}"})}
    assert post(stack, f"three words {word}", model, headers=header, stream=stream).status_code == 200
    settings = file_settings(stack)
    until(lambda: [row for row in rows_at(settings) if row["user_id"] == f"user-{word}"])
    (row,) = [row for row in rows_at(settings) if row["user_id"] == f"user-{word}"]
    assert (row["api"], row["via"], row["stream"], row["status"]) == ("messages", None, stream, 200)
    assert row["input_tokens"] == 3 and row["output_tokens"] > 0
    assert (row["first_token_seconds"] is not None) is stream
    if modes.current == "embedded":
        assert row["cost_usd"] > 0 and row["cost_source"] == "litellm"


def test_a_client_that_leaves_a_stream_cancels_the_call(
    stack: Stack, upstream: Upstream, model: str, word: str
) -> None:
    body = {
        "model": model,
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": f"[[slow 200]] {word}"}],
        "stream": True,
    }
    with httpx.stream("POST", f"{stack.url}/v1/messages", json=body, timeout=30) as answer:
        lines = answer.iter_lines()
        while "content_block_delta" not in next(lines):
            pass

    def left(call: dict[str, Any]) -> bool:
        return word in json.dumps(call["body"]) and call["outcome"] == "disconnected"

    (call,) = upstream.wait_for(left, seconds=5)
    assert call["chunks"] < 150
