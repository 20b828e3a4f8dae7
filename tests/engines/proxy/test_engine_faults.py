"""Every way in which a proxy refuses or breaks, in every call: the right class, status and words."""

from __future__ import annotations

from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.caller import ANONYMOUS, Caller
from llama_stack_provider_litellm.engines.proxy import ProxyEngine
from tests.engines.proxy.conftest import ask, run, serving, so
from tests.imitation import Imitation

METHODS = ("chat", "chat_stream", "complete", "complete_stream", "embed", "rerank")
STREAMS = ("chat_stream", "complete_stream")


def request_of(method: str, text: str) -> dict[str, Any]:
    if method.startswith("chat"):
        return ask(text)
    if method.startswith("complete"):
        return {"model": "gpt", "prompt": text}
    if method == "embed":
        return {"model": "embedding", "input": [text]}
    return {"model": "reranker", "query": text, "documents": ["a"]}


async def received(engine: ProxyEngine, method: str, request: dict[str, Any], caller: Caller, came: list[Any]) -> None:
    """Puts all the chunks of an answer into `came`."""
    answer = await getattr(engine, method)(request, caller)
    if method in STREAMS:
        async for chunk in answer:
            came.append(chunk)


def failure(
    url: str, method: str, text: str, caller: Caller = ANONYMOUS, **options: Any
) -> tuple[errors.RequestError, str | None, list[Any]]:
    """What a call fails with, what the engine then says of the proxy, and the chunks that came before."""
    came: list[Any] = []

    async def failing() -> tuple[errors.RequestError, str | None, list[Any]]:
        async with serving(url, **options) as engine:
            request = request_of(method, text)
            with pytest.raises(errors.RequestError) as caught:
                await received(engine, method, request, caller, came)
            trouble = engine.trouble()
            assert caught.value.model == request["model"]
            assert caught.value.message.startswith(f"Model {request['model']}")
            assert str(caught.value) == caught.value.message
            # It spoils nothing.
            await engine.chat(ask("hi"), ANONYMOUS)
            return caught.value, trouble, came

    return run(failing())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, errors.InvalidRequest), (401, errors.UpstreamAuthentication), (403, errors.PermissionRefused)),
        *((404, errors.ModelNotFound), (408, errors.UpstreamTimeout), (409, errors.Conflict)),
        *((422, errors.Unprocessable), (429, errors.RateLimited), (500, errors.BadGateway)),
        *((502, errors.BadGateway), (503, errors.Unavailable), (504, errors.UpstreamTimeout)),
    ],
)
def test_what_the_upstream_says(
    imitation: Imitation, method: str, status: int, kind: type[errors.RequestError]
) -> None:
    error, trouble, _ = failure(imitation.url, method, f"[[error {status} retry-after=7]]")
    assert type(error) is kind
    assert f"The vendor said {status}." in error.message
    assert error.message.endswith(error.mend)
    assert (error.retry_after, error.deployment is None) == (7.0, False)
    assert trouble is None, "the proxy itself is there"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("key", "kind", "words", "wait"),
    [
        ("sk-unknown-1", errors.KeyRefused, "Invalid proxy server token", None),
        ("sk-budget-1", errors.BudgetExceeded, "Budget has been exceeded!", None),
        ("sk-limited-1", errors.KeyLimited, "Rate limit exceeded", 60.0),
    ],
)
def test_what_the_proxy_says_of_a_key(
    imitation: Imitation, method: str, key: str, kind: type[errors.RequestError], words: str, wait: float | None
) -> None:
    error, trouble, _ = failure(imitation.url, method, "hi", Caller(api_key=key))
    assert (type(error), error.retry_after, error.deployment, trouble) == (kind, wait, None, None)
    assert words in error.message
    assert key not in error.message


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        *((f"[[gone {status}]]", f"answered {status} with a web page.") for status in (502, 503, 504)),
        *(("[[cut 0]]", "does not answer: "), ("[[cut 40]]", "does not answer: "), ("[[cut body 0]]", "The LiteLLM")),
    ],
)
def test_gone_before_anything_has_come(imitation: Imitation, method: str, fault: str, words: str) -> None:
    error, trouble, _ = failure(imitation.url, method, fault)
    assert type(error) is errors.ProxyGone
    assert words in error.message
    assert trouble is not None and "Model " not in trouble, "the next request need not try"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("[[crash]]", "answered 500 with 'Internal Server Error'."),
        ("[[html]]", "answered 200 with text/html, as no LiteLLM Proxy does."),
        ("[[headers 3000]]", "no HTTP"),
        ("[[header 1]]", "no HTTP"),
        ("[[cut body 20]]", "The LiteLLM Proxy"),
        ("[[short]]", "The LiteLLM Proxy"),
    ],
)
def test_what_is_no_answer(imitation: Imitation, method: str, fault: str, words: str) -> None:
    error, trouble, _ = failure(imitation.url, method, fault)
    assert type(error) is errors.ProxyFailed
    assert words in error.message
    assert trouble is None


@pytest.mark.parametrize("method", METHODS)
def test_silence(imitation: Imitation, method: str) -> None:
    error, trouble, _ = failure(imitation.url, method, "[[hang]]", timeout=0.2)
    assert type(error) is errors.UpstreamTimeout
    assert trouble is None, "it may be busy with just this"


@pytest.mark.parametrize("method", STREAMS)
@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("[[stream-error 429]]", errors.RateLimited, "The stream broke."),
        ("[[stream-error 400]]", errors.InvalidRequest, "The stream broke."),
        ("[[stream-error 503]]", errors.Unavailable, "The stream broke."),
        ("[[stream-error]]", errors.BadGateway, "The stream broke."),
        ("[[no-done]]", errors.ProxyFailed, "before it was complete"),
        ("[[short]]", errors.ProxyFailed, "The LiteLLM Proxy"),
        ("[[cut body 700]]", errors.ProxyFailed, "The LiteLLM Proxy"),
        ("[[big-event 17]]", errors.ProxyFailed, "an event without an end"),
    ],
)
def test_a_stream_that_breaks(
    imitation: Imitation, method: str, fault: str, kind: type[errors.RequestError], words: str
) -> None:
    error, trouble, _ = failure(imitation.url, method, fault)
    assert type(error) is kind
    assert words in error.message
    assert trouble is None


@pytest.mark.parametrize("method", STREAMS)
def test_what_has_come_before_a_stream_breaks_is_told(imitation: Imitation, method: str) -> None:
    _, _, came = failure(imitation.url, method, "one two three [[no-done]]")
    assert len(came) > 3
    error, _, came = failure(imitation.url, method, "one two three [[hang-after 3]]", timeout=0.2)
    assert type(error) is errors.UpstreamTimeout
    assert came


@pytest.mark.parametrize("fault", ["[[error 500]]", "[[stream-error 500]]", "[[no-done]]", "[[cut 0]]", "[[html]]"])
def test_no_error_keeps_a_place_in_the_pool(imitation: Imitation, fault: str, soon: None) -> None:
    async def failing() -> None:
        async with serving(imitation.url, pool_size=1) as engine:
            for method, text in [("chat", "[[error 500]]"), ("chat_stream", fault)] * 2:
                with pytest.raises(errors.RequestError):
                    await received(engine, method, ask(text), ANONYMOUS, [])
            await so(lambda: engine.trouble() is None)
            await engine.chat(ask("hi"), ANONYMOUS)

    run(failing())
