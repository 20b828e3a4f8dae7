"""One upstream and one stack for the whole run: every test plants words of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
import yaml

from tests import modes
from tests.litellm_proxy import LiteLLMProxy, litellm_proxy
from tests.stack import Stack, reaching
from tests.upstream.process import Upstream, start_upstream

# Keys that must never show up anywhere but at the upstream.
OPENAI_KEY = f"sk-openai-{secrets.token_hex(8)}"
ANTHROPIC_KEY = f"sk-anthropic-{secrets.token_hex(8)}"
# In Google's form: a stack on a LiteLLM Proxy does not know the key, and tells it by that.
GEMINI_KEY = f"AIza{secrets.token_hex(18)[:35]}"


def litellm_config(upstream: Upstream) -> str:
    """A LiteLLM config.yaml with every kind of model, on all of the upstream's wire formats."""
    openai = f"api_key: {OPENAI_KEY}, api_base: '{upstream.url}/v1'"
    gemini = f"api_key: {GEMINI_KEY}, api_base: '{upstream.url}/v1beta'"
    anthropic = f"api_key: {ANTHROPIC_KEY}, api_base: '{upstream.url}'"
    return f"""
model_list:
- {{model_name: gpt, litellm_params: {{model: openai/gpt-4o-mini, {openai}}}}}
- {{model_name: claude, litellm_params: {{model: anthropic/claude-sonnet-4-5, {anthropic}}}}}
- {{model_name: local, litellm_params: {{model: openai/echo-1, {openai}}}}}
- {{model_name: reasoner, litellm_params: {{model: openai/o3-mini, {openai}}}}}
- {{model_name: vllm, litellm_params: {{model: hosted_vllm/echo-1, {openai}}}}}
- model_name: texts
  litellm_params: {{model: openai/gpt-4o-mini, {openai}}}
  model_info: {{mode: completion}}
- {{model_name: gemini, litellm_params: {{model: gemini/gemini-2.5-flash, {gemini}}}}}
- {{model_name: guard, litellm_params: {{model: openai/guard-1, {openai}}}}}
- {{model_name: judge, litellm_params: {{model: openai/judge-1, {openai}}}}}
- model_name: embedding
  litellm_params: {{model: openai/embed-1, {openai}}}
  model_info: {{mode: embedding, output_vector_size: 64}}
- model_name: mismeasured
  litellm_params: {{model: openai/embed-1, {openai}}}
  model_info: {{mode: embedding, output_vector_size: 32}}
- model_name: batched
  litellm_params: {{model: gemini/gemini-embedding-001, {gemini}}}
  model_info: {{mode: embedding, output_vector_size: 64}}
- model_name: unmeasured
  litellm_params: {{model: openai/embed-2, {openai}}}
  model_info: {{mode: embedding}}
- model_name: reranker
  litellm_params: {{model: hosted_vllm/rerank-1, {openai}}}
  model_info: {{mode: rerank}}
- {{model_name: refused, litellm_params: {{model: openai/echo-1, api_key: k, api_base: 'http://127.0.0.1:9/v1'}}}}
- model_name: impatient
  litellm_params: {{model: openai/echo-1, {openai}, timeout: 1}}
- {{model_name: wild/*, litellm_params: {{model: openai/*, {openai}}}}}
router_settings:
  num_retries: 0
  disable_cooldowns: true
"""


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with start_upstream() as server:
        yield server


@pytest.fixture(scope="session")
def shared_proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLMProxy | None]:
    """A LiteLLM Proxy on `litellm_config`, where the run's mode needs one."""
    if modes.current == "embedded":
        yield None
        return
    with litellm_proxy(tmp_path_factory.mktemp("proxy"), litellm_config(upstream)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def shared_stack(
    upstream: Upstream, shared_proxy: LiteLLMProxy | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    env = {"SAFETY_MODEL": "litellm/guard"}
    with reaching(tmp_path_factory.mktemp("stack"), litellm_config(upstream), env, proxy=shared_proxy) as server:
        server.start()
        yield server


GUARDRAIL = {"guardrail": "tests.proxy_guardrail.Forbidden", "mode": "pre_call", "default_on": True, "word": "xyzzy"}


@pytest.fixture(scope="session")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLMProxy]:
    """A LiteLLM Proxy on the same models, with a guardrail that refuses the word xyzzy."""
    config = yaml.safe_load(litellm_config(upstream))
    config["guardrails"] = [{"guardrail_name": "forbidden-words", "litellm_params": GUARDRAIL}]
    with litellm_proxy(tmp_path_factory.mktemp("proxy"), yaml.safe_dump(config)) as running:
        yield running


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    yield shared_stack
    shared_stack.close_clients()


@pytest.fixture
def word() -> str:
    """A word that no other test, and no canned answer, can know.

    Without digits: a 403 anywhere in what Google says is its status to LiteLLM.
    """
    return "w" + "".join(secrets.choice("ghijklmnopqrstuv") for _ in range(10))


CHAT_MODELS = ("litellm/gpt", "litellm/claude", "litellm/gemini")


@pytest.fixture(params=CHAT_MODELS, ids=("openai-wire", "anthropic-wire", "gemini-wire"))
def model(request: pytest.FixtureRequest) -> str:
    """A chat model, once on each wire format."""
    name: str = request.param
    return name
