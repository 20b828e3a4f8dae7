"""The embedded engine among others: identity, streams that are left, closing, event loops."""

from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import replace
from typing import Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines.router import RouterEngine
from tests.engines.conftest import OPENAI_KEY, MakeEngine, ask, run
from tests.upstream.process import Upstream

ANN = Caller(
    user="ann",
    agent="planner",
    project="apollo",
    org="moon",
    tags=("red", "blue"),
    metadata={"ticket": "42"},
    headers={"traceparent": "00-ab"},
)
NOTES = {"ticket": "42", "agent": "planner", "project": "apollo", "org": "moon"}
EMBEDDING = {"model": "embedding", "input": ["x"]}
CALLBACK_LISTS = (
    *("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"),
    *("_async_input_callback", "_async_success_callback", "_async_failure_callback"),
)


class Recorder(CustomLogger):
    """Keeps what LiteLLM logs of each call that succeeded."""

    def __init__(self) -> None:
        super().__init__()
        self._logged: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._logged.put_nowait(kwargs["standard_logging_object"])

    async def next(self) -> dict[str, Any]:
        """What was logged next."""
        return await asyncio.wait_for(self._logged.get(), 10)

    async def of(self, answer: Any) -> dict[str, Any]:
        """What was logged of an answer's call: LiteLLM may still have to log those of earlier tests."""
        while (logged := await self.next())["litellm_call_id"] != answer.litellm["call_id"]:
            pass
        return logged


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves LiteLLM's global callbacks as they were."""
    for name in CALLBACK_LISTS:
        monkeypatch.setattr(litellm, name, list(getattr(litellm, name)))


@pytest.fixture
def recorder(callbacks: None) -> Recorder:
    made = Recorder()
    litellm.callbacks.append(made)
    return made


def routers_callbacks() -> list[Any]:
    """The callbacks in litellm's globals that belong to a Router."""
    found = [callback for name in CALLBACK_LISTS for callback in getattr(litellm, name)]
    return [each for each in found if isinstance(getattr(each, "__self__", None), litellm.Router)]


@pytest.mark.parametrize(
    ("method", "request_body"),
    [
        *(("chat", ask("x", model)) for model in ("gpt", "claude")),
        *(("chat_stream", ask("x", model)) for model in ("gpt", "claude")),
        ("complete", {"model": "gpt", "prompt": "x"}),
        ("embed", EMBEDDING),
    ],
)
def test_the_caller_arrives_where_litellm_logs_it(
    engine: RouterEngine, recorder: Recorder, method: str, request_body: dict[str, Any]
) -> None:
    async def ask_and_see() -> dict[str, Any]:
        answer = await getattr(engine, method)(request_body, ANN)
        if method.endswith("stream"):
            answer = [chunk async for chunk in answer][-1]
        return await recorder.of(answer)

    logged = run(engine, ask_and_see())
    assert logged["end_user"] == "ann"
    assert {"red", "blue"} <= set(logged["request_tags"])
    assert logged["metadata"]["requester_metadata"] == NOTES
    assert logged["metadata"]["spend_logs_metadata"] == NOTES
    assert OPENAI_KEY not in json.dumps(logged, default=str)


def test_who_is_nobody_is_logged_as_nobody(engine: RouterEngine, recorder: Recorder) -> None:
    async def ask_and_see() -> dict[str, Any]:
        return await recorder.of(await engine.chat(ask("x"), ANONYMOUS))

    logged = run(engine, ask_and_see())
    assert not logged["end_user"]
    assert not logged["metadata"]["requester_metadata"]


@pytest.mark.parametrize(("model", "place"), [("gpt", "user"), ("claude", "metadata")])
def test_the_vendor_learns_the_user_and_the_headers_and_no_more(
    engine: RouterEngine, upstream: Upstream, model: str, place: str
) -> None:
    run(engine, engine.chat(ask("x", model), ANN))
    (call,) = upstream.calls()
    assert call["headers"]["traceparent"] == "00-ab"
    body = json.dumps(call["body"])
    assert "ann" in json.dumps(call["body"][place])
    assert not [word for word in ("planner", "apollo", "moon", "red", "42") if f'"{word}"' in body]


def test_the_users_own_field_goes_before_the_header(engine: RouterEngine, upstream: Upstream) -> None:
    run(engine, engine.chat(ask("x", user="body"), ANN))
    assert upstream.calls()[0]["body"]["user"] == "body"


def test_an_embedding_does_not_fail_for_a_user(engine: RouterEngine, upstream: Upstream) -> None:
    run(engine, engine.embed(EMBEDDING, ANN))
    assert "user" not in upstream.calls()[0]["body"]


def test_what_a_caller_writes_takes_no_effect_in_litellm(engine: RouterEngine, upstream: Upstream) -> None:
    orders = {"api_base": "http://127.0.0.1:9", "api_key": "sk-caller", "mock_response": "x", "model_group": "claude"}
    answer = run(engine, engine.chat(ask("x"), replace(ANN, metadata=orders, tags=("api_base:http://127.0.0.1:9",))))
    assert answer.choices[0].message.content == "echo[gpt-4o-mini]: x"
    (call,) = upstream.calls()
    assert call["headers"]["authorization"] == f"Bearer {OPENAI_KEY}"


def test_callers_and_requests_are_left_as_they_were(engine: RouterEngine) -> None:
    caller, request = replace(ANN, cache={"no-cache": True}, metadata={"a": "b"}), ask("x", stop=["y"])
    run(engine, engine.chat(request, caller))
    assert caller == replace(ANN, cache={"no-cache": True}, metadata={"a": "b"})
    assert request == ask("x", stop=["y"])


def test_32_callers_at_once_are_not_mixed(engine: RouterEngine, upstream: Upstream, recorder: Recorder) -> None:
    async def all_at_once() -> list[dict[str, Any]]:
        callers = [Caller(user=f"user-{n}", tags=(f"tag-{n}",), metadata={"n": str(n)}) for n in range(32)]
        await asyncio.gather(*(engine.chat(ask(f"text-{n}"), caller) for n, caller in enumerate(callers)))
        return [await recorder.next() for _ in callers]

    logged = run(engine, all_at_once())
    assert sorted(call["body"]["messages"][0]["content"].split("-")[1] for call in upstream.calls()) == sorted(
        call["body"]["user"].split("-")[1] for call in upstream.calls()
    )
    for call in upstream.calls():
        assert call["body"]["messages"][0]["content"].split("-")[1] == call["body"]["user"].split("-")[1]
    for entry in logged:
        number = entry["end_user"].removeprefix("user-")
        assert f"tag-{number}" in entry["request_tags"]
        assert not [tag for tag in entry["request_tags"] if tag.startswith("tag-") and tag != f"tag-{number}"]
        assert entry["metadata"]["requester_metadata"] == {"n": number}


@pytest.mark.parametrize("model", ["gpt", "claude"])
@pytest.mark.parametrize("read", [0, 1, 6])
def test_closing_a_stream_cancels_the_call_upstream(
    engine: RouterEngine, upstream: Upstream, model: str, read: int
) -> None:
    async def leave() -> None:
        stream: Any = await engine.chat_stream(ask("[[slow 200]]", model), ANONYMOUS)
        for _ in range(read):
            await anext(stream)
        await stream.aclose()
        await is_left(upstream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    run(engine, leave())


@pytest.mark.parametrize("model", ["gpt", "claude"])
def test_closing_a_stream_on_a_busy_server_cancels_the_call_upstream(
    engine: RouterEngine, upstream: Upstream, model: str
) -> None:
    async def leave() -> None:
        stream = await engine.chat_stream(ask("[[slow 200]]", model), ANONYMOUS)
        await anext(stream)
        # On the event loop: what comes in the meantime is read by nobody, and lies there when the stream is closed.
        upstream.wait_for(lambda call: call["chunks"] >= 50)
        await stream.aclose()
        await is_left(upstream)

    run(engine, leave())


@pytest.mark.parametrize("model", ["gpt", "claude"])
def test_a_reader_that_is_cancelled_cancels_the_call_upstream(
    engine: RouterEngine, upstream: Upstream, model: str
) -> None:
    async def leave() -> None:
        seen = asyncio.Event()

        async def read() -> None:
            async for _ in await engine.chat_stream(ask("[[slow 200]]", model), ANONYMOUS):
                seen.set()

        reader = asyncio.create_task(read())
        await seen.wait()
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled()
        await is_left(upstream)

    run(engine, leave())


async def is_left(upstream: Upstream) -> None:
    """Wait until the upstream has seen its client leave in the middle."""
    (call,) = await asyncio.to_thread(upstream.wait_for, lambda call: call["outcome"] == "disconnected", seconds=5)
    assert call["chunks"] < 150


def test_a_call_that_is_cancelled_is_cancelled_upstream(engine: RouterEngine, upstream: Upstream) -> None:
    async def leave() -> None:
        task = asyncio.create_task(engine.chat(ask("[[hang]]"), ANONYMOUS))
        await asyncio.to_thread(upstream.wait_for, lambda call: True)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.to_thread(upstream.wait_for, lambda call: call["outcome"] == "disconnected", seconds=5)

    run(engine, leave())


async def use(engine: RouterEngine) -> None:
    """One of each kind of call, on both wire formats."""
    for model in ("gpt", "claude"):
        await engine.chat(ask("x", model), ANONYMOUS)
        _ = [chunk async for chunk in await engine.chat_stream(ask("x", model), ANONYMOUS)]
    await engine.embed(EMBEDDING, ANONYMOUS)


@pytest.mark.usefixtures("callbacks")
def test_close_leaves_nothing_open_and_no_callback(engine: RouterEngine, recwarn: pytest.WarningsRecorder) -> None:
    async def use_and_close() -> None:
        await use(engine)
        assert routers_callbacks(), "the Router listens while it is open"
        await engine.close()
        assert routers_callbacks() == []
        await engine.close()

    asyncio.run(use_and_close())
    # What was left open would warn when it is collected, and a warning fails the test.
    gc.collect()
    assert [str(warning.message) for warning in recwarn if issubclass(warning.category, ResourceWarning)] == []


@pytest.mark.usefixtures("callbacks")
def test_closing_what_was_never_opened(engine: RouterEngine) -> None:
    asyncio.run(engine.close())


@pytest.mark.usefixtures("callbacks")
def test_the_engine_works_again_after_close_and_in_another_loop(engine: RouterEngine, upstream: Upstream) -> None:
    async def twice() -> None:
        await use(engine)
        await engine.close()
        await use(engine)

    run(engine, twice())
    run(engine, use(engine))
    assert len(upstream.calls()) == 15
    gc.collect()
    assert routers_callbacks() == []


# The first loop ends without close(): its sockets are what the warning is about, and the engine cannot help it.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usefixtures("callbacks")
def test_a_second_loop_gets_a_router_of_its_own(engine: RouterEngine) -> None:
    asyncio.run(engine.chat(ask("x"), ANONYMOUS))
    first = engine._running
    listening = len(routers_callbacks())

    async def again() -> None:
        answer = await engine.chat(ask("y"), ANONYMOUS)
        assert answer.choices[0].message.content == "echo[gpt-4o-mini]: y"
        assert engine._running is not first
        assert len(routers_callbacks()) == listening, "the first Router's are gone"

    run(engine, again())
    gc.collect()


@pytest.mark.usefixtures("callbacks")
def test_one_engine_closes_without_harm_to_another(make_engine: MakeEngine) -> None:
    one, other = make_engine(""), make_engine("")

    async def both() -> None:
        await use(one)
        await use(other)
        await one.close()
        await use(other)
        await other.close()

    asyncio.run(both())
    gc.collect()
