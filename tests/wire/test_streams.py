"""Streams as they come over real networks: without content now and then, and cut anywhere."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import litellm
import openai
import pytest

from tests.upstream import Upstream
from tests.wire.conftest import NAMES, SHAPES, TOOLS, ask, events, gemini, messages, run, through_litellm

UNICODE = "ñandú 你好 🎈🎈 Straße"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("modifiers", ["[[empty]]", "[[bytes]]", "[[empty]] [[bytes]] [[think Ü 🎈 ß]] [[cached 2]]"])
def test_nothing_is_lost(upstream: Upstream, shape: str, modifiers: str) -> None:
    answer = run(through_litellm(upstream, shape, f"{modifiers} {UNICODE}", stream=True))
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == (f"echo[{NAMES[shape]}]: {UNICODE}", "stop")
    assert getattr(choice.message, "reasoning_content", None) == ("Ü 🎈 ß" if "think" in modifiers else None)
    assert answer.usage.prompt_tokens == len(f"{modifiers} {UNICODE}".split())


@pytest.mark.parametrize("shape", SHAPES)
def test_calls_survive_empty_chunks_and_cuts(upstream: Upstream, shape: str) -> None:
    plan = '[[empty]] [[bytes]] [[call weather {"city": "Zürich 🏔"}]] & [[call time {"zone": "Âland"}]]'
    choice = run(through_litellm(upstream, shape, plan, tools=TOOLS, stream=True)).choices[0]
    calls = [(c.function.name, c.function.arguments) for c in choice.message.tool_calls]
    assert calls == [("weather", '{"city": "Zürich 🏔"}'), ("time", '{"zone": "Âland"}')]
    assert choice.finish_reason == "tool_calls"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fault", ["break", "midstream-error", "slow 3"])
def test_faults_act_in_the_answer_and_not_in_the_reasoning(upstream: Upstream, shape: str, fault: str) -> None:
    text = f"[[think one two three]] [[empty]] [[{fault}]] a b c"
    if fault == "slow 3":
        message = run(through_litellm(upstream, shape, text, stream=True)).choices[0].message
        assert message.reasoning_content == "one two three"
    else:
        with pytest.raises(Exception, match=r"."):
            run(through_litellm(upstream, shape, text, stream=True))
    (call,) = upstream.calls()
    assert call["chunks"] == (3 if fault == "slow 3" else 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_litellm_waits_for_a_gemini_stream_whatever_its_timeout(upstream: Upstream, shape: str) -> None:
    async def wait() -> None:
        async with asyncio.timeout(0.6):
            await through_litellm(upstream, shape, "[[hang]]", stream=True, timeout=0.2)

    with pytest.raises(TimeoutError if shape == "gemini" else litellm.Timeout):
        run(wait())


def test_pieces_end_inside_of_characters_and_events(upstream: Upstream) -> None:
    body: Any = {"model": "m", "stream": True, "messages": [{"role": "user", "content": f"[[bytes]] {UNICODE}"}]}
    with (
        httpx.Client(trust_env=False) as http,
        http.stream("POST", f"{upstream.url}/v1/chat/completions", json=body) as response,
    ):
        pieces = list(response.iter_raw())
    assert max(map(len, pieces)) <= 13
    broken = [piece for piece in pieces if _is_broken(piece)]
    assert len(broken) > 10
    assert b"".join(pieces).decode().endswith("data: [DONE]\n\n")
    assert sum(piece.endswith(b"\n\n") for piece in pieces) < len(pieces) / 10


def _is_broken(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_openai_sends_chunks_without_choices_and_without_content(client: openai.OpenAI) -> None:
    chunks = list(ask(client, "[[empty]] [[think x]] a b", stream=True))
    assert sum(not chunk.choices for chunk in chunks) == 1 + 1 + 3
    deltas = [chunk.choices[0].delta.model_dump(exclude_none=True) for chunk in chunks if chunk.choices]
    assert deltas.count({}) == 5 + 1
    assert {"reasoning_content": "x"} in deltas
    assert chunks[0].choices == []


def test_anthropic_sends_pings_and_empty_deltas(upstream: Upstream) -> None:
    sent = events(messages(upstream, "[[empty]] [[think x y]] a b", stream=True))
    kinds = [event["type"] for event in sent]
    assert kinds.count("ping") == 1 + 3 + 3
    deltas = [event["delta"] for event in sent if event["type"] == "content_block_delta"]
    assert [d["type"] for d in deltas[:3]] == ["thinking_delta", "thinking_delta", "signature_delta"]
    assert deltas.count({"type": "text_delta", "text": ""}) == 3


def test_gemini_sends_chunks_without_parts_and_without_candidates(upstream: Upstream) -> None:
    response = gemini(upstream, "[[empty]] [[think x]] a b", "streamGenerateContent")
    assert response.text.endswith("\r\n\r\n")
    sent = events(response)
    assert sum("candidates" not in event for event in sent) == 1 + 1 + 3
    candidates = [event["candidates"][0] for event in sent if "candidates" in event]
    parts = [candidate["content"]["parts"] for candidate in candidates]
    assert parts.count([]) == 5
    assert next(p for p in parts if p) == [{"text": "x", "thought": True}]
    assert candidates[-1]["finishReason"] == "STOP"
    assert sent[-1]["usageMetadata"]["thoughtsTokenCount"] == 1
