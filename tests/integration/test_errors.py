"""What a client sees when a vendor, or the request, is at fault."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.conftest import ANTHROPIC_KEY, OPENAI_KEY
from tests.stack import Stack

# What the upstream answers → the status that the client gets, and words that must be in the error.
CASES = [
    ("error 400", 400, ""),
    ("error 400 context", 400, "context_window_fallbacks"),
    ("error 401", 401, "api_key"),
    ("error 402", 402, "Top up"),
    ("error 403", 403, "may use the model"),
    ("error 404", 404, "litellm_params.model"),
    ("error 408", 504, "timeout"),
    ("error 409", 409, ""),
    ("error 413", 400, ""),
    ("error 422", 422, ""),
    ("error 429 retry-after=7", 429, "Retry after 7 s"),
    ("error 500", 502, "api_base"),
    ("error 502", 502, "api_base"),
    ("error 503", 503, "Try again later"),
    ("error 504", 504, "timeout"),
    ("error 529", 503, "Try again later"),
]


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def post(stack: Stack, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return httpx.post(f"{stack.url}/v1{path}", json=body, headers=headers, timeout=30)


@pytest.mark.parametrize(("fault", "status", "words"), CASES, ids=[case[0] for case in CASES])
def test_the_vendors_status_arrives(stack: Stack, model: str, fault: str, status: int, words: str) -> None:
    body = {"model": model, "messages": ask(f"[[{fault}]]")}
    answer = post(stack, "/openai/v1/chat/completions", body)
    detail = answer.json()["detail"]
    assert answer.status_code == status, detail
    assert detail.startswith(f"Model {model.removeprefix('litellm/')} (")
    assert words in detail
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)

    legacy = post(stack, "/inference/chat-completion", {"model_id": model, "messages": ask(f"[[{fault}]]")})
    assert legacy.status_code == status


@pytest.mark.parametrize(("fault", "status", "words"), CASES, ids=[case[0] for case in CASES])
def test_a_stream_tells_it_in_its_first_event(stack: Stack, model: str, fault: str, status: int, words: str) -> None:
    body = {"model": model, "messages": ask(f"[[{fault}]]"), "stream": True}
    answer = post(stack, "/openai/v1/chat/completions", body)
    # The host has begun its answer by the time it asks us.
    assert answer.status_code == 200
    assert f'"error": {{"message": "{status}: ' in answer.text
    assert words in answer.text


def test_a_break_in_mid_stream_is_an_error_event(stack: Stack, model: str) -> None:
    body = {"model": model, "messages": ask("[[midstream-error]]"), "stream": True}
    answer = post(stack, "/openai/v1/chat/completions", body)
    events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert '"choices"' in events[0], "the pieces before the break are given"
    assert '"error"' in events[-1]


def test_a_timeout(stack: Stack) -> None:
    answer = post(stack, "/openai/v1/chat/completions", {"model": "impatient", "messages": ask("[[hang]]")})
    assert answer.status_code == 504
    assert "timeout" in answer.json()["detail"]


def test_a_refused_connection(stack: Stack) -> None:
    answer = post(stack, "/openai/v1/chat/completions", {"model": "refused", "messages": ask("hi")})
    assert answer.status_code == 502
    assert "api_base" in answer.json()["detail"]


def test_an_unknown_model(stack: Stack) -> None:
    answer = post(stack, "/openai/v1/chat/completions", {"model": "litellm/nope", "messages": ask("hi")})
    assert answer.status_code == 404
    near = post(stack, "/openai/v1/chat/completions", {"model": "litellm/embeding", "messages": ask("hi")})
    assert near.status_code == 404
    assert "Did you mean embedding" in near.json()["detail"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ask("hi"), "tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]}, ""),
        ({"messages": ask("hi"), "tools": [{"type": "function"}]}, ""),
        ({"messages": "hi"}, "messages"),
        ({"messages": ask("hi"), "temperature": "hot"}, "temperature"),
    ],
)
def test_a_body_that_is_wrong(stack: Stack, model: str, body: dict[str, Any], words: str) -> None:
    answer = post(stack, "/openai/v1/chat/completions", {"model": model, **body})
    assert answer.status_code == 400, answer.text
    assert words in answer.text


def test_ten_megabytes_of_prompt(stack: Stack, model: str) -> None:
    text = "lorem ipsum " * 870_000
    answer = post(stack, "/openai/v1/chat/completions", {"model": model, "messages": ask(text), "max_tokens": 5})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "length"


def test_an_embedding_model_cannot_chat(stack: Stack) -> None:
    answer = post(stack, "/openai/v1/chat/completions", {"model": "litellm/embedding", "messages": ask("hi")})
    assert answer.status_code == 400
    assert "embedding" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"litellm_nope": 1}', "litellm_nope is not a known field"),
        ('{"litellm_user": 1}', "litellm_user"),
        ('{"litellm_tags": "a"}', "litellm_tags"),
        ("{not json", "must hold a JSON object"),
        ("[1]", "must hold a JSON object"),
        ('{"litellm_api_key": "sk-virtual-123"}', "this stack uses no proxy"),
        ('{"litellm_headers": {"Authorization": "Bearer sk-mine"}}', "'authorization' is not allowed"),
        ('{"litellm_cache": {"nocache": true}}', "litellm_cache.nocache"),
    ],
)
def test_wrong_provider_data_is_refused(stack: Stack, data: str, words: str) -> None:
    body = {"model": "gpt", "messages": ask("hi")}
    answer = post(stack, "/openai/v1/chat/completions", body, **{"X-LlamaStack-Provider-Data": data})
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert words in detail
    assert "sk-" not in detail, "a secret came back"


def test_other_providers_data_is_not_ours(stack: Stack) -> None:
    body = {"model": "gpt", "messages": ask("hi")}
    header = {"X-LlamaStack-Provider-Data": '{"mcp_headers": {"http://x": {"a": "b"}}, "openai_api_key": "k"}'}
    assert post(stack, "/openai/v1/chat/completions", body, **header).status_code == 200


def test_errors_are_logged_in_a_line_and_no_key_ever(stack: Stack) -> None:
    before = len(stack.log)
    for stream in (False, True):
        for fault in ("error 401", "midstream-error"):
            body = {"model": "gpt", "messages": ask(f"[[{fault}]]"), "stream": stream}
            post(stack, "/openai/v1/chat/completions", body)
    log = stack.log
    assert "Model gpt" in log[before:]
    assert "Traceback" not in log[before:]
    assert OPENAI_KEY not in log
    assert ANTHROPIC_KEY not in log
