"""What a LiteLLM Proxy answers to whom it refuses, told by the proxy of the tests itself: the facts we rely on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.litellm_proxy import LiteLLMProxy, litellm_proxy
from tests.processes import ROOT
from tests.upstream.process import Upstream, start_upstream

WORD = f"w{secrets.token_hex(5)}"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with start_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLMProxy]:
    config = f"""
model_list:
- {{model_name: gpt, litellm_params: {{model: openai/gpt-4o-mini, api_key: k, api_base: '{upstream.url}/v1'}}}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
guardrails:
- guardrail_name: no-secrets
  litellm_params: {{guardrail: tests.proxy_guardrail.Forbidden, mode: pre_call, default_on: true, word: {WORD}}}
"""
    with litellm_proxy(tmp_path_factory.mktemp("proxy"), config) as server:
        yield server


def ask(proxy: LiteLLMProxy, key: str | None, text: str = "hello", model: str = "gpt") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{proxy.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def refusal(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    assert error["code"] == str(answer.status_code)
    return error


def test_the_master_key_and_virtual_keys_are_served(proxy: LiteLLMProxy) -> None:
    for key in (proxy.key, "sk-virtual-ann"):
        answer = ask(proxy, key)
        assert answer.status_code == 200, answer.text
        assert "hello" in answer.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("key", "kind"),
    [(None, "auth_error"), ("sk-unknown", "token_not_found_in_db"), ("nonsense", "token_not_found_in_db")],
)
def test_no_key_and_an_unknown_key(proxy: LiteLLMProxy, key: str | None, kind: str) -> None:
    answer = ask(proxy, key)
    assert answer.status_code == 401
    assert refusal(answer)["type"] == kind


def test_a_used_up_budget(proxy: LiteLLMProxy) -> None:
    answer = ask(proxy, "sk-budget-ann")
    assert answer.status_code == 422
    assert refusal(answer)["type"] == "budget_exceeded"
    assert "Budget has been exceeded" in refusal(answer)["message"]


def test_a_rate_limit_of_a_key(proxy: LiteLLMProxy) -> None:
    key = f"sk-limited-{secrets.token_hex(4)}"
    assert ask(proxy, key).status_code == 200
    answer = ask(proxy, key)
    assert answer.status_code == 429
    assert refusal(answer)["type"] == "throttling_error"
    assert answer.headers["retry-after"] == "60"


def test_an_unknown_model(proxy: LiteLLMProxy) -> None:
    answer = ask(proxy, proxy.key, model="nothing")
    assert answer.status_code == 400
    assert "Invalid model name passed in model=nothing" in refusal(answer)["message"]


def test_a_guardrail(proxy: LiteLLMProxy, upstream: Upstream) -> None:
    answer = ask(proxy, proxy.key, f"say {WORD}")
    assert answer.status_code == 400
    assert refusal(answer)["provider_specific_fields"]["guardrail_name"] == "no-secrets"
    assert not [call for call in upstream.calls() if WORD in str(call["body"])]


def test_the_shipped_config_with_litellms_own_check_of_keys(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "run_configs" / "litellm" / "proxy.yaml").read_text())
    config["general_settings"]["custom_auth"] = None
    with litellm_proxy(tmp_path, yaml.safe_dump(config)) as server:
        answer = ask(server, server.key, model="chat")
        assert answer.status_code == 200, answer.text
        assert "mock_response" in answer.json()["choices"][0]["message"]["content"]
        # Without a database LiteLLM calls every key but its master key a fault of its own.
        answer = ask(server, "sk-unknown", model="chat")
        assert answer.status_code == 400
        assert refusal(answer)["type"] == "no_db_connection"
        # And without prisma, which its extra `proxy` does not bring, it fails at saying that there is no key.
        answer = ask(server, None, model="chat")
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
