"""Pooled connections to a proxy, and every way in which they fail."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.engines.proxy import connection as module
from llama_stack_provider_litellm.engines.proxy.connection import Connection
from tests.engines.proxy.conftest import CHAT, HEADERS, answers, ask, connected, fetch, refusal, run, settings, so
from tests.imitation import Imitation
from tests.middle import Middle
from tests.sockets import reserve


def test_requests_share_a_connection(imitation: Imitation) -> None:
    async def many() -> None:
        async with connected(imitation.url) as connection:
            for number in range(50):
                assert f"echo: {number} by" in str(await fetch(connection, str(number)))
            # An error, read to its end, spoils nothing.
            assert "error" in await fetch(connection, "[[error 500]]")
            await fetch(connection)

    run(many())
    assert imitation.seen()["connections"]["made"] == 1


def test_there_are_no_more_connections_than_the_pool_holds(imitation: Imitation) -> None:
    async def many() -> None:
        async with connected(imitation.url, pool_size=3) as connection:
            found = await asyncio.gather(*(fetch(connection, f"{number} [[slow 1]]") for number in range(12)))
            assert all("choices" in answer for answer in found)

    run(many())
    assert imitation.seen()["connections"]["most"] == 3


def test_an_unused_connection_is_not_kept_longer_than_that(imitation: Imitation) -> None:
    async def twice() -> None:
        async with connected(imitation.url, keep_alive=0.05) as connection:
            await fetch(connection)
            await so(lambda: imitation.seen()["connections"]["open"] == 0)
            await fetch(connection)

    run(twice())
    assert imitation.seen()["connections"]["made"] == 2


def test_a_connection_that_the_proxy_has_closed_is_not_used(imitation: Imitation) -> None:
    async def twice() -> None:
        async with connected(imitation.url) as connection:
            await fetch(connection, "[[leave]]")
            await so(lambda: imitation.seen()["connections"]["open"] == 0)
            await fetch(connection)

    run(twice())


def test_closing_leaves_nothing_open_and_another_request_opens_anew(imitation: Imitation) -> None:
    async def twice() -> None:
        connection = Connection(settings(imitation.url))
        for _ in range(2):
            await fetch(connection)
            await connection.close()
            await connection.close()
            await so(lambda: imitation.seen()["connections"]["open"] == 0)

    run(twice())


def test_a_closed_connection_serves_another_loop(imitation: Imitation) -> None:
    connection = Connection(settings(imitation.url))

    async def once() -> None:
        await fetch(connection)
        await connection.close()

    run(once())
    run(once())


def test_nobody_listens() -> None:
    with reserve() as place:
        error = refusal(f"http://127.0.0.1:{place.getsockname()[1]}")
    assert type(error) is errors.ProxyGone
    assert "does not answer: connection refused." in error.message
    assert error.message.endswith(error.mend)


@contextmanager
def silent() -> Iterator[str]:
    """A server that does not even accept."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for client in waiting:
                client.close()


def test_a_connection_has_to_stand_in_time() -> None:
    with silent() as url:
        began = time.monotonic()
        error = refusal(url, connect_timeout=0.2)
    assert type(error) is errors.ProxyGone
    assert 0.2 <= time.monotonic() - began < 2


def test_an_answer_may_not_be_silent_for_too_long(imitation: Imitation) -> None:
    error = refusal(imitation.url, "[[hang]]", timeout=0.2)
    assert type(error) is errors.UpstreamTimeout
    assert "silent for 0.2 s" in error.message
    assert "proxy.timeout" in error.message
    assert imitation.wait_for(lambda request: request["outcome"] == "left")


def test_it_is_silence_that_counts(imitation: Imitation) -> None:
    async def slow() -> None:
        async with connected(imitation.url, timeout=0.3) as connection:
            response = await connection.send(CHAT, ask("[[slow 12]]", stream=True), HEADERS)
            assert b"[DONE]" in await connection.read(response)

    run(slow())


def test_whoever_waits_can_be_told_to_give_up(imitation: Imitation) -> None:
    async def wait() -> None:
        async with connected(imitation.url) as connection:
            waiting = [asyncio.create_task(fetch(connection, "[[hang]]")) for _ in range(3)]
            await so(lambda: len(imitation.seen()["requests"]) == 3)
            connection.give_up_waiting()
            # Nobody is woken twice.
            connection.give_up_waiting()
            for error in await asyncio.gather(*waiting, return_exceptions=True):
                assert type(error) is errors.ProxyGone
                assert "accepts connections, and answers nothing" in error.message
            # Who comes later is not meant.
            assert "choices" in await fetch(connection)
            connection.give_up_waiting()

    run(wait())


def test_a_reader_is_not_told_to_give_up(imitation: Imitation) -> None:
    async def read() -> None:
        async with connected(imitation.url) as connection:
            response = await connection.send(CHAT, ask("[[slow 3]]", stream=True), HEADERS)
            connection.give_up_waiting()
            assert b"[DONE]" in await connection.read(response)

    run(read())


# Sizes


@pytest.mark.parametrize("size", [2**20 - 100, 2**20, 5 * 2**20])
def test_a_large_request_and_its_answer(imitation: Imitation, size: int) -> None:
    async def echo() -> None:
        async with connected(imitation.url) as connection:
            text = "ä☃" * (size // 5)
            assert text in (await fetch(connection, text))["choices"][0]["message"]["content"]

    run(echo())
    (request,) = imitation.seen()["requests"]
    assert request["headers"]["content-type"] == "application/json"
    assert int(request["headers"]["content-length"]) >= size - 5


def test_an_answer_that_is_too_large_is_refused(imitation: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answers(imitation.url, "[[big 3]]")
    monkeypatch.setattr(module, "MOST_BYTES", 2 * 2**20)
    error = refusal(imitation.url, "[[big 50]]")
    assert type(error) is errors.ProxyFailed
    assert "more than 2 MiB" in error.message
    assert imitation.seen()["connections"]["open"] == 0, "nor is the rest of it received"


def test_an_error_that_is_too_large_is_refused(imitation: Imitation) -> None:
    error = refusal(imitation.url, "[[error 400]] [[big 3]]")
    assert "more than 1 MiB" in error.message


@pytest.mark.parametrize("flood", ["[[headers 5000]]", "[[header 1]]"])
def test_a_flood_of_headers_is_refused(imitation: Imitation, flood: str) -> None:
    error = refusal(imitation.url, flood)
    assert type(error) is errors.ProxyFailed
    assert len(error.message) < 1000


def test_half_a_character_is_the_requests_fault(imitation: Imitation) -> None:
    """JSON can say a lone surrogate (``\\ud800``), and UTF-8 cannot."""
    error = refusal(imitation.url, "half \ud800")
    assert type(error) is errors.InvalidRequest
    assert imitation.seen()["requests"] == []


# The line


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        *(("[[cut 0]]", errors.ProxyGone), ("[[cut 20]]", errors.ProxyGone), ("[[cut body 0]]", errors.ProxyGone)),
        *(("[[cut body 9]]", errors.ProxyFailed), ("[[short]]", errors.ProxyFailed)),
    ],
)
def test_a_line_that_breaks(imitation: Imitation, fault: str, kind: type[errors.RequestError]) -> None:
    assert type(refusal(imitation.url, fault)) is kind


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b"HTTP/1.1 OK\r\n\r\n"])
def test_what_speaks_no_http(imitation: Imitation, raw: bytes) -> None:
    with Middle(imitation.port) as line:
        line.replace(raw, close=True)
        assert type(refusal(f"http://127.0.0.1:{line.port}")) in (errors.ProxyFailed, errors.ProxyGone)


@pytest.mark.parametrize("size", [1, 7])
def test_an_answer_in_small_pieces(imitation: Imitation, size: int) -> None:
    assert answers(imitation.url, f"[[pieces {size}]]")


def test_a_request_that_is_given_up_frees_its_connection(imitation: Imitation) -> None:
    async def leave() -> None:
        async with connected(imitation.url, pool_size=1) as connection:
            task = asyncio.create_task(fetch(connection, "[[hang]]"))
            await so(lambda: len(imitation.seen()["requests"]) == 1)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert "choices" in await fetch(connection)

    run(leave())
    assert imitation.wait_for(lambda request: request["outcome"] == "left")
