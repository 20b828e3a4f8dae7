"""The life of a proxy engine: boot, lists that change, a proxy that goes and comes back, loops."""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import replace
from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines.proxy import ProxyEngine, discovery
from llama_stack_provider_litellm.engines.proxy import models as module
from tests.engines.proxy.conftest import CHAT, ask, collected, run, serving, settings, so
from tests.imitation import Imitation
from tests.middle import Middle

HANGS = "[[hang]]"


async def models_of(engine: ProxyEngine) -> list[str]:
    return sorted((await engine.catalog()).entries)


def test_a_boot_without_a_proxy_does_not_wait_and_heals(
    mortal: Imitation, soon: None, caplog: pytest.LogCaptureFixture
) -> None:
    mortal.stop()

    async def boot() -> None:
        began = time.monotonic()
        async with serving(mortal.url) as engine:
            assert time.monotonic() - began < 2
            assert engine.trouble() is not None
            assert await models_of(engine) == []
            with pytest.raises(errors.ModelsUnknown, match="Model 'gpt' cannot be looked up"):
                await engine.chat(ask("hi"), ANONYMOUS)
            mortal.start()
            await so(lambda: engine.trouble() is None)
            await so(lambda: engine._models.known.away is None)
            assert "gpt" in await models_of(engine)
            await engine.chat(ask("hi"), ANONYMOUS)

    run(boot())
    assert caplog.text.count("Requests fail until it is back.") == 1
    assert caplog.text.count("is back, and gets the requests again") == 1


def test_a_boot_does_not_wait_for_a_proxy_that_hangs(imitation: Imitation) -> None:
    imitation.behave("/health/readiness", HANGS)

    async def boot() -> None:
        began = time.monotonic()
        async with serving(imitation.url) as engine:
            assert time.monotonic() - began < 2
            assert engine.trouble() is not None
            assert "TimeoutError" not in engine.trouble()  # type: ignore[operator]
            imitation.clear()
            await so(lambda: engine.trouble() is None)

    run(boot())


def test_lists_that_hang_are_given_up(imitation: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LISTS_AT_BOOT", 0.2)
    imitation.behave("/v1/models", HANGS)

    async def boot() -> None:
        began = time.monotonic()
        async with serving(imitation.url) as engine:
            assert time.monotonic() - began < 2
            assert await models_of(engine) == []

    run(boot())


def test_it_goes_and_comes_back(mortal: Imitation, soon: None, caplog: pytest.LogCaptureFixture) -> None:
    async def live() -> None:
        async with serving(mortal.url) as engine:
            before = await models_of(engine)
            await engine.chat(ask("hi"), ANONYMOUS)
            mortal.stop()
            for _ in range(3):
                with pytest.raises(errors.ProxyGone):
                    await engine.chat(ask("hi"), ANONYMOUS)
            assert await models_of(engine) == before, "the last list stands"
            mortal.start()
            await so(lambda: engine.trouble() is None)
            await engine.chat(ask("hi"), ANONYMOUS)

    run(live())
    assert len([record for record in caplog.records if record.name.endswith("watch")]) == 2


def test_a_key_that_is_refused_at_boot_is_said_once(
    imitation: Imitation, soon: None, caplog: pytest.LogCaptureFixture
) -> None:
    async def boot() -> None:
        async with serving(imitation.url, api_key="sk-unknown-1") as engine:
            for _ in range(3):
                with pytest.raises(errors.KeyRefused, match="Invalid proxy server token"):
                    await engine.chat(ask("hi"), ANONYMOUS)
                assert engine.trouble() is None, "the proxy is there"
                looks = len(imitation.seen()["requests"])
                await so(lambda seen=looks: len(imitation.seen()["requests"]) > seen + 2)  # type: ignore[misc]

    run(boot())
    assert len(caplog.records) == 1


@pytest.mark.parametrize("key", ["sk-good\n", " sk-good "])
def test_a_key_from_a_file_may_end_with_a_line(imitation: Imitation, key: str) -> None:
    async def boot() -> None:
        async with serving(imitation.url, api_key=key) as engine:
            await engine.chat(ask("hi"), ANONYMOUS)

    run(boot())
    assert "sk-good" in imitation.seen()["keys"]


def test_the_lists_follow_the_proxy(imitation: Imitation, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FRESH", 0)
    told = []

    async def live() -> None:
        imitation.behave("/v1/model/info", "[[error 403]]")
        engine = ProxyEngine(settings(imitation.url))
        await engine.start(lambda: told.append(1))
        try:
            assert "own/*" not in await models_of(engine)
            imitation.clear()
            await so(lambda: told)
            assert "own/*" in await models_of(engine)
            asked = len(imitation.seen()["requests"])
            await so(lambda: len(imitation.seen()["requests"]) > asked + 8)
            assert len(told) == 1, "the same again is no news"
        finally:
            await engine.close()

    run(live())


def test_a_model_that_is_left_out_is_named_once(
    imitation: Imitation, soon: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_FRESH", 0)

    async def live() -> None:
        async with serving(imitation.url):
            await so(lambda: len(imitation.seen()["requests"]) > 12)

    run(live())
    assert caplog.text.count("'wild/text-embedding-3-small' is left out") == 1


@pytest.mark.parametrize("fault", ["[[error 500]]", "[[html]]", HANGS])
def test_lists_that_fail_are_said_once_and_the_old_ones_stand(
    imitation: Imitation, soon: None, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_FRESH", 0)
    monkeypatch.setattr(module, "_LISTS", 0.1)

    async def live() -> None:
        async with serving(imitation.url) as engine:
            imitation.behave("/v1/models", fault)
            asked = len(imitation.seen()["requests"])
            await so(lambda: len(imitation.seen()["requests"]) > asked + 8)
            assert "gpt" in await models_of(engine)
            with pytest.raises(errors.ConfigError):
                await engine.reload()
            imitation.clear()
            await engine.reload()

    run(live())
    assert caplog.text.count("cannot be read") == 1


def test_a_vector_size_that_changes_is_refused_and_said_once(
    imitation: Imitation, soon: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_FRESH", 0)
    real = discovery.catalog_of

    def catalog_of(*given: Any) -> Any:
        found = real(*given)
        # The imitation has one size; the second time it is another.
        entry = replace(found.entries["embedding"], dimension=64 if not made else 65)
        made.append(1)
        return replace(found, entries={**found.entries, "embedding": entry})

    made: list[int] = []
    monkeypatch.setattr(discovery, "catalog_of", catalog_of)

    async def live() -> None:
        async with serving(imitation.url) as engine:
            # Other rows than before, so that they are read.
            imitation.behave("/model_group/info", "[[error 403]]")
            asked = len(imitation.seen()["requests"])
            await so(lambda: len(imitation.seen()["requests"]) > asked + 12)
            assert (await engine.catalog()).entries["embedding"].dimension == 64

    run(live())
    assert caplog.text.count("gave vectors of 64 numbers and would give 65") == 1


# Vector sizes that nobody states


def test_a_vector_size_is_measured(imitation: Imitation, soon: None) -> None:
    async def live() -> None:
        async with serving(imitation.url, probe=True) as engine:
            await so(lambda: "wild/text-embedding-3-small" in engine._models.known.entries)
            assert (await engine.catalog()).entries["wild/text-embedding-3-small"].dimension == 64
            asked = len(imitation.seen()["requests"])
            await so(lambda: len(imitation.seen()["requests"]) > asked + 4)

    run(live())
    assert len([request for request in imitation.seen()["requests"] if request["path"] == "/v1/embeddings"]) == 1


@pytest.mark.parametrize(
    ("fault", "words"), [("[[error 401]]", "The vendor said 401"), ("[[html]]", "text/html"), (HANGS, "0.1 s")]
)
def test_a_vector_size_that_cannot_be_measured_stops_nothing(
    imitation: Imitation,
    soon: None,
    fault: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "_LISTS", 0.1)
    imitation.behave("/v1/embeddings", fault)

    async def live() -> None:
        async with serving(imitation.url, probe=True) as engine:
            await so(lambda: words in caplog.text)
            asked = len(imitation.seen()["requests"])
            await so(lambda: len(imitation.seen()["requests"]) > asked + 4)
            assert engine.trouble() is None
            await engine.chat(ask("hi"), ANONYMOUS)
            probes = [request for request in imitation.seen()["requests"] if request["path"] == "/v1/embeddings"]
            assert len(probes) == 1, "each costs money"
            imitation.clear()
            await engine.reload()
            await so(lambda: not engine._models.known.unmeasured)

    run(live())


# Load


def test_a_full_pool_is_no_proxy_that_is_gone(imitation: Imitation, soon: None) -> None:
    async def live() -> None:
        async with serving(imitation.url, pool_size=1, connect_timeout=0.2) as engine:
            long = asyncio.create_task(engine.chat(ask("[[slow 12]]"), ANONYMOUS))
            await so(lambda: [r for r in imitation.seen()["requests"] if r["path"] == CHAT])
            while not long.done():
                await asyncio.sleep(0.02)
                assert engine.trouble() is None
            await long

    run(live())


def test_a_proxy_that_others_hear_from_is_only_busy(imitation: Imitation, soon: None) -> None:
    """LiteLLM Proxy answers its health check late when it has hundreds of requests."""

    async def live() -> None:
        async with serving(imitation.url, connect_timeout=0.2) as engine:
            imitation.behave("/health/readiness", HANGS)
            async for _ in await engine.chat_stream(ask("[[slow 14]]"), ANONYMOUS):
                assert engine.trouble() is None
            await so(lambda: engine.trouble() is not None)

    run(live())


# Loops


def test_two_loops_one_after_the_other(imitation: Imitation, soon: None) -> None:
    """The host asks for the models in a loop that it throws away, and serves in another."""
    engine = ProxyEngine(settings(imitation.url))

    async def serve() -> None:
        await engine.start(lambda: None)
        for _ in range(2):
            await engine.chat(ask("hi"), ANONYMOUS)
            await collected(await engine.chat_stream(ask("hi"), ANONYMOUS))
        looks = len(imitation.seen()["requests"])
        await so(lambda: len(imitation.seen()["requests"]) > looks + 3)
        assert engine._watching is not None and not engine._watching.done()
        await engine.close()
        await engine.close()

    run(engine.catalog())
    run(serve())
    run(serve())
    # What was not closed says so when it is collected, and warnings are errors here.
    gc.collect()
    assert imitation.seen()["connections"]["open"] == 0


def test_nothing_is_asked_before_it_is_needed(imitation: Imitation) -> None:
    async def idle() -> None:
        engine = ProxyEngine(settings(imitation.url))
        assert engine.sources() == ()
        await engine.close()

    run(idle())
    assert imitation.seen()["requests"] == []


def test_a_line_that_is_cut_amid_everything(imitation: Imitation, soon: None) -> None:
    async def live() -> None:
        async with serving(f"http://127.0.0.1:{line.port}") as engine:
            stream = await engine.chat_stream(ask("[[slow 400]]"), ANONYMOUS)
            await anext(stream)
            waiting = asyncio.create_task(engine.chat(ask("[[hang]]"), ANONYMOUS))
            await so(lambda: imitation.wait_for(lambda request: request["path"] == CHAT, 2))
            await asyncio.to_thread(line.cut)
            with pytest.raises(errors.ProxyFailed):
                await collected(stream)
            with pytest.raises(errors.ProxyGone):
                await waiting
            await asyncio.to_thread(line.mend)
            await so(lambda: engine.trouble() is None)
            await engine.chat(ask("hi"), ANONYMOUS)

    with Middle(imitation.port) as line:
        run(live())
