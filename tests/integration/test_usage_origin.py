"""A call's record, its trace and its request are those of the request that a client made, from inner calls too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llama_stack_provider_litellm.config import UsageSettings
from tests.differences import needs
from tests.imitation import Imitation
from tests.integration.test_usage_faults import file_settings
from tests.integration.test_virtual_keys import on_imitation
from tests.line import HEADER
from tests.stack import Stack
from tests.usage.records import rows_at
from tests.waiting import until

pytestmark = pytest.mark.embedded_only("it starts an imitation of a proxy, and a stack on it")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": "vendor=x", "x-request-id": "request-of-ann"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Imitation]]:
    folder: Path = tmp_path_factory.mktemp("origin")
    with on_imitation(folder, "proxy") as both:
        yield both


def rows(settings: UsageSettings, before: int) -> list[dict[str, Any]]:
    until(lambda: len(rows_at(settings)) > before)
    return rows_at(settings)[before:]


CHAT = {"model": "litellm/gpt", "messages": [{"role": "user", "content": "hello"}]}


def turn(stack: Stack, **headers: str) -> tuple[str, httpx.Response]:
    config = {"model": "litellm/gpt", "instructions": "Be."}
    agent = httpx.post(f"{stack.url}/v1/agents", json={"agent_config": config}, timeout=30).json()["agent_id"]
    path = f"{stack.url}/v1/agents/{agent}/session"
    session = httpx.post(path, json={"session_name": "s"}, timeout=30).json()["session_id"]
    body = {"messages": [{"role": "user", "content": "hello"}], "stream": True}
    return agent, httpx.post(f"{path}/{session}/turn", json=body, headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("path", "body", "via"),
    [
        ("chat/completions", CHAT, None),
        ("chat/completions", {**CHAT, "stream": True}, None),
        ("responses", {"model": "litellm/gpt", "input": "hello"}, "responses"),
        ("responses", {"model": "litellm/gpt", "input": "hello", "stream": True}, "responses"),
        pytest.param("agents", None, "agents", marks=needs("turns")),
    ],
    ids=["chat", "stream", "response", "streamed response", "agent"],
)
def test_the_trace_and_the_request(
    served: tuple[Stack, Imitation], path: str, body: dict[str, Any] | None, via: str | None
) -> None:
    stack, proxy = served
    proxy.clear()
    before = len(rows_at(file_settings(stack)))
    agent = None
    if body is None:
        agent, answer = turn(stack, **HEADERS)
    else:
        answer = httpx.post(f"{stack.openai_url}/{path}", json=body, headers=HEADERS, timeout=30)
    assert answer.status_code == 200 and "echo:" in answer.text, answer.text
    (asked,) = [one for one in proxy.seen()["requests"] if one["path"] == "/v1/chat/completions"]
    assert (asked["headers"]["traceparent"], asked["headers"]["tracestate"]) == (HEADERS["traceparent"], "vendor=x")
    (row,) = rows(file_settings(stack), before)
    assert (row["request_id"], row["via"], row["agent"]) == ("request-of-ann", via, agent)


@needs("background responses")
def test_a_response_in_the_background_is_of_its_own_request(served: tuple[Stack, Imitation]) -> None:
    """The host's workers start with the first one's request, and go on with the next ones'."""
    stack, proxy = served
    proxy.clear()
    before = len(rows_at(file_settings(stack)))
    ids = [f"request-{number}" for number in range(3)]
    traces = [HEADERS["traceparent"].replace("4bf9", f"{number:04x}") for number in range(1, 4)]
    for number, (name, trace) in enumerate(zip(ids, traces, strict=True)):
        body = {"model": "litellm/gpt", "input": f"hello of {name}", "background": True}
        headers = {"x-request-id": name, "traceparent": trace}
        answer = httpx.post(f"{stack.openai_url}/responses", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        rows(file_settings(stack), before + number)
    found = rows_at(file_settings(stack))[before:]
    assert [(row["request_id"], row["via"]) for row in found] == [(name, "responses") for name in ids]
    asked = [one for one in proxy.seen()["requests"] if one["path"] == "/v1/chat/completions"]
    assert [one["headers"]["traceparent"] for one in asked] == traces


@needs("trace id")
def test_a_request_without_an_id_has_the_one_that_the_stack_answers(served: tuple[Stack, Imitation]) -> None:
    stack, proxy = served
    proxy.clear()
    before = len(rows_at(file_settings(stack)))
    answer = httpx.post(f"{stack.openai_url}/chat/completions", json=CHAT, timeout=30)
    (row,) = rows(file_settings(stack), before)
    assert row["request_id"] == answer.headers["x-trace-id"]
    (asked,) = [one for one in proxy.seen()["requests"] if one["path"] == "/v1/chat/completions"]
    assert "traceparent" not in asked["headers"]


def test_what_a_caller_says_of_the_trace_goes_before_what_came_with_the_request(
    served: tuple[Stack, Imitation],
) -> None:
    stack, proxy = served
    proxy.clear()
    own = HEADERS["traceparent"].replace("4bf9", "ffff")
    data = {HEADER: f'{{"litellm_headers": {{"traceparent": "{own}"}}}}'}
    httpx.post(f"{stack.openai_url}/chat/completions", json=CHAT, headers={**HEADERS, **data}, timeout=30)
    (asked,) = [one for one in proxy.seen()["requests"] if one["path"] == "/v1/chat/completions"]
    assert asked["headers"]["traceparent"] == own
