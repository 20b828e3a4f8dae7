"""LiteLLM's response cache in a running stack: every type that can be run here, and a cache server that fails."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import modes
from tests.differences import DIFFERENCES
from tests.line import HEADER, HOST
from tests.services import BUCKET, Middle, qdrant_server, redis_server, s3_server
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

pytestmark = [pytest.mark.long, pytest.mark.any_host]

Params = dict[str, Any]
CACHES = (
    "local",
    pytest.param("disk", marks=pytest.mark.embedded_only("`litellm[proxy]` brings no diskcache")),
    "redis",
    "s3",
)


def config(upstream: Upstream, cache: Params | None) -> str:
    openai = {"api_key": "sk-cached", "api_base": f"{upstream.url}/v1"}
    prices = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    gpt = "openai/gpt-4o-mini"
    models = {"gpt": gpt, "other": gpt, "texts": "openai/echo-1"}
    document: dict[str, Any] = {
        "model_list": [
            *(
                {"model_name": name, "litellm_params": {"model": model, **openai, **prices}}
                for name, model in models.items()
            ),
            {
                "model_name": "embedding",
                "litellm_params": {"model": "openai/embed-1", **openai, **prices},
                "model_info": {"mode": "embedding", "output_vector_size": 64},
            },
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    if cache is not None:
        document["litellm_settings"] = {"cache": True, "cache_params": cache}
    return json.dumps(document)


def params(kind: str, folder: Path, servers: ExitStack) -> Params:
    if kind == "disk":
        return {"type": "disk", "disk_cache_dir": str(folder / "cache")}
    if kind == "redis":
        return {"type": "redis", "host": "127.0.0.1", "port": servers.enter_context(redis_server(folder)), "ttl": 600}
    if kind == "s3":
        keys = {"s3_aws_access_key_id": "a", "s3_aws_secret_access_key": "b", "s3_region_name": "us-east-1"}
        url = servers.enter_context(s3_server())
        return {"type": "s3", "s3_bucket_name": BUCKET, "s3_endpoint_url": url, "s3_path": "litellm", **keys}
    return {"type": "local"}


@pytest.fixture(scope="module", params=CACHES)
def cached(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A stack with a cache, once with each type."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as servers:
        cache = params(request.param, folder, servers)
        with running_stack(folder, config(upstream, cache)) as stack:
            yield stack


class Answer:
    """What an answer says, and the ``litellm`` object on it."""

    def __init__(self, said: Any, served: dict[str, Any], usage: dict[str, Any]) -> None:
        self.said, self.served, self.usage = said, served, usage


def ask(stack: Stack, path: str, body: dict[str, Any], cache: dict[str, Any] | None = None, **data: Any) -> Answer:
    provider_data = {**data, **({"litellm_cache": cache} if cache is not None else {})}
    headers = {HEADER: json.dumps(provider_data)} if provider_data else {}
    answer = httpx.post(f"{stack.openai_url}/{path}", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    rows = (
        [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        if body.get("stream")
        else [answer.json()]
    )
    last = rows[-1]
    if path == "embeddings":
        said: Any = [row["embedding"] for row in last["data"]]
    else:
        said = "".join(_text(choice) for row in rows for choice in row["choices"])
    return Answer(said, last.get("litellm") or {}, last["usage"])


def _text(choice: dict[str, Any]) -> str:
    content = (choice.get("message") or choice.get("delta") or {}).get("content")
    return content or choice.get("text") or ""


def chat(word: str, model: str = "gpt", **more: Any) -> dict[str, Any]:
    return {"model": f"litellm/{model}", "messages": [{"role": "user", "content": word}], **more}


def text(word: str, model: str = "texts", **more: Any) -> dict[str, Any]:
    return {"model": f"litellm/{model}", "prompt": word, **more}


def calls(upstream: Upstream, word: str) -> int:
    return sum(word in json.dumps(call["body"]) for call in upstream.calls())


def tries(stack: Stack, *, kept: bool = False) -> Iterator[int]:
    """Numbers of tries to be answered from the cache; fails when there were 15 s of them.

    An answer is kept beside the request. Of one that is ``kept`` there is one try, and more only where the log tells
    why: no request waits for a lookup that takes long, as any may on a busy machine.
    """
    deadline = time.monotonic() + 15
    for number in count():
        yield number
        if kept:
            assert _wait_for_words(stack, "The cache ("), "kept, and not found"
        assert time.monotonic() < deadline, f"never answered from the cache:\n{stack.log[-3000:]}"
        time.sleep(0.05)


def until_hit(stack: Stack, path: str, body: dict[str, Any], *, kept: bool = False, **data: Any) -> Answer:
    """Ask until the answer comes from the cache."""
    for _ in tries(stack, kept=kept):
        answer = ask(stack, path, body, **data)
        if answer.served.get("cache_hit"):
            break
    return answer


def until_no_call(
    stack: Stack, upstream: Upstream, word: str, path: str, body: dict[str, Any], *, kept: bool = False
) -> Answer:
    """Ask until the answer comes without a call that holds ``word``."""
    for _ in tries(stack, kept=kept):
        before = calls(upstream, word)
        answer = ask(stack, path, body)
        if calls(upstream, word) == before:
            break
    return answer


REQUESTS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "chat": ("chat/completions", chat),
    "chat stream": ("chat/completions", lambda word: chat(word, stream=True)),
    "text": ("completions", text),
    "text stream": ("completions", lambda word: text(word, stream=True)),
    "text of a chat model": ("completions", lambda word: text(word, "gpt")),
    "text stream of a chat model": ("completions", lambda word: text(word, "gpt", stream=True)),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_repeated_call_is_answered_without_the_upstream(
    cached: Stack, upstream: Upstream, word: str, kind: str
) -> None:
    path, request = REQUESTS[kind]
    first = ask(cached, path, request(word))
    assert word in first.said and not first.served["cache_hit"] and first.served["cost_usd"] > 0

    repeated = until_hit(cached, path, request(word))
    again = until_no_call(cached, upstream, word, path, request(word), kept=True)

    assert again.said == repeated.said == first.said
    assert again.served["cache_hit"] is True and again.served["cost_usd"] == 0.0
    assert again.usage["total_tokens"] == first.usage["total_tokens"]


def test_embeddings_are_kept_text_by_text(
    cached: Stack, upstream: Upstream, word: str, request: pytest.FixtureRequest
) -> None:
    if modes.current != "embedded" and request.node.callspec.params["cached"] == "s3":
        pytest.skip("embedded only: LiteLLM itself writes a request's embeddings to S3 as one, and never finds them")

    def embedding(*texts: str) -> dict[str, Any]:
        return {"model": "litellm/embedding", "input": list(texts)}

    first = ask(cached, "embeddings", embedding(f"{word} a", f"{word} b"))
    again = until_no_call(cached, upstream, word, "embeddings", embedding(f"{word} b", f"{word} a"))
    for number in tries(cached, kept=True):
        before, new = calls(upstream, word), f"{word} {number} c"
        mixed = ask(cached, "embeddings", embedding(new, f"{word} a"))
        sent = [call["body"]["input"] for call in upstream.calls() if new in json.dumps(call["body"])]
        # Only what was new went out, and it was paid for.
        if sent == [[new]] and calls(upstream, word) == before + 1:
            break

    assert again.said == first.said[::-1]
    # Of embeddings a LiteLLM Proxy does not say that they are from its cache.
    if HOST in DIFFERENCES["about embeddings"].hosts:
        assert again.served["cache_hit"] is (modes.current == "embedded")
        assert mixed.served["cache_hit"] is False
    assert mixed.said[1] == first.said[0] and mixed.said[0] not in first.said


def test_a_caller_steers_the_cache(cached: Stack, upstream: Upstream, word: str) -> None:
    def said(suffix: str, cache: dict[str, Any] | None = None) -> Answer:
        return ask(cached, "chat/completions", chat(f"{word} {suffix}"), cache)

    said("kept")
    said("not kept", {"no-store": True})
    said("kept for no time", {"ttl": 0})
    # What was written before is there when a later write is.
    until_hit(cached, "chat/completions", chat(f"{word} kept"))

    until_hit(cached, "chat/completions", chat(f"{word} kept"), kept=True)
    assert not said("kept", {"no-cache": True}).served["cache_hit"]
    assert not said("kept", {"s-maxage": 0}).served["cache_hit"]
    until_hit(cached, "chat/completions", chat(f"{word} kept"), kept=True, cache={"s-maxage": 3600})
    assert not said("not kept").served["cache_hit"]
    assert not said("kept for no time").served["cache_hit"]


def test_a_stack_that_starts_again_finds_what_was_kept(cached: Stack, word: str) -> None:
    until_hit(cached, "chat/completions", chat(word))
    cached.restart()
    # In the stack's own memory there is nothing left; in the proxy's there is.
    if not cached.proxy and '"type": "local"' in (cached.folder / "config.yaml").read_text():
        assert not ask(cached, "chat/completions", chat(word)).served["cache_hit"]
    else:
        # The cache is asked as soon as it is connected.
        until_hit(cached, "chat/completions", chat(word))


def test_what_is_asked_otherwise_is_answered_anew(cached: Stack, word: str) -> None:
    until_hit(cached, "chat/completions", chat(word), litellm_user="ann")

    assert not ask(cached, "chat/completions", chat(word), litellm_user="bob").served["cache_hit"]
    assert not ask(cached, "chat/completions", chat(word, "other"), litellm_user="ann").served["cache_hit"]
    assert not ask(cached, "chat/completions", chat(word, temperature=0.5), litellm_user="ann").served["cache_hit"]


def test_a_semantic_cache_answers_what_means_the_same(upstream: Upstream, tmp_path: Path, word: str) -> None:
    with qdrant_server() as url:
        cache = {
            "type": "qdrant-semantic",
            "qdrant_api_base": url,
            "qdrant_collection_name": "answers",
            "qdrant_semantic_cache_embedding_model": "embedding",
            "qdrant_semantic_cache_vector_size": 64,
            "similarity_threshold": 0.85,
        }
        with running_stack(tmp_path, config(upstream, cache)) as stack:
            first = ask(stack, "chat/completions", chat(f"the colour of the sky over {word} today"))
            until_hit(stack, "chat/completions", chat(f"the colour of the sky over {word} today"))
            question = chat(f"today the colour of the sky over {word}")
            alike = until_hit(stack, "chat/completions", question, kept=True, cache={"no-store": True})
            unlike = ask(stack, "chat/completions", chat(f"who wrote {word}"))
            # It has no place for texts, and does not stand in their way.
            assert word in ask(stack, "completions", text(word)).said
            log = stack.log

    assert alike.said == first.said
    assert not unlike.served["cache_hit"]
    assert "does not work" not in log


@pytest.mark.embedded_only("the proxy's cache is the proxy's to keep alive")
@pytest.mark.parametrize("fault", ["cut", "hang"])
def test_a_redis_that_is_down_at_boot_delays_nothing(upstream: Upstream, tmp_path: Path, word: str, fault: str) -> None:
    with redis_server(tmp_path) as port, Middle(port) as line:
        getattr(line, fault)()
        began = time.monotonic()
        cache = {"type": "redis", "host": "127.0.0.1", "port": line.port}
        with running_stack(tmp_path, config(upstream, cache)) as stack:
            booted = time.monotonic() - began
            ask(stack, "chat/completions", chat("warm up"))
            took = [_timed(stack, f"{word} {number}") for number in range(20)]
            gone = _wait_for_words(stack, "does not work")
            line.mend()
            until_hit(stack, "chat/completions", chat(word))
            back = _wait_for_words(stack, "answers again")
            usual = [_timed(stack, f"{word} usual {number}") for number in range(20)]
            log = _unwrapped(stack.log)
    print(f"\nredis down at boot ({fault}): booted in {booted:.1f} s, slowest of 20 chats {max(took) * 1000:.0f} ms")
    assert gone == back == 1
    # On a busy machine a lookup can be late as well, which is told once.
    assert log.count("The cache (redis at") == 2 + ("took longer than usual" in log), log
    # On a slow machine a chat takes as long with a Redis as without.
    assert statistics.median(took) - statistics.median(usual) < 0.15


@pytest.mark.embedded_only("the proxy's cache is the proxy's to keep alive")
@pytest.mark.parametrize("fault", ["cut", "hang"])
def test_a_redis_that_dies_loses_no_answer(upstream: Upstream, tmp_path: Path, word: str, fault: str) -> None:
    deaths, delays = 3, []
    with redis_server(tmp_path) as port, Middle(port) as line:
        cache = {"type": "redis", "host": "127.0.0.1", "port": line.port}
        with running_stack(tmp_path, config(upstream, cache)) as stack:
            until_hit(stack, "chat/completions", chat(word))
            usual = statistics.median(_timed(stack, f"{word} usual {number}") for number in range(20))
            for death in range(1, deaths + 1):
                getattr(line, fault)()
                took = [_timed(stack, f"{word} {death} {number}") for number in range(20)]
                delays.append(max(took) - usual)
                gone = _wait_for_words(stack, "does not work", death)
                line.mend()
                until_hit(stack, "chat/completions", chat(word))
                back = _wait_for_words(stack, "answers again", death)
                assert gone == back == death
            log = stack.log
    told = ", ".join(f"{delay * 1000:.0f}" for delay in delays)
    print(f"\nredis dies ({fault}): usual chat {usual * 1000:.0f} ms, the slowest of 20 is later by {told} ms")
    assert "Traceback" not in log[log.index("Uvicorn running") :]
    # 50 ms by design. What others do on this machine delays an answer too, but not at each death; ours would.
    assert min(delays) < 0.25


def _timed(stack: Stack, word: str) -> float:
    """Seconds that a chat took; the answer has to be the upstream's."""
    began = time.monotonic()
    assert word in ask(stack, "chat/completions", chat(word)).said
    return time.monotonic() - began


def _wait_for_words(stack: Stack, words: str, times: int = 1) -> int:
    """How often the log says so, once it does as often as this."""
    deadline = time.monotonic() + 20
    while _unwrapped(stack.log).count(words) < times and time.monotonic() < deadline:
        time.sleep(0.05)
    return _unwrapped(stack.log).count(words)


def _unwrapped(log: str) -> str:
    """The host breaks its log's lines at 150 letters."""
    return " ".join(log.split())
