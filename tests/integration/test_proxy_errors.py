"""What a client sees of each refusal of a real LiteLLM Proxy, and of what it hands on: status, words, retry time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.config import ProxySettings
from llama_stack_provider_litellm.engines.proxy import ProxyEngine
from tests.line import HEADER, refusal, told_by_status
from tests.litellm_proxy import LiteLLMProxy
from tests.stack import Stack, running_stack

pytestmark = [
    pytest.mark.any_host,
    pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own"),
]


@pytest.fixture(scope="module")
def stack(proxy: LiteLLMProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": proxy.key}
    with running_stack(tmp_path_factory.mktemp("stack"), **env) as running:
        yield running


def told(stack: Stack, text: str, *, stream: bool, model: str = "litellm/gpt", key: str | None = None) -> Any:
    """Status, words and ``Retry-After`` of the error that a chat ends with."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
    headers = {HEADER: json.dumps({"litellm_api_key": key} if key else {})}
    answer = httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=headers, timeout=30)
    return *refusal(answer), answer.headers.get("retry-after")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("key", "status", "words", "retry_after"),
    [
        ("sk-nobodys", 401, "litellm_api_key", None),
        ("sk-limited-{word}", 429, "limit of the key", "60"),
        ("sk-budget-1", 429, "Budget has been exceeded! Current cost: 2.0, Max budget: 1.0.", None),
    ],
    ids=["bad key", "rate limit", "budget"],
)
def test_what_the_proxy_says_of_a_key(
    stack: Stack, word: str, key: str, status: int, words: str, retry_after: str | None, stream: bool
) -> None:
    key = key.format(word=word)
    if "limited" in key:
        httpx.post(
            f"{stack.openai_url}/chat/completions",
            json={"model": "gpt", "messages": [{"role": "user", "content": word}]},
            headers={HEADER: json.dumps({"litellm_api_key": key})},
            timeout=30,
        ).raise_for_status()
    found, said, wait = told(stack, "hi", stream=stream, key=key)
    assert found == status, said
    assert said.startswith("Model gpt: "), "no deployment was asked"
    assert words in said
    assert key not in said
    if told_by_status(stream):
        assert wait in (retry_after, "59" if retry_after else None)
    assert key not in stack.log


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("text", "model", "status", "words"),
    [
        ("[[error 429 retry-after=7]]", "gpt", 429, "Retry after 7 s."),
        ("[[error 400 context]]", "gpt", 400, "context_window_fallbacks"),
        ("[[error 400 content]]", "gpt", 400, "content_policy_fallbacks"),
        ("[[error 500]]", "gpt", 502, "api_base"),
        ("[[error 503]]", "gpt", 503, "Try again later"),
        ("[[hang]]", "impatient", 504, "timeout"),
        ("hi", "refused", 502, "api_base"),
        ("say xyzzy", "gpt", 400, "forbidden-words"),
        ("hi", "nope", 404, "is not in the LiteLLM Proxy at"),
    ],
    ids=["upstream 429", "context", "content", "500", "503", "timeout", "refused", "guardrail", "unknown model"],
)
def test_what_the_proxy_hands_on(stack: Stack, text: str, model: str, status: int, words: str, stream: bool) -> None:
    found, said, wait = told(stack, text, stream=stream, model=f"litellm/{model}")
    assert (found, words in said) == (status, True), said
    assert model in said
    assert wait == ("7" if status == 429 and told_by_status(stream) else None)
    assert "litellm." not in said
    assert "Traceback" not in stack.log


def test_a_model_that_the_proxy_has_no_longer(proxy: LiteLLMProxy) -> None:
    """Between two looks at its list it is the proxy that says so, with a 400."""

    async def stale() -> None:
        engine = ProxyEngine(ProxySettings.model_validate({"url": proxy.url, "api_key": proxy.key}))
        try:
            before = await engine.catalog()
            gone = replace(before.entries["gpt"], name="gone")
            engine._models.known = replace(before, entries={**before.entries, "gone": gone})
            with pytest.raises(errors.ModelNotFound, match="Model gone"):
                await engine.chat({"model": "gone", "messages": [{"role": "user", "content": "hi"}]}, ANONYMOUS)
        finally:
            await engine.close()

    asyncio.run(stale())


def test_an_error_amid_a_stream(stack: Stack) -> None:
    body = {"model": "gpt", "messages": [{"role": "user", "content": "[[midstream-error]] velvet"}], "stream": True}
    answer = httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=30)
    assert answer.status_code == 200 and "echo[" in answer.text
    status, said = refusal(answer)
    assert status == 502 and said.startswith("Model gpt (openai/gpt-4o-mini): The stream broke")
    assert "velvet" in said


@pytest.mark.parametrize("key", ["", "sk-nobodys"], ids=["no key", "a wrong key"])
def test_a_stack_whose_own_key_is_refused(
    proxy: LiteLLMProxy, tmp_path_factory: pytest.TempPathFactory, key: str
) -> None:
    env = {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": key}
    with running_stack(tmp_path_factory.mktemp("keyless"), **env) as keyless:
        status, said, _ = told(keyless, "hi", stream=False)
        assert status == 401
        assert "Model 'gpt' cannot be looked up." in said
        log = " ".join(keyless.log.split())
    for words in (said, log):
        assert "LITELLM_PROXY_API_KEY" in words
        assert "sk-nobodys" not in words
    assert log.count("The models of the LiteLLM Proxy cannot be read") == 1
