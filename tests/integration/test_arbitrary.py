"""Whatever JSON stands in whatever field of a request: no 500 of ours, no hang, no key that goes astray."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.conftest import ANTHROPIC_KEY, OPENAI_KEY
from tests.stack import Stack
from tests.upstream.process import Upstream

TRAP = "http://127.0.0.1:9/trap"
# Words that mean something to LiteLLM, so that the search does not have to find them by chance.
KEYS = st.sampled_from(
    [
        "api_base",
        "base_url",
        "api_key",
        "extra_headers",
        "extra_body",
        "headers",
        "metadata",
        "mock_response",
        "litellm_params",
        "type",
        "function",
        "name",
        "parameters",
        "role",
        "content",
        "text",
        "image_url",
        "url",
        "tool_calls",
        "id",
        "json_schema",
        "schema",
    ]
) | st.text(max_size=8)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([TRAP, "auto", "required", "none", "user", "assistant", "tool", "function", "json_schema"])
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
FIELDS = [
    "messages",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "api_base",
    "x",
]
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": ANYTHING},
    optional={"tool_calls": ANYTHING, "tool_call_id": ANYTHING, "name": ANYTHING, "api_base": st.just(TRAP)},
)
TOOL = st.fixed_dictionaries(
    {"type": st.just("function")},
    optional={
        "function": st.fixed_dictionaries(
            {"name": st.text(max_size=8)},
            optional={"parameters": ANYTHING, "description": ANYTHING, "api_base": ANYTHING},
        )
        | ANYTHING,
        "api_key": st.just("sk-caller"),
    },
)
MESSAGES = st.lists(MESSAGE, max_size=3) | ANYTHING
TOOLS = st.lists(TOOL, max_size=2) | ANYTHING
NAMED = st.fixed_dictionaries({"name": st.text(max_size=8)}, optional={"api_base": st.just(TRAP), "x": ANYTHING})
SHAPED = {
    "messages": MESSAGES,
    "tools": TOOLS,
    "functions": st.lists(NAMED, max_size=2) | ANYTHING,
    "function_call": NAMED | ANYTHING,
    "response_format": st.fixed_dictionaries(
        {"type": st.sampled_from(["json_schema", "json_object", "text"])},
        optional={
            "json_schema": st.fixed_dictionaries(
                {"name": st.text(max_size=8)}, optional={"schema": ANYTHING, "x": ANYTHING}
            )
            | ANYTHING,
            "api_base": st.just(TRAP),
        },
    ),
    "stream_options": st.dictionaries(KEYS | st.just("include_usage"), ANYTHING, max_size=3),
    "logit_bias": st.dictionaries(st.text(max_size=4), st.floats(-100, 100), max_size=3) | ANYTHING,
    "stop": st.lists(st.text(max_size=4), max_size=3) | ANYTHING,
    "user": st.text(max_size=20) | ANYTHING,
    "n": st.integers(-2, 3) | ANYTHING,
    "max_tokens": st.integers(-2, 10) | ANYTHING,
    "temperature": st.floats(-1, 3) | ANYTHING,
}


def changed(fields: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """One field or two with anything in them: with more of them the host would refuse nearly every request."""
    chosen = st.lists(st.sampled_from(fields), min_size=1, max_size=2, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: SHAPED.get(name, ANYTHING) for name in names}))


PROVIDER_DATA = st.none() | st.dictionaries(
    st.sampled_from(["litellm_user", "litellm_tags", "litellm_metadata", "litellm_cache", "litellm_headers", "x"]),
    ANYTHING,
)


@pytest.fixture(scope="module")
def client(shared_stack: Stack) -> Any:
    with httpx.Client(base_url=f"{shared_stack.url}/v1", timeout=20) as made:
        yield made


@pytest.mark.parametrize("model", ["gpt", "claude"])
def test_openai_chat(client: httpx.Client, upstream: Upstream, model: str) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=changed(FIELDS), stream=st.booleans(), data=PROVIDER_DATA)
    def send(body: dict[str, Any], stream: bool, data: Any) -> None:
        complete = {"messages": [{"role": "user", "content": "hi"}], **body, "model": model, "stream": stream}
        headers = {} if data is None else {"X-LlamaStack-Provider-Data": json.dumps(data)}
        answer = client.post("/openai/v1/chat/completions", json=complete, headers=headers)
        assert answer.status_code < 500 or answer.status_code in (502, 503, 504), answer.text
        assert "500: " not in answer.text

    upstream.clear()
    send()
    check(upstream)


@pytest.mark.parametrize("model", ["gpt", "claude"])
def test_legacy_chat(client: httpx.Client, upstream: Upstream, model: str) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=changed(["messages", "sampling_params", "tools", "tool_config", "response_format", "logprobs"]))
    def send(body: dict[str, Any]) -> None:
        answer = client.post(
            "/inference/chat-completion",
            json={"messages": [{"role": "user", "content": "hi"}], **body, "model_id": model},
        )
        assert answer.status_code < 500 or answer.status_code in (502, 503, 504), answer.text

    upstream.clear()
    send()
    check(upstream)


def check(upstream: Upstream) -> None:
    """Every call that got through carried the configured key to the configured place."""
    calls = upstream.calls()
    assert calls, "nothing got through: the search never reached the upstream"
    for call in calls:
        assert call["path"] in ("/v1/chat/completions", "/v1/messages")
        key = call["headers"].get("x-api-key") or call["headers"]["authorization"].removeprefix("Bearer ")
        assert key in (OPENAI_KEY, ANTHROPIC_KEY)
