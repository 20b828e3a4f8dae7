"""What a caller sends arrives at the upstream, or is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.conftest import litellm_config
from tests.line import words_of
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

# `gpt` is a model that LiteLLM knows, `local` one that it does not.
CHAT: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "logit_bias": {"50": 1.0},
    "logprobs": True,
    "max_completion_tokens": 60,
    "max_tokens": 50,
    "n": 2,
    "presence_penalty": 0.25,
    "response_format": {"type": "json_object"},
    "seed": 7,
    "stop": ["zz"],
    "temperature": 0.3,
    "top_p": 0.9,
    "user": "ann",
}
TEXT: dict[str, Any] = {
    "best_of": 2,
    "echo": True,
    "frequency_penalty": 0.5,
    "logit_bias": {"50": 1.0},
    "max_tokens": 50,
    "n": 2,
    "presence_penalty": 0.25,
    "prompt_logprobs": 1,
    "seed": 7,
    "stop": ["zz"],
    "suffix": "the end",
    "temperature": 0.3,
    "top_p": 0.9,
    "user": "ann",
    "guided_choice": ["a", "b"],
}


def post(stack: Stack, path: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{stack.openai_url}/{path}", json=body, timeout=30)


def sent(upstream: Upstream, word: str) -> dict[str, Any]:
    (call,) = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    return {"path": call["path"], **call["body"]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["gpt", "local"])
@pytest.mark.parametrize("name", CHAT)
def test_chat_parameters_arrive(
    stack: Stack, upstream: Upstream, word: str, model: str, name: str, stream: bool
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": word}], name: CHAT[name], "stream": stream}
    answer = post(stack, "chat/completions", body)
    assert answer.status_code == 200
    assert '"error"' not in answer.text
    assert sent(upstream, word)[name] == CHAT[name]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", TEXT)
def test_text_parameters_arrive_at_the_text_endpoint(
    stack: Stack, upstream: Upstream, word: str, name: str, stream: bool
) -> None:
    answer = post(stack, "completions", {"model": "local", "prompt": word, name: TEXT[name], "stream": stream})
    assert answer.status_code == 200
    assert '"error"' not in answer.text
    body = sent(upstream, word)
    assert body["path"] == "/v1/completions"
    assert body[name] == TEXT[name]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "model",
    [
        "vllm",
        pytest.param("texts", marks=pytest.mark.embedded_only("LiteLLM's own Router does not go by a model's `mode`")),
    ],
)
def test_a_text_completion_stays_one(stack: Stack, upstream: Upstream, word: str, model: str, stream: bool) -> None:
    body = {"model": model, "prompt": [word, f"{word} too"], "suffix": "the end", "stream": stream}
    answer = post(stack, "completions", body)
    assert answer.status_code == 200
    assert '"error"' not in answer.text
    arrived = sent(upstream, word)
    assert arrived["path"] == "/v1/completions"
    assert (arrived["prompt"], arrived["suffix"]) == (body["prompt"], "the end")
    if not stream:
        assert [choice["index"] for choice in answer.json()["choices"]] == [0, 1]


def test_where_there_is_no_text_endpoint_one_prompt_becomes_a_chat(stack: Stack, word: str, model: str) -> None:
    for prompt in (f"[[say {word}]]", [f"[[say {word}]]"]):
        answer = post(stack, "completions", {"model": model, "prompt": prompt})
        assert answer.json()["choices"][0]["text"] == word


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1, 2], [3]]], ids=["texts", "tokens", "several tokens"])
def test_where_there_is_no_text_endpoint_several_prompts_are_refused(stack: Stack, model: str, prompt: Any) -> None:
    answer = post(stack, "completions", {"model": model, "prompt": prompt})
    assert answer.status_code == 400
    assert "send one text in `prompt`" in words_of(answer)
    assert words_of(answer).startswith(f"Model {model.removeprefix('litellm/')} (")


@pytest.mark.parametrize("form", ["float", "base64"])
def test_the_form_of_vectors_arrives(stack: Stack, upstream: Upstream, word: str, form: str) -> None:
    answer = post(stack, "embeddings", {"model": "embedding", "input": [word], "encoding_format": form})
    assert isinstance(answer.json()["data"][0]["embedding"], str if form == "base64" else list)
    assert sent(upstream, word)["encoding_format"] == form


@pytest.mark.parametrize("dimensions", [16, 64])
def test_dimensions_arrive_and_are_checked(stack: Stack, upstream: Upstream, word: str, dimensions: int) -> None:
    answer = post(stack, "embeddings", {"model": "embedding", "input": [word], "dimensions": dimensions, "user": "ann"})
    assert len(answer.json()["data"][0]["embedding"]) == dimensions
    body = sent(upstream, word)
    assert (body["dimensions"], body["user"]) == (dimensions, "ann")


def test_vectors_of_another_size_than_the_config_says(stack: Stack, word: str) -> None:
    answer = post(stack, "embeddings", {"model": "mismeasured", "input": [word]})
    assert answer.status_code == 502
    assert "expected vectors of 32 numbers, found 64" in words_of(answer)


def test_a_temperature_that_the_caller_chose_is_refused_there(stack: Stack, word: str) -> None:
    messages = [{"role": "user", "content": word}]
    answer = post(stack, "chat/completions", {"model": "reasoner", "messages": messages, "temperature": 0})
    assert answer.status_code == 400
    assert "temperature=0" in words_of(answer)


def test_what_a_vendor_does_not_take_is_an_error_that_names_it(stack: Stack, word: str) -> None:
    answer = post(
        stack, "chat/completions", {"model": "claude", "messages": [{"role": "user", "content": word}], "seed": 7}
    )
    assert answer.status_code == 400
    assert "seed" in words_of(answer)
    assert "drop_params" in words_of(answer)


DROPPING = "litellm_settings: {drop_params: true}\n"


@pytest.mark.embedded_only("a LiteLLM Proxy leaves it out, and tells nobody")
def test_what_is_left_out_is_named_once(upstream: Upstream, tmp_path: Path, word: str) -> None:
    body = {"model": "claude", "messages": [{"role": "user", "content": word}], "seed": 7, "n": 2}
    with running_stack(tmp_path, litellm_config(upstream) + DROPPING) as stack:
        for _ in range(3):
            assert post(stack, "chat/completions", body).status_code == 200
        log = " ".join(stack.log.split())
        for name in ("seed", "n"):
            assert log.count(f"Model 'claude': its vendor does not take `{name}`; it is left out.") == 1


def test_what_would_be_left_out_is_refused(upstream: Upstream, tmp_path: Path, word: str) -> None:
    body = {"model": "claude", "messages": [{"role": "user", "content": word}], "seed": 7, "n": 2}
    with running_stack(tmp_path, litellm_config(upstream) + DROPPING, LITELLM_STRICT_PARAMS="true") as stack:
        answer = post(stack, "chat/completions", body)
        assert answer.status_code == 400
        assert "`n`, `seed`" in words_of(answer)
        assert post(stack, "chat/completions", {**body, "model": "gpt"}).status_code == 200
