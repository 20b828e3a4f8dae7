"""The line that breaks and the forward proxy, between a client and an imitation of a LiteLLM Proxy."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.forward_proxy import ForwardProxy
from tests.imitation import Imitation, imitation_proxy
from tests.middle import Middle

HEADERS = {"Authorization": "Bearer sk-ann"}
RAW = b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 3\r\n\r\ntea"


@pytest.fixture(scope="module")
def server() -> Iterator[Imitation]:
    with imitation_proxy() as running:
        yield running


@pytest.fixture
def proxy(server: Imitation) -> Imitation:
    server.clear()
    return server


@pytest.fixture
def line(proxy: Imitation) -> Iterator[Middle]:
    with Middle(proxy.port) as middle:
        yield middle


@pytest.fixture
def http(line: Middle) -> Iterator[httpx.Client]:
    with client(line) as made:
        yield made


def client(line: Middle, **more: Any) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{line.port}", headers=HEADERS, trust_env=False, **more)


def ask(http: httpx.Client, text: str = "hello", **more: Any) -> httpx.Response:
    return http.post(
        "/v1/chat/completions", json={"model": "gpt", "messages": [{"role": "user", "content": text}], **more}
    )


def raw(line: Middle, path: str = "/v1/model/info") -> tuple[list[bytes], bool]:
    """What came at each read, and whether a reset ended it."""
    came: list[bytes] = []
    with socket.create_connection(("127.0.0.1", line.port), timeout=10) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nAuthorization: Bearer sk-ann\r\nConnection: close\r\n\r\n".encode())
        try:
            while data := sock.recv(65536):
                came.append(data)
        except ConnectionResetError:
            return came, True
    return came, False


def test_it_is_a_line(line: Middle, http: httpx.Client) -> None:
    assert "echo: grüße by sk-ann" in ask(http, "grüße").text
    assert "echo: again by sk-ann" in ask(http, "again").text
    assert (line.open, line.made) == (1, 1)


def test_cut_refuses_and_ends_what_there_is(proxy: Imitation, line: Middle, http: httpx.Client) -> None:
    ask(http)
    line.cut()
    assert line.open == 0
    with pytest.raises(httpx.ConnectError):
        ask(http)
    line.mend()
    assert ask(http).status_code == 200
    assert proxy.seen()["keys"] == {"sk-ann": 2}


def test_hang_answers_nothing_until_it_is_mended(line: Middle, http: httpx.Client) -> None:
    line.hang()
    with client(line, timeout=0.2) as hasty, pytest.raises(httpx.ReadTimeout):
        ask(hasty)
    threading.Timer(0.1, line.mend).start()
    assert ask(http).status_code == 200


@pytest.mark.parametrize("size", [0, 20, 1000])
def test_a_reset_hits_one_answer_and_both_sides(proxy: Imitation, line: Middle, size: int) -> None:
    line.reset_after(size)
    came, reset = raw(line)
    assert reset and len(b"".join(came)) == size
    assert proxy.seen()["requests"][0]["path"] == "/v1/model/info"
    came, reset = raw(line)
    assert not reset and b"wild/gpt-4o-mini" in b"".join(came)


def test_the_server_sees_the_reset(proxy: Imitation, line: Middle, http: httpx.Client) -> None:
    line.reset_after(1500)
    with pytest.raises(httpx.ReadError):
        ask(http, "[[slow 200]]", stream=True)
    assert proxy.wait_for(lambda request: request["outcome"] == "left")
    assert proxy.seen()["connections"]["open"] == 0


def test_a_close_cuts_one_answer_short(line: Middle) -> None:
    line.close_after(700)
    came, reset = raw(line)
    assert not reset and len(b"".join(came)) == 700
    assert len(b"".join(raw(line)[0])) > 700


def test_a_fault_meets_the_connection_that_asks_next(line: Middle, http: httpx.Client) -> None:
    with client(line) as other:
        assert ask(http).status_code == ask(other).status_code == 200
        line.reset_after(10)
        line.close_after(10)
        with pytest.raises(httpx.ReadError):
            ask(other)
        with pytest.raises(httpx.RemoteProtocolError):
            ask(http)
        assert ask(http).status_code == ask(other).status_code == 200
    assert line.waiting == 0


def test_a_fault_of_a_longer_answer_than_there_was_is_over(line: Middle, http: httpx.Client) -> None:
    line.reset_after(100_000)
    assert [ask(http, "a" * 20_000).status_code for _ in range(8)] == [200] * 8
    assert line.made == 1


def test_a_fault_waits_for_its_request(line: Middle, http: httpx.Client) -> None:
    line.reset_after(0, to=b"POST ")
    assert http.get("/v1/models").status_code == 200
    assert line.waiting == 1
    with pytest.raises(httpx.ReadError):
        ask(http)
    line.reset_after(0)
    line.mend()
    assert ask(http).status_code == 200


def test_another_answer_in_place_of_one(proxy: Imitation, line: Middle, http: httpx.Client) -> None:
    line.replace(RAW)
    answer = ask(http, "a" * 200_000)
    assert (answer.status_code, answer.text) == (418, "tea")
    assert "echo: next by" in ask(http, "next").text
    line.replace(b"HTTP/1.1 200 OK\r\n\r\n<html>", close=True)
    assert ask(http).text == "<html>"
    assert ask(http).status_code == 200
    assert [request["body"]["messages"][0]["content"] for request in proxy.seen()["requests"]] == ["next", "hello"]


def test_pieces(line: Middle, http: httpx.Client) -> None:
    line.pieces(5)
    came, _ = raw(line)
    # A busy machine puts some of them together.
    assert len(came) > len(b"".join(came)) / 50
    line.replace(RAW)
    assert ask(http).text == "tea"
    line.mend()
    assert len(raw(line)[0]) < 5


def test_it_keeps_no_socket(proxy: Imitation) -> None:
    for _ in range(30):
        with Middle(proxy.port) as line:
            clients = [socket.create_connection(("127.0.0.1", line.port)) for _ in range(3)]
            for one in clients:
                one.close()
    # One that was left open warns when it is collected, which fails the test.
    gc.collect()


def test_it_ends_connections_when_there_is_no_server(caplog: pytest.LogCaptureFixture) -> None:
    with imitation_proxy() as gone, Middle(gone.port) as line:
        gone.stop()
        assert raw_ends(line)
    gc.collect()
    assert caplog.text == ""


def raw_ends(line: Middle) -> bool:
    try:
        return raw(line)[0] == []
    except ConnectionError:
        return True


def test_a_forward_proxy_takes_whole_urls_and_counts(proxy: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    with ForwardProxy() as forward:
        monkeypatch.setenv("HTTP_PROXY", forward.url)
        monkeypatch.setenv("NO_PROXY", "")
        with httpx.Client(base_url=proxy.url, headers=HEADERS) as http:
            assert "echo: grüße by sk-ann" in ask(http, "grüße").text
            assert ask(http, "a [[slow 1]]", stream=True).text.endswith("data: [DONE]\n\n")
            assert http.get("/v1/models?a=b").status_code == 200
        chat = f"POST {proxy.url}/v1/chat/completions"
        assert forward.requests == [chat, chat, f"GET {proxy.url}/v1/models?a=b"]
        assert proxy.seen()["requests"][-1]["query"] == "a=b"
        heads = [request["headers"] for request in proxy.seen()["requests"]]
        assert [head["connection"] for head in heads] == ["close"] * 3
        assert proxy.seen()["connections"]["made"] == 3
        with httpx.Client(base_url="http://127.0.0.1:9") as http:
            assert http.get("/").status_code == 502


def test_a_forward_proxy_ends_with_a_request_in_flight(proxy: Imitation) -> None:
    body = {"model": "gpt", "messages": [{"role": "user", "content": "[[hang-after 1]]"}], "stream": True}
    with ExitStack() as proxies:
        forward = proxies.enter_context(ForwardProxy())
        with (
            httpx.Client(proxy=forward.url, base_url=proxy.url, headers=HEADERS) as http,
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            parts = answer.iter_bytes()
            assert b"assistant" in next(parts)
            proxies.close()
            with pytest.raises(httpx.TransportError):
                next(parts)
        assert proxy.wait_for(lambda request: request["outcome"] == "left")
