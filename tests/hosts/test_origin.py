"""Which request to the server a call comes of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from llama_stack.core.utils.context import preserve_contexts_async_generator

from llama_stack_provider_litellm.caller import UNKNOWN, Origin
from llama_stack_provider_litellm.hosts import origin

TRACE: ContextVar[str] = ContextVar("trace", default="")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def of(path: str = "/v1/x", trace: str | None = None, **headers: str) -> Origin:
    """The origin that is noted of a request."""

    def noted() -> Origin:
        scope = {"path": path, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
        assert origin.noticing(lambda scope: "the host's own", lambda: trace)(scope) == "the host's own"
        return origin.CURRENT.get()

    return copy_context().run(noted)


@pytest.mark.parametrize(
    ("path", "via", "agent"),
    [
        ("/v1/openai/v1/chat/completions", None, None),
        ("/v1/chat/completions", None, None),
        ("/v1/inference/chat-completion", None, None),
        ("/v1/openai/v1/embeddings", None, None),
        ("/v1/openai/v1/responses", "responses", None),
        ("/v1/agents/a-1/session/s-1/turn", "agents", "a-1"),
        ("/v1alpha/agents/a-1/session/s-1/turn", "agents", "a-1"),
        ("/v1/agents", "agents", None),
        ("/v1/eval/benchmarks/b/evaluations", "eval", None),
        ("/v1alpha/eval/benchmarks/b/evaluations", "eval", None),
        ("/v1/openai/v1/batches", "batches", None),
        ("/v1/safety/run-shield", "safety", None),
        ("/v1/vector-io/insert", "vector-io", None),
        ("/", None, None),
    ],
)
def test_which_api_made_the_call(path: str, via: str | None, agent: str | None) -> None:
    found = of(path)
    assert (found.via, found.agent) == (via, agent)


def test_the_id_is_the_callers_then_the_hosts_then_a_new_one() -> None:
    assert of(**{"x-request-id": "mine"}, trace="t").request_id == "mine"
    assert of(trace="t").request_id == "t"
    assert len(of().request_id or "") == 32 and of().request_id != of().request_id


@pytest.mark.parametrize("value", ["", "with space", "x" * 129, "ünïcode", "line\nend"])
def test_an_id_that_is_none_is_not_taken(value: str) -> None:
    assert of(**{"x-request-id": value}, trace="t").request_id == "t"


def test_the_trace() -> None:
    assert of(traceparent=PARENT, tracestate="a=b,c=d").trace == {"traceparent": PARENT, "tracestate": "a=b,c=d"}
    assert of(traceparent=PARENT).trace == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"tracestate": "a=b"},
        {"traceparent": "no trace"},
        {"traceparent": PARENT.upper()},
        {"traceparent": f"{PARENT}\r\nAuthorization: Bearer x"},
        {"traceparent": PARENT + "x" * 10},
    ],
)
def test_what_is_no_trace_goes_no_further(headers: dict[str, str]) -> None:
    assert of(**headers).trace == {}
    assert of(traceparent=PARENT, tracestate="a=\x00").trace == {"traceparent": PARENT}


def test_it_goes_into_a_stream() -> None:
    async def seen() -> AsyncIterator[Any]:
        yield origin.CURRENT.get()

    async def made() -> AsyncIterator[Any]:
        origin.CURRENT.set(Origin(request_id="r"))
        return origin.carrying(preserve_contexts_async_generator)(seen(), [TRACE])  # type: ignore[no-any-return]

    async def read() -> list[Any]:
        stream = await asyncio.create_task(made())
        assert origin.CURRENT.get() is UNKNOWN
        return [item async for item in stream]

    assert [item.request_id for item in asyncio.run(read())] == ["r"]
