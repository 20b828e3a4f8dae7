"""Whatever JSON stands in whatever field of a request: no 500 of ours, no hang, no key that goes astray."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llama_stack_provider_litellm.config import ProviderData
from tests.differences import needs
from tests.integration.conftest import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY
from tests.line import HEADER, OPENAI
from tests.stack import Stack
from tests.upstream.process import Upstream

# Stands for an address at which the upstream would see a request that went astray.
TRAP = "http://trap.invalid"
# A LiteLLM Proxy that another test left running lists its vendors' models every five minutes.
LISTING = "/v1/models"
KEYS_OF = {"/v1/chat/completions": OPENAI_KEY, "/v1/messages": ANTHROPIC_KEY, LISTING: OPENAI_KEY}
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
    "model",
    "stream",
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
# Well-formed but for an order in it, which the search need not find: few of its shapes get as far as LiteLLM.
ORDERS = {"api_base": TRAP, "base_url": TRAP, "api_key": "sk-caller"}
ORDERED = {
    **ORDERS,
    "messages": [{"role": "user", "content": "hi", **ORDERS}],
    "tools": [{"type": "function", "function": {"name": "f", **ORDERS}, **ORDERS}],
}
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
    st.sampled_from([*ProviderData.model_fields, "litellm_x", "x"]), ANYTHING, max_size=4
)


@pytest.fixture(scope="module")
def client(shared_stack: Stack) -> Any:
    json_body = {"content-type": "application/json"}
    with httpx.Client(base_url=shared_stack.url, timeout=20, headers=json_body) as made:
        yield made


@pytest.mark.parametrize("model", ["gpt", "claude", "gemini"])
def test_openai_chat(client: httpx.Client, upstream: Upstream, model: str) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=changed(FIELDS), stream=st.booleans(), data=PROVIDER_DATA)
    @example(body=ORDERED, stream=False, data=None)
    @example(body={"tools": [{"type": "function", "function": {}}]}, stream=False, data=None)
    def send(body: dict[str, Any], stream: bool, data: Any) -> None:
        complete = {"messages": [{"role": "user", "content": "hi"}], "model": model, "stream": stream, **body}
        headers = {} if data is None else {HEADER: trapped(data, upstream)}
        answer = client.post(f"{OPENAI}/chat/completions", content=trapped(complete, upstream), headers=headers)
        assert answer.status_code < 500 or answer.status_code in (502, 503, 504), answer.text
        assert "500: " not in answer.text

    upstream.clear()
    send()
    check(upstream)


@needs("inference API")
@pytest.mark.parametrize("model", ["gpt", "claude", "gemini"])
def test_the_hosts_own_chat(client: httpx.Client, upstream: Upstream, model: str) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=changed(["messages", "sampling_params", "tools", "tool_config", "response_format", "logprobs"]))
    def send(body: dict[str, Any]) -> None:
        complete = {"messages": [{"role": "user", "content": "hi"}], **body, "model_id": model}
        answer = client.post("/v1/inference/chat-completion", content=trapped(complete, upstream))
        assert answer.status_code < 500 or answer.status_code in (502, 503, 504), answer.text

    upstream.clear()
    send()
    check(upstream)


def trapped(value: Any, upstream: Upstream) -> str:
    return json.dumps(value).replace(TRAP, f"{upstream.url}/trap")


def check(upstream: Upstream) -> None:
    """Every call that got through carried the configured key to the configured place."""
    # What another test began may still end in the background; it has paths of its own.
    calls = [call for call in upstream.calls() if call["path"] not in ("/v1/embeddings", "/v1/completions")]
    assert {call["path"] for call in calls} - {LISTING}, "nothing got through: the search never reached the upstream"
    for call in calls:
        head, path = call["headers"], call["path"]
        key = head.get("x-goog-api-key") or head.get("x-api-key") or head["authorization"].removeprefix("Bearer ")
        assert path in KEYS_OF or path.startswith("/v1beta/models/gemini-2.5-flash:"), path
        assert key == KEYS_OF.get(path, GEMINI_KEY)
