"""The Responses API, files, and batches on LiteLLM models."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import CHAT_MODELS
from tests.line import HEADER
from tests.mcp_server import running_mcp_server
from tests.stack import Stack
from tests.upstream.process import Upstream


@pytest.fixture(scope="module")
def mcp_url() -> Iterator[str]:
    with running_mcp_server() as url:
        yield url


def test_a_response_and_its_successor(stack: Stack, model: str, word: str) -> None:
    client = stack.openai()
    first = client.responses.create(model=model, input=f"hello {word}")
    assert word in first.output_text
    second = client.responses.create(model=model, input="again", previous_response_id=first.id)
    assert second.output_text.endswith("turns: 2")


def test_a_streamed_response(stack: Stack, model: str, word: str) -> None:
    events = list(stack.openai().responses.create(model=model, input=f"hello {word}", stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.endswith(f"hello {word}")
    assert events[-1].type == "response.completed"


def test_file_search(stack: Stack, model: str, word: str) -> None:
    client = stack.openai()
    content = f"The zebra of the warehouse is called {word} by its keepers.".encode()
    file = client.files.create(file=("zebra.txt", io.BytesIO(content)), purpose="assistants")
    store = client.vector_stores.create(
        name=f"store-{word}", extra_body={"embedding_model": "litellm/embedding", "embedding_dimension": 64}
    )
    attached = client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id)
    assert attached.status == "completed", attached
    response = client.responses.create(
        model=model,
        input="What is the zebra of the warehouse called?",
        tools=[{"type": "file_search", "vector_store_ids": [store.id]}],
    )
    assert "file_search_call" in [item.type for item in response.output]
    assert word in response.output_text


def test_mcp(stack: Stack, model: str, mcp_url: str, word: str) -> None:
    response = stack.openai().responses.create(
        model=model,
        input=f'[[call save_note {{"title": "{word}", "text": "text-{word}"}}]] then '
        f'[[call fetch_note {{"title": "{word}"}}]]',
        tools=[{"type": "mcp", "server_label": "notes", "server_url": mcp_url, "require_approval": "never"}],
    )
    assert [item.type for item in response.output].count("mcp_call") == 2
    assert f"text-{word}" in response.output_text


@pytest.mark.parametrize("plan", ["[[call now]]", "[[call now {}]]"])
def test_a_function_call_without_arguments(stack: Stack, model: str, plan: str) -> None:
    # LiteLLM fails on a Gemini call that has no arguments (tests/wire/test_reasoning.py).
    plan = "[[call now {}]]" if model == "litellm/gemini" else plan
    tool: Any = {
        "type": "function",
        "name": "now",
        "description": "d",
        "parameters": {"type": "object", "properties": {}},
    }
    (item,) = stack.openai().responses.create(model=model, input=plan, tools=[tool]).output
    assert (item.type, item.name, json.loads(item.arguments)) == ("function_call", "now", {})


def test_the_caller_reaches_a_responses_inner_call(stack: Stack, upstream: Upstream, word: str) -> None:
    header = {HEADER: json.dumps({"litellm_user": f"user-{word}"})}
    stack.openai(default_headers=header).responses.create(model="litellm/gpt", input=word)
    (call,) = [call for call in upstream.calls() if word in json.dumps((call["body"] or {}).get("messages"))]
    assert call["body"]["user"] == f"user-{word}"


def test_a_batch(stack: Stack, word: str) -> None:
    client = stack.openai()
    lines = [
        {
            "custom_id": f"{word}-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": f"{word} {number}"}]},
        }
        for number, model in enumerate(CHAT_MODELS)
    ]
    file = client.files.create(
        file=("batch.jsonl", io.BytesIO("\n".join(map(json.dumps, lines)).encode())), purpose="batch"
    )
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    deadline = time.monotonic() + 30
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        assert time.monotonic() < deadline, batch
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed", batch
    answers = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    texts: dict[str, Any] = {
        row["custom_id"]: json.loads(row["response"]["body"])["choices"][0]["message"]["content"] for row in answers
    }
    assert all(texts[f"{word}-{number}"].endswith(f"{word} {number}") for number in range(3))
