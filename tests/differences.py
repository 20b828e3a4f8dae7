"""What the server lines do not have in common: for each feature the hosts that have it, and what the others answer.

A test that needs one says so, ``needs("turns")``, and is left out elsewhere; `tests/integration/test_differences.py`
asks the others for it, and fails when one of them has learnt it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests import modes
from tests.line import HOST, LINE, OPENAI, RELEASE

_MESSAGES = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True, slots=True)
class Difference:
    """A feature that some hosts have."""

    hosts: tuple[str, ...]
    """Those that have it, as `make test HOST=…` calls them."""
    instead: str
    """What there is on the others."""
    method: str
    path: str
    """The request for it; or ``run`` and a command."""
    status: int
    """What the others answer to that."""
    body: dict[str, Any] | None = None
    words: str = ""
    """What stands in their answer."""
    without: str = ""
    """What does not stand in their answer, head and body."""


DIFFERENCES = {
    "inference API": Difference(
        ("0.2",),
        "OpenAI's chat completions",
        "POST",
        "/v1/inference/chat-completion",
        404,
        {"model_id": "litellm/gpt", "messages": _MESSAGES},
    ),
    "llama stack build": Difference(
        ("0.2",), "an environment that is made from requirements/", "run", "llama stack build --help", 2
    ),
    "workers": Difference(
        ("0.7", "ogx14", "ogx15"),
        "several stacks behind a load balancer",
        "run",
        "llama-stack-litellm up --workers 2",
        1,
    ),
    "turns": Difference(
        ("0.2",),
        "the Responses API, which the client's Agent uses there",
        "POST",
        "/v1/agents",
        404,
        {"agent_config": {"model": "litellm/gpt", "instructions": "x"}},
    ),
    "RAG tool": Difference(
        ("0.2",),
        "vector stores and the tool `file_search`",
        "POST",
        "/v1/tool-runtime/rag-tool/insert",
        404,
        {"documents": [], "vector_db_id": "x", "chunk_size_in_tokens": 200},
    ),
    "tool groups": Difference(
        ("0.2",),
        "the tool `mcp` of the Responses API",
        "POST",
        "/v1/toolgroups",
        404,
        {"toolgroup_id": "mcp::x", "provider_id": "model-context-protocol"},
    ),
    "shields": Difference(
        ("0.2", "0.7"),
        "a `moderation_endpoint` of the responses provider",
        "POST",
        "/v1/safety/run-shield",
        404,
        {"shield_id": "llama-guard", "messages": _MESSAGES, "params": {}},
    ),
    "eval": Difference(
        ("0.2", "0.7"),
        "nothing",
        "POST",
        "/v1/eval/benchmarks/x/evaluations",
        404,
        {},
    ),
    "chats are streamed from status 200 on": Difference(
        ("0.2",),
        "an error before the first chunk has its status",
        "POST",
        f"{OPENAI}/chat/completions",
        429,
        {"model": "litellm/gpt", "messages": [{"role": "user", "content": "[[error 429]]"}], "stream": True},
    ),
    "token arrays": Difference(
        ("0.7", "ogx14", "ogx15"),
        "texts",
        "POST",
        f"{OPENAI}/embeddings",
        400,
        {"model": "litellm/embedding", "input": [1, 2, 3]},
        words="Input should be a valid string",
    ),
    "rerank": Difference(
        ("0.7", "ogx14", "ogx15"),
        "nothing",
        "POST",
        "/v1/inference/rerank",
        501,
        {"model": "litellm/reranker", "query": "q", "items": ["a", "b"]},
    ),
    "conversations": Difference(
        ("0.7", "ogx14", "ogx15"), "`previous_response_id`", "POST", f"{OPENAI}/conversations", 404, {}
    ),
    "background responses": Difference(
        ("0.7", "ogx14", "ogx15"),
        "a response that is waited for",
        "POST",
        f"{OPENAI}/responses",
        200,
        {"model": "litellm/gpt", "input": "hi", "background": True},
        words='"status":"completed"',
    ),
    "messages": Difference(
        ("ogx14", "ogx15"),
        "OpenAI's chat completions",
        "POST",
        "/v1/messages",
        404,
        {"model": "litellm/gpt", "max_tokens": 10, "messages": _MESSAGES},
    ),
    "more in a body": Difference(
        ("0.7", "ogx14", "ogx15"),
        "the provider-data header",
        "POST",
        f"{OPENAI}/chat/completions",
        200,
        {"model": "litellm/gpt", "messages": _MESSAGES, "api_base": "http://127.0.0.1:9"},
    ),
    "trace id": Difference(
        ("0.2",),
        "an id that the caller gives, in `x-request-id`",
        "POST",
        f"{OPENAI}/chat/completions",
        200,
        {"model": "litellm/gpt", "messages": _MESSAGES},
        without="x-trace-id",
    ),
    "about embeddings": Difference(
        ("0.2",),
        "the usage records",
        "POST",
        f"{OPENAI}/embeddings",
        200,
        {"model": "litellm/embedding", "input": "hi"},
        without='"litellm"',
    ),
}


def needs(feature: str) -> pytest.MarkDecorator:
    """For a test of what not every host has."""
    found = DIFFERENCES[feature]
    return pytest.mark.skipif(
        HOST not in found.hosts, reason=f"{LINE.distribution} {RELEASE} has no {feature}; there is {found.instead}"
    )


NEWER_LITELLM = HOST == "ogx15" and modes.current == "embedded"
"""Whether the models are reached through LiteLLM 1.108 on openai 3, and not through 1.106. There a model's only
deployment does not rest after failures; and of a content that OpenAI refuses openai 3 does not say the code, by which
LiteLLM knows it: other fallbacks are asked than `content_policy_fallbacks`."""
