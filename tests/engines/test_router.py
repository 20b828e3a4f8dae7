"""The embedded engine: a real Router, a real upstream."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import struct
import subprocess
import sys
from typing import Any

import pytest

from llama_stack_provider_litellm import errors, settings
from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines import Ranking, Reranked
from llama_stack_provider_litellm.engines.router import RouterEngine
from tests.engines.conftest import OPENAI_KEY, MakeEngine, ask, run
from tests.upstream import lexical
from tests.upstream.process import Upstream

CHAT_MODELS = ("gpt", "claude")
FULL_NAME = {"gpt": "gpt-4o-mini", "claude": "claude-sonnet-4-5"}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


async def collect(engine: RouterEngine, request: dict[str, Any], method: str = "chat_stream") -> list[Any]:
    return [chunk async for chunk in await getattr(engine, method)(request, ANONYMOUS)]


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_chat(engine: RouterEngine, upstream: Upstream, model: str) -> None:
    answer = run(engine, engine.chat(ask("one two", model, max_tokens=20), ANONYMOUS))
    (choice,) = answer.choices
    assert choice.message.content == f"echo[{FULL_NAME[model]}]: one two"
    assert choice.finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (2, 3, 5)
    (call,) = upstream.calls()
    assert call["body"]["max_tokens"] == 20


def test_every_answer_is_a_fresh_object(engine: RouterEngine) -> None:
    async def twice() -> None:
        first, second = [await engine.chat(ask("same"), ANONYMOUS) for _ in range(2)]
        assert first is not second
        assert first.choices[0].message is not second.choices[0].message

    run(engine, twice())


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_chat_stream_has_the_usage_on_the_last_chunk_with_a_choice(engine: RouterEngine, model: str) -> None:
    chunks = run(engine, collect(engine, ask("one two", model)))
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == f"echo[{FULL_NAME[model]}]: one two"
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (2, 3)


def test_chat_stream_has_a_usage_chunk_of_its_own_when_asked(engine: RouterEngine) -> None:
    chunks = run(engine, collect(engine, ask("one two", stream_options={"include_usage": True})))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 5
    assert all(chunk.choices and chunk.usage is None for chunk in chunks[:-1])


def test_the_upstream_is_always_asked_for_usage(engine: RouterEngine, upstream: Upstream) -> None:
    request = ask("x", stream_options={"include_usage": False})
    run(engine, collect(engine, request))
    (call,) = upstream.calls()
    assert call["body"]["stream_options"] == {"include_usage": True}
    assert request == ask("x", stream_options={"include_usage": False}), "the caller's request is left as it was"


def test_complete(engine: RouterEngine, upstream: Upstream) -> None:
    answer = run(engine, engine.complete({"model": "gpt", "prompt": "one two"}, ANONYMOUS))
    assert answer.choices[0].text == "text[gpt-4o-mini]: one two" or upstream.calls()[0]["path"] != "/v1/completions"
    assert answer.object == "text_completion"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 5


def test_complete_stream(engine: RouterEngine) -> None:
    chunks = run(engine, collect(engine, {"model": "gpt", "prompt": "one two"}, "complete_stream"))
    assert "".join(chunk.choices[0].text for chunk in chunks).endswith("one two")
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens == 5


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_embed(engine: RouterEngine, upstream: Upstream, form: str | None) -> None:
    texts = ["a red crane", "winter soup"]
    request = {"model": "embedding", "input": texts, **({"encoding_format": form} if form else {})}
    answer = run(engine, engine.embed(request, ANONYMOUS))
    assert [row.index for row in answer.data] == [0, 1]
    vectors: list[Any] = [row.embedding for row in answer.data]
    if form == "base64":
        assert all(isinstance(vector, str) for vector in vectors)
        vectors = [list(struct.unpack("<64f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [pytest.approx(lexical.embed(text, 64), abs=1e-6) for text in texts]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (5, 5)
    (call,) = upstream.calls()
    assert call["body"].get("encoding_format") == form


def test_embed_with_dimensions(engine: RouterEngine) -> None:
    answer = run(engine, engine.embed({"model": "small", "input": ["x"], "dimensions": 8}, ANONYMOUS))
    assert len(answer.data[0].embedding) == 8


def test_rerank(engine: RouterEngine) -> None:
    documents = ["a green hill", "the harbour crane", "a crane"]
    request = {"model": "reranker", "query": "harbour crane", "documents": documents}

    async def both() -> tuple[Ranking, Ranking]:
        return await engine.rerank(request, ANONYMOUS), await engine.rerank({**request, "top_n": 1}, ANONYMOUS)

    whole, first = run(engine, both())
    assert whole.documents == [Reranked(1, 1.0), Reranked(2, 0.5), Reranked(0, 0.0)]
    assert first.documents == whole.documents[:1]
    assert (whole.tokens, whole.litellm["served_by"]) == (10, "embedded")
    assert (whole.litellm.deployment, whole.litellm.vendor) == ("hosted_vllm/rerank-1", "hosted_vllm")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", CHAT_MODELS)
def test_tools(engine: RouterEngine, model: str, stream: bool) -> None:
    request = ask('[[call weather {"city": "Rome"}]]', model, tools=[TOOL], tool_choice="auto")
    if stream:
        chunks = run(engine, collect(engine, request))
        pieces = [piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or ()]
        assert [piece.function.name for piece in pieces if piece.function.name] == ["weather"]
        arguments = "".join(piece.function.arguments or "" for piece in pieces)
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
    else:
        answer = run(engine, engine.chat(request, ANONYMOUS))
        made: Any = answer.choices[0].message.tool_calls
        assert [call.function.name for call in made] == ["weather"]
        arguments = made[0].function.arguments
    assert json.loads(arguments) == {"city": "Rome"}


def test_litellm_cannot_do_tools_without_the_private_keyword(upstream: Upstream) -> None:
    """Fails when LiteLLM works with mcp < 2, or no longer takes the keyword: see `mcp_gateway`."""
    code = f"""
import asyncio, litellm
call = {{"model": "openai/m", "api_base": "{upstream.url}/v1", "api_key": "k", "max_retries": 0, "num_retries": 0}}
call["messages"] = [{{"role": "user", "content": "hi"}}]
async def both():
    await litellm.acompletion(tools=[{TOOL!r}], _skip_mcp_handler=True, **call)
    print("with")
    await litellm.acompletion(tools=[{TOOL!r}], **call)
    print("without")
asyncio.run(both())
"""
    # A process of its own: once in this one, our work-around is there for all.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert "with" in said
    assert "without" not in said
    assert "CacheableResult" in done.stderr
    assert len(upstream.calls()) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_ours_without_litellms_frames(engine: RouterEngine, stream: bool) -> None:
    request = ask("[[error 429 retry-after=7]] velvet")
    with pytest.raises(errors.RateLimited, match=r"^Model gpt \(openai/gpt-4o-mini\): .*velvet") as caught:
        run(engine, collect(engine, request) if stream else engine.chat(request, ANONYMOUS))
    assert caught.value.retry_after == 7.0
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("fault", ["break", "midstream-error"])
@pytest.mark.parametrize("model", CHAT_MODELS)
def test_a_stream_that_breaks_is_ours_too(engine: RouterEngine, model: str, fault: str) -> None:
    async def read() -> list[Any]:
        seen = []
        with pytest.raises(errors.RequestError) as caught:  # noqa: PT012
            async for chunk in await engine.chat_stream(ask(f"[[{fault}]]", model), ANONYMOUS):
                seen.append(chunk)
        assert caught.value.status_code in {502, 503}
        assert caught.value.message.startswith(f"Model {model} (")
        return seen

    assert run(engine, read()), "what came before the break was given"


def test_a_refused_connection(engine: RouterEngine) -> None:
    with pytest.raises(errors.BadGateway, match="api_base"):
        run(engine, engine.chat(ask("x", "refused"), ANONYMOUS))


def test_a_key_that_the_vendor_repeats_is_not_shown(engine: RouterEngine) -> None:
    with pytest.raises(errors.UpstreamAuthentication) as caught:
        run(engine, engine.chat(ask(f"[[error 401]] {OPENAI_KEY}"), ANONYMOUS))
    assert "[redacted]" in caught.value.message
    assert "planted" not in str(caught.value)


def test_a_virtual_key_needs_a_proxy(engine: RouterEngine, upstream: Upstream) -> None:
    embedded = {"model": "embedding", "input": ["x"]}
    for method, request in (("chat", ask("x")), ("embed", embedded), ("count_tokens", ask("x"))):
        with pytest.raises(errors.InvalidRequest, match="litellm_api_key is a virtual key") as caught:
            run(engine, getattr(engine, method)(request, Caller(api_key="sk-virtual")))
        assert "sk-virtual" not in caught.value.message
    assert upstream.calls() == []


def test_tokens_that_cannot_be_counted(engine: RouterEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.ModelNotFound):
        run(engine, engine.count_tokens(ask("x", "nobody"), ANONYMOUS))

    def fails(**_: Any) -> int:
        raise ZeroDivisionError("the tokenizer")

    monkeypatch.setattr("litellm.token_counter", fails)
    with pytest.raises(errors.RequestError, match=r"gpt.*the tokenizer"):
        run(engine, engine.count_tokens(ask("x"), ANONYMOUS))


def test_catalog(engine: RouterEngine) -> None:
    models = run(engine, engine.catalog())
    assert list(models.entries) == ["gpt", "claude", "embedding", "small", "reranker", "refused"]
    assert models.entries["embedding"].dimension == 64


def test_concurrent_first_calls_load_litellms_settings_once(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine("litellm_settings: {no_such_setting: 1}")

    async def at_once() -> list[Any]:
        return await asyncio.gather(*(engine.catalog() for _ in range(8)))

    models = run(engine, at_once())
    assert all(found is models[0] for found in models)
    warnings = [record for record in caplog.records if "not honoured" in record.getMessage()]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("- {model_name: odd, litellm_params: {model: nosuchvendor/x}}", "nosuchvendor/x"),
        ("router_settings: {routing_groups: [{group_name: ''}]}", "Router refuses the config"),
    ],
)
def test_what_the_router_refuses_fails_at_load(make_engine: MakeEngine, more: str, words: str) -> None:
    engine = make_engine(more)
    with pytest.raises(errors.ConfigError, match=words):
        run(engine, engine.catalog())


def test_one_router_per_loop(make_engine: MakeEngine) -> None:
    engine = make_engine("router_settings: {num_retries: 0, allowed_fails: 3, made_up: 1}")

    async def twice() -> tuple[object, object]:
        await engine.start(lambda: None)
        first = engine._running
        await engine.chat(ask("x"), ANONYMOUS)
        assert first is not None
        assert first.router.allowed_fails == 3
        return first, engine._running

    first, second = run(engine, twice())
    assert first is second
    assert engine._running is None


def test_litellm_missing() -> None:
    code = f"""
import asyncio, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "litellm":
            raise ModuleNotFoundError("No module named 'litellm'", name=name)
sys.meta_path.insert(0, Blocker())
from llama_stack_provider_litellm import errors, settings
from llama_stack_provider_litellm.engines.router import RouterEngine
engine = RouterEngine(settings.load({str(settings.demo_config_path())!r}))
try:
    asyncio.run(engine.catalog())
except errors.ConfigError as exc:
    print(exc)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'llama-stack-provider-litellm[embedded]'" in done.stdout, done.stderr


def test_a_broken_litellm_is_not_called_missing() -> None:
    code = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "tiktoken":
            raise ModuleNotFoundError("No module named 'tiktoken'", name=name)
sys.meta_path.insert(0, Blocker())
from llama_stack_provider_litellm.engines.library import import_litellm
import_litellm()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError: No module named 'tiktoken'" in done.stderr
    assert "embedded" not in done.stderr


def test_the_price_list_is_not_fetched(engine: RouterEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITELLM_LOCAL_MODEL_COST_MAP", raising=False)
    run(engine, engine.catalog())
    import os

    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "False")
    run(engine, engine.catalog())
    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "False", "who sets it is heard"


def test_litellm_does_not_log_every_line_twice(engine: RouterEngine) -> None:
    # pytest's own handler is on the root logger, as the host's is.
    logging.getLogger("LiteLLM").addHandler(logging.StreamHandler())
    fresh = RouterEngine(engine._settings)
    run(fresh, fresh.catalog())
    assert logging.getLogger("LiteLLM").handlers == []
