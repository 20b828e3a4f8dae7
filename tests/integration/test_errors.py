"""What a client sees when a vendor, or the request, is at fault."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests import modes
from tests.integration.conftest import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY
from tests.line import HEADER, LINE, refusal, words_of
from tests.stack import Stack

# What the upstream answers → the status that the client gets, and words that must be in the error.
CASES = [
    ("error 400", 400, ""),
    ("error 400 context", 400, "context_window_fallbacks"),
    ("error 400 content", 400, "content_policy_fallbacks"),
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


DEPLOYMENTS = {
    "litellm/gpt": "gpt (openai/gpt-4o-mini)",
    "litellm/claude": "claude (anthropic/claude-sonnet-4-5)",
    "litellm/gemini": "gemini (gemini/gemini-2.5-flash)",
}
KEYS = {"litellm/gpt": OPENAI_KEY, "litellm/claude": ANTHROPIC_KEY, "litellm/gemini": GEMINI_KEY}


def ask(text: str) -> Any:
    return [{"role": "user", "content": text}]


def post(stack: Stack, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return httpx.post(f"{stack.openai_url}/{path}", json=body, headers=headers, timeout=30)


@pytest.mark.parametrize(("fault", "status", "words"), CASES, ids=[case[0] for case in CASES])
def test_the_vendors_status_arrives(stack: Stack, model: str, fault: str, status: int, words: str) -> None:
    body = {"model": model, "messages": ask(f"[[{fault}]]")}
    answer = post(stack, "chat/completions", body)
    detail = words_of(answer)
    assert answer.status_code == status, detail
    assert detail.startswith(f"Model {DEPLOYMENTS[model]}: ")
    assert words in detail
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(("fault", "status", "words"), CASES, ids=[case[0] for case in CASES])
def test_a_stream_tells_it_in_its_first_event(stack: Stack, model: str, fault: str, status: int, words: str) -> None:
    body = {"model": model, "messages": ask(f"[[{fault}]]"), "stream": True}
    told, said = refusal(post(stack, "chat/completions", body))
    assert told == status, said
    assert said.startswith(f"Model {DEPLOYMENTS[model]}: ")
    assert words in said


@pytest.mark.parametrize("fault", ["break", "midstream-error"])
def test_a_break_in_mid_stream_is_an_error_event(stack: Stack, model: str, fault: str) -> None:
    answer = post(stack, "chat/completions", {"model": model, "messages": ask(f"[[{fault}]] velvet"), "stream": True})
    events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    # Who reads late, as a LiteLLM Proxy and the later hosts do, finds what comes just before a break gone with it.
    if (modes.current == "embedded" and LINE.name == "0.2") or fault == "midstream-error":
        assert "echo[" in "".join(events[:-1]), "the pieces before the break are given"
    # Google says 503 in its stream, the others nothing that has a status.
    status = 503 if (model, fault) == ("litellm/gemini", "midstream-error") else 502
    told, said = refusal(answer)
    assert told == status
    # A LiteLLM Proxy may find the connection broken before it has read anything.
    assert answer.status_code == 200 or (modes.current != "embedded" and fault == "break")
    assert said.startswith(f"Model {DEPLOYMENTS[model]}: ")
    assert ("velvet" in said) is (fault == "midstream-error"), "the vendor's own words"
    assert "litellm." not in said


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_text_completion_tells_it_too(stack: Stack, model: str, word: str, stream: bool) -> None:
    body = {"model": model, "prompt": f"[[error 429 retry-after=7]] {word}", "stream": stream}
    status, said = refusal(post(stack, "completions", body))
    assert status == 429
    # Of text completions LiteLLM Proxy drops the vendor's headers; Google says the wait in the body.
    assert ("Retry after 7 s." in said) is (modes.current == "embedded" or model == "litellm/gemini")
    assert word in said
    assert "{'error'" not in said, "the vendor's body stands there as it came"


def test_a_timeout(stack: Stack) -> None:
    answer = post(stack, "chat/completions", {"model": "impatient", "messages": ask("[[hang]]")})
    assert answer.status_code == 504
    assert "timeout" in words_of(answer)


def test_a_refused_connection(stack: Stack) -> None:
    answer = post(stack, "chat/completions", {"model": "refused", "messages": ask("hi")})
    assert answer.status_code == 502
    assert "api_base" in words_of(answer)


def test_an_unknown_model(stack: Stack) -> None:
    answer = post(stack, "chat/completions", {"model": "litellm/nope", "messages": ask("hi")})
    assert answer.status_code == 404
    near = post(stack, "chat/completions", {"model": "litellm/embeding", "messages": ask("hi")})
    assert near.status_code == 404
    assert "Did you mean embedding" in words_of(near)


def tool(function: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **function}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ask("hi"), "tools": [tool({"parameters": 5})]}, "parameters"),
        ({"messages": ask("hi"), "tools": [{"type": "function"}]}, "function"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ask("hi"), "temperature": "hot"}, "temperature"),
    ],
)
def test_a_body_that_is_wrong(stack: Stack, model: str, body: dict[str, Any], words: str) -> None:
    answer = post(stack, "chat/completions", {"model": model, **body})
    assert answer.status_code == 400, answer.text
    assert words in answer.text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("tools", [tool({"parameters": {"type": "nonsense"}})], "parameters"),
        ("tools", [tool({"parameters": {"type": "object", "properties": 5}})], "parameters"),
        ("tools", [tool({"parameters": {"properties": [1]}})], "parameters"),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "x"}}, "schema"),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "x", "schema": 5}}, "schema"),
    ],
)
def test_a_schema_that_is_none(stack: Stack, model: str, field: str, value: Any, words: str) -> None:
    answer = post(stack, "chat/completions", {"model": model, "messages": ask("hi"), field: value})
    # Judging a schema is the vendor's business; where it does not get that far, the caller is told what is wrong.
    if answer.status_code != 200:
        assert answer.status_code == 400, answer.text
        assert words in answer.text


def test_ten_megabytes_of_prompt(stack: Stack, model: str) -> None:
    text = "lorem ipsum " * 870_000
    answer = post(stack, "chat/completions", {"model": model, "messages": ask(text), "max_tokens": 5})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "length"


def test_an_embedding_model_cannot_chat(stack: Stack) -> None:
    answer = post(stack, "chat/completions", {"model": "litellm/embedding", "messages": ask("hi")})
    assert answer.status_code == 400
    assert "embedding" in words_of(answer)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('{"litellm_nope": 1}', "litellm_nope is not a known field"),
        ('{"litellm_user": 1}', "litellm_user"),
        ('{"litellm_tags": "a"}', "litellm_tags"),
        ("{not json", "must hold a JSON object"),
        ("[1]", "must hold a JSON object"),
        pytest.param(
            '{"litellm_api_key": "sk-virtual-123"}',
            "this stack uses no proxy",
            marks=pytest.mark.embedded_only("a proxy takes virtual keys"),
        ),
        ('{"litellm_headers": {"Authorization": "Bearer sk-mine"}}', "'authorization' is not allowed"),
        ('{"litellm_cache": {"nocache": true}}', "litellm_cache.nocache"),
    ],
)
def test_wrong_provider_data_is_refused(stack: Stack, data: str, words: str) -> None:
    body = {"model": "gpt", "messages": ask("hi")}
    answer = post(stack, "chat/completions", body, **{HEADER: data})
    assert answer.status_code == 400
    detail = words_of(answer)
    assert words in detail
    assert "sk-" not in detail, "a secret came back"


def test_other_providers_data_is_not_ours(stack: Stack) -> None:
    body = {"model": "gpt", "messages": ask("hi")}
    header = {HEADER: '{"mcp_headers": {"http://x": {"a": "b"}}, "openai_api_key": "k"}'}
    assert post(stack, "chat/completions", body, **header).status_code == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", ["error 401", "error 429", "error 500", "error 502", "break", "midstream-error"])
def test_errors_are_logged_in_a_line_and_no_key_ever(stack: Stack, model: str, fault: str, stream: bool) -> None:
    before = len(stack.log)
    # The upstream repeats the first word in its error, as vendors repeat a key that they refuse.
    body = {"model": model, "messages": ask(f"[[{fault}]] {KEYS[model]}"), "stream": stream}
    answer = post(stack, "chat/completions", body)
    log = stack.log[before:]
    assert f"Model {model.removeprefix('litellm/')}" in " ".join(log.split())
    assert "Traceback" not in log, log
    assert KEYS[model] not in "".join(log.split()), log
    assert KEYS[model] not in answer.text.split('"error"')[-1]


@pytest.mark.parametrize(("model", "text"), [("refused", "hi"), ("impatient", "[[hang]]")])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_no_connection_and_no_answer_are_logged_in_a_line(stack: Stack, model: str, text: str, stream: bool) -> None:
    before = len(stack.log)
    post(stack, "chat/completions", {"model": model, "messages": ask(text), "stream": stream})
    assert f"Model {model}" in " ".join(stack.log[before:].split())
    assert "Traceback" not in stack.log[before:], stack.log[before:]
