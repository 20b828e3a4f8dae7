"""The ``litellm`` object on every answer: which deployment gave it, after what, at what cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import modes
from tests.differences import needs
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

SERVED_BY = "embedded" if modes.current == "embedded" else "proxy"
PRICES = "input_cost_per_token: 0.001, output_cost_per_token: 0.002"


def config(upstream: Upstream) -> str:
    openai = f"api_key: sk-served, api_base: '{upstream.url}/v1'"
    vendors = {
        "gpt": f"model: openai/gpt-4o-mini, {openai}",
        "claude": f"model: anthropic/claude-sonnet-4-5, api_key: k, api_base: '{upstream.url}'",
        "gemini": f"model: gemini/gemini-2.5-flash, api_key: k, api_base: '{upstream.url}/v1beta'",
        "down": "model: openai/gpt-4o-mini, api_key: k, api_base: 'http://127.0.0.1:9/v1'",
        "unpriced": f"model: openai/echo-1, {openai}",
    }
    rows = [
        f"- {{model_name: {name}, model_info: {{id: {name}-1}}, litellm_params: {{{params}"
        + ("" if name == "unpriced" else f", {PRICES}")
        + "}}"
        for name, params in vendors.items()
    ]
    texts = f"{{model: openai/echo-1, {openai}, {PRICES}}}"
    rows.append(f"- {{model_name: texts, model_info: {{id: texts-1}}, litellm_params: {texts}}}")
    rows.append(
        "- {model_name: embedding, model_info: {id: embedding-1, mode: embedding, output_vector_size: 64},"
        f" litellm_params: {{model: openai/embed-1, {openai}, {PRICES}}}}}"
    )
    router = "router_settings: {num_retries: 1, retry_after: 0, disable_cooldowns: true, fallbacks: [{down: [gpt]}]}"
    return "\n".join(["model_list:", *rows, router])


@pytest.fixture(scope="module")
def served(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("served"), config(upstream)) as stack:
        yield stack


def post(stack: Stack, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer, or the chunks of it."""
    answer = httpx.post(f"{stack.openai_url}/{path}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    if not body.get("stream"):
        return [answer.json()]
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


def chat(model: str, text: str, **options: Any) -> dict[str, Any]:
    return {"model": f"litellm/{model}", "messages": [{"role": "user", "content": text}], **options}


OPTIONS: list[dict[str, Any]] = [{}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}]


@pytest.mark.parametrize("options", OPTIONS, ids=["whole", "streamed", "usage apart"])
@pytest.mark.parametrize("model", ["gpt", "claude", "gemini"])
def test_a_chat(served: Stack, word: str, model: str, options: dict[str, Any]) -> None:
    *chunks, last = post(served, "chat/completions", chat(model, f"[[say {word} and more]]", **options))
    about = last["litellm"]
    assert about.pop("call_id")
    used = last["usage"]
    cost = used["prompt_tokens"] * 0.001 + used["completion_tokens"] * 0.002
    assert about.pop("cost_usd") == pytest.approx(cost, abs=1e-9)
    assert about == {
        "served_by": SERVED_BY, "model_id": f"{model}-1", "retries": 0, "fallbacks": 0, "cache_hit": False
    }  # fmt: skip
    assert "cost" not in used
    assert not any("litellm" in chunk for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_text_completion(served: Stack, word: str, stream: bool) -> None:
    *chunks, last = post(served, "completions", {"model": "texts", "prompt": word, "stream": stream})
    about, used = last["litellm"], last["usage"]
    cost = used["prompt_tokens"] * 0.001 + used["completion_tokens"] * 0.002
    assert about["cost_usd"] == pytest.approx(cost, abs=1e-9)
    assert (about["model_id"], about["cache_hit"]) == ("texts-1", False)
    assert not any("litellm" in chunk for chunk in chunks)


@needs("about embeddings")
def test_embeddings(served: Stack, word: str) -> None:
    (answer,) = post(served, "embeddings", {"model": "embedding", "input": [word, f"{word} too"]})
    about = answer["litellm"]
    assert about["cost_usd"] == pytest.approx(answer["usage"]["prompt_tokens"] * 0.001, abs=1e-9)
    assert about["model_id"] == "embedding-1"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_fallback_and_its_retries(served: Stack, word: str, stream: bool) -> None:
    *_, last = post(served, "chat/completions", chat("down", word, stream=stream))
    about = last["litellm"]
    assert (about["model_id"], about["fallbacks"]) == ("gpt-1", 1)
    # The second is one attempt of one deployment.
    text = f"[[error 500 times=1]] {word}"
    *_, last = post(served, "chat/completions", chat("gpt", text, stream=stream))
    assert (last["litellm"]["retries"], last["litellm"]["model_id"]) == (1, "gpt-1")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_price_that_nobody_knows_is_not_0(served: Stack, word: str, stream: bool) -> None:
    *_, last = post(served, "chat/completions", chat("unpriced", word, stream=stream))
    assert last["litellm"]["cost_usd"] is None


def test_the_openai_client_has_it(served: Stack, word: str) -> None:
    answer = served.openai().chat.completions.create(model="gpt", messages=[{"role": "user", "content": word}])
    assert answer.litellm["model_id"] == "gpt-1"
