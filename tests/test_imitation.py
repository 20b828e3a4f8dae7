"""The imitation of a LiteLLM Proxy: what it says, what it counts, and how it goes wrong."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.certificates import make_certificates
from tests.imitation import Imitation, imitation_proxy

HEADERS = {"Authorization": "Bearer sk-ann"}


@pytest.fixture(scope="module")
def server() -> Iterator[Imitation]:
    with imitation_proxy() as running:
        yield running


@pytest.fixture
def proxy(server: Imitation) -> Imitation:
    server.clear()
    return server


@pytest.fixture
def http(proxy: Imitation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{proxy.url}/v1", headers=HEADERS, trust_env=False, timeout=10) as client:
        yield client


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt", "messages": [{"role": "user", "content": text}], **more}


def ask(http: httpx.Client, text: str, **more: Any) -> httpx.Response:
    return http.post("/chat/completions", json=chat(text, **more))


def said(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def events(text: str) -> list[str]:
    """The data of each event, as the standard for server-sent events reads them."""
    blocks = text.replace("\r\n", "\n").split("\n\n")
    data = [[line[6:] for line in block.split("\n") if line.startswith("data: ")] for block in blocks]
    return ["\n".join(lines) for lines in data if lines]


def streamed(text: str) -> str:
    chunks = [json.loads(event) for event in events(text) if event != "[DONE]"]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


def raw(proxy: Imitation, text: str, **more: Any) -> tuple[list[bytes], bool]:
    """What came at each read, and whether a reset ended it; the request asks for the connection's end."""
    body = json.dumps(chat(text, **more)).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer sk-ann\r\nConnection: close\r\n"
    came: list[bytes] = []
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as sock:
        sock.sendall(request + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        try:
            while data := sock.recv(65536):
                came.append(data)
        except ConnectionResetError:
            return came, True
    return came, False


def test_a_chat_is_an_echo_in_litellms_form(http: httpx.Client) -> None:
    answer = ask(http, "grüße")
    assert said(answer) == "echo: grüße by sk-ann"
    assert answer.json()["usage"] == {"completion_tokens": 4, "prompt_tokens": 1, "total_tokens": 5}
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(1.5e-07 + 4 * 6e-07)
    assert answer.headers["x-litellm-model-group"] == "gpt"
    assert answer.headers["x-litellm-call-id"] != ask(http, "grüße").headers["x-litellm-call-id"]


def test_a_stream_is_the_same_echo(http: httpx.Client) -> None:
    answer = ask(http, "one  two", stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert streamed(answer.text) == "echo: one  two by sk-ann"
    *_, finish, usage, done = events(answer.text)
    assert json.loads(finish)["choices"][0]["finish_reason"] == "stop"
    assert json.loads(usage)["usage"]["cost"] == pytest.approx(2 * 1.5e-07 + 5 * 6e-07)
    assert done == "[DONE]"
    assert "usage" not in ask(http, "one", stream=True).text


def test_the_other_routes(http: httpx.Client) -> None:
    text = http.post("/completions", json={"model": "wild/x", "prompt": "one"})
    assert text.json()["choices"][0]["text"] == "echo: one by sk-ann"
    assert "x-litellm-response-cost" not in text.headers
    made = http.post("/embeddings", json={"model": "embedding", "input": ["a b", "b a", "c d"]}).json()["data"]
    assert [len(row["embedding"]) for row in made] == [64, 64, 64]
    assert made[0]["embedding"] == made[1]["embedding"] != made[2]["embedding"]
    query = {"model": "reranker", "query": "a b", "documents": ["c", "a b", "a"], "top_n": 2}
    assert [row["index"] for row in http.post("/rerank", json=query).json()["results"]] == [1, 2]


def test_what_it_lists(http: httpx.Client) -> None:
    rows = {row["model_name"]: row for row in http.get("/model/info").json()["data"]}
    assert rows["gpt"]["litellm_params"]["model"] == "openai/gpt-4o-mini"
    assert rows["embedding"]["model_info"]["output_vector_size"] == 64
    assert rows["own/*"]["model_info"]["mode"] is None
    listed = {row["id"] for row in http.get("/models").json()["data"]}
    groups = {row["model_group"] for row in http.get("/../model_group/info").json()["data"]}
    assert listed == groups == rows.keys() - {"own/*"} >= {"gpt", "reranker", "wild/gpt-4o-mini"}


def test_whom_it_refuses(proxy: Imitation, http: httpx.Client) -> None:
    keys = {None: 401, "sk-unknown": 401, "sk-budget": 422, "sk-limited": 429}
    for key, status in keys.items():
        answer = httpx.post(
            f"{proxy.url}/v1/chat/completions",
            json=chat("hello"),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            trust_env=False,
        )
        assert answer.status_code == status and answer.json()["error"]["code"] == str(status)
    assert httpx.get(f"{proxy.url}/health/readiness", trust_env=False).json()["status"] == "healthy"
    unknown = http.post("/chat/completions", json={**chat("hello"), "model": "nope"})
    assert unknown.status_code == 400 and "model=nope" in unknown.text
    assert http.get("/nowhere").status_code == 404
    assert ask(http, "[[error]]").status_code == ask(http, "[[no-done]]").status_code == 400


def test_it_counts_keys_and_connections_and_keeps_the_heads(proxy: Imitation, http: httpx.Client) -> None:
    assert [said(ask(http, f"text {number}")) for number in range(3)][2] == "echo: text 2 by sk-ann"
    with httpx.Client(trust_env=False, headers={"Authorization": "Bearer sk-bob", "X-Tag": "a"}) as other:
        assert said(other.post(f"{proxy.url}/v1/chat/completions", json=chat("b"))) == "echo: b by sk-bob"
        seen = proxy.seen()
    assert seen["keys"] == {"sk-ann": 3, "sk-bob": 1}
    assert seen["connections"] == {"open": 2, "made": 2, "most": 2}
    assert [request["connection"] for request in seen["requests"]] == [1, 1, 1, 2]
    last = seen["requests"][-1]
    assert (last["method"], last["path"], last["outcome"]) == ("POST", "/v1/chat/completions", "answered")
    assert last["headers"]["x-tag"] == "a" and last["body"] == chat("b")


def test_callers_at_once_get_their_own(proxy: Imitation) -> None:
    def one(number: int) -> str:
        with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer sk-{number}"}) as client:
            answers = [client.post(f"{proxy.url}/v1/chat/completions", json=chat(f"{number}.{n}")) for n in range(5)]
        return " ".join(map(said, answers))

    with ThreadPoolExecutor(8) as pool:
        for number, answer in enumerate(pool.map(one, range(8))):
            assert answer == " ".join(f"echo: {number}.{n} by sk-{number}" for n in range(5))


@pytest.mark.parametrize("stream", [False, True])
def test_errors(http: httpx.Client, stream: bool) -> None:
    limited = ask(http, "[[error 429 retry-after=7]]", stream=stream)
    assert limited.status_code == 429 and limited.headers["retry-after"] == "7"
    assert limited.json()["error"]["type"] == "throttling_error"
    gone = ask(http, "[[gone 502]]", stream=stream)
    assert gone.status_code == 502 and gone.headers["content-type"] == "text/html" and "nginx" in gone.text
    assert not [name for name in gone.headers if name.startswith("x-litellm")]
    assert ask(http, "[[html]]", stream=stream).headers["content-type"].startswith("text/html")
    crashed = ask(http, "[[crash]]", stream=stream)
    assert (crashed.status_code, crashed.text, crashed.headers["connection"]) == (500, "Internal Server Error", "close")


def test_what_a_path_shall_do(proxy: Imitation, http: httpx.Client) -> None:
    proxy.behave("/v1/model/info", "[[gone 503]]")
    proxy.behave("/health/readiness", "[[error 503]] [[times 1]]")
    assert http.get("/model/info").status_code == 503
    assert [http.get("/../health/readiness").status_code for _ in range(2)] == [503, 200]
    assert ask(http, "[[error 503]] [[times 2]]").status_code == 503
    assert [ask(http, "[[error 503]] [[times 2]]").status_code for _ in range(2)] == [503, 200]
    proxy.clear()
    assert http.get("/model/info").status_code == 200


def test_streams_that_break(http: httpx.Client) -> None:
    broken = events(ask(http, "a [[stream-error 429]]", stream=True).text)
    assert streamed("\n\n".join(f"data: {event}" for event in broken[:-1])) == "echo: a"
    assert json.loads(broken[-1])["error"]["code"] == "429"
    assert events(ask(http, "[[no-done]]", stream=True).text)[-1] != "[DONE]"


@pytest.mark.parametrize("words", ["[[crlf]]", "[[multi]]", "[[crlf]] [[multi]]", "[[slow 2]]"])
def test_forms_of_a_stream(http: httpx.Client, words: str) -> None:
    answer = ask(http, f'grüße, "a," {words}', stream=True).text
    assert streamed(answer) == f'echo: grüße, "a," {words} by sk-ann' + " 1 2" * ("slow" in words)
    assert (": keep-alive\r\n\r\n" in answer) == ("\r\n" in answer) == ("crlf" in words)
    assert (len(answer.split("data:")) > 1 + len(events(answer))) == ("multi" in words)


def test_silence_lasts_until_the_client_leaves(proxy: Imitation) -> None:
    for words, stream, count in (("[[hang]]", False, 0), ("[[hang-after 2]]", True, 2)):
        proxy.clear()
        body = json.dumps(chat(words, stream=stream)).encode()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as sock:
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer sk-ann\r\n")
            sock.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            came = b""
            while came.count(b"\n\n") < count:
                came += sock.recv(65536)
            assert proxy.wait_for(lambda request: request["outcome"] == "running")
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            assert came.count(b"\n\n") == count
        assert proxy.wait_for(lambda request: request["outcome"] == "left")


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_is_a_reset_after_so_many_bytes(proxy: Imitation, stream: bool) -> None:
    for size in (0, 40):
        came, reset = raw(proxy, f"[[cut {size}]]", stream=stream)
        assert reset and len(b"".join(came)) == size
    came, reset = raw(proxy, "[[cut body 100]]", stream=stream)
    assert reset and len(b"".join(came).partition(b"\r\n\r\n")[2]) == 100
    assert {request["outcome"] for request in proxy.seen()["requests"]} == {"cut"}


def test_a_connection_ends_when_its_client_wants_it_to(proxy: Imitation) -> None:
    for stream in (False, True):
        came, reset = raw(proxy, "hello", stream=stream)
        assert not reset and b"\r\nConnection: close\r\n" in came[0]


def test_a_body_that_ends_too_soon(proxy: Imitation) -> None:
    head, _, body = b"".join(raw(proxy, "[[short]]")[0]).partition(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
    assert int(length[16:]) > len(body) > 0
    came, reset = raw(proxy, "[[short]]", stream=True)
    assert not reset and not b"".join(came).endswith(b"0\r\n\r\n")


def test_a_connection_that_ends_unannounced(proxy: Imitation, http: httpx.Client) -> None:
    assert "connection" not in ask(http, "[[leave]]").headers
    assert ask(http, "again").status_code == 200
    assert proxy.seen()["connections"]["made"] == 2


@pytest.mark.parametrize("stream", [False, True])
def test_pieces_part_characters_and_events(proxy: Imitation, stream: bool) -> None:
    came, _ = raw(proxy, "ü" * 40 + "[[pieces 7]]", stream=stream)
    # A busy machine puts some of them together.
    assert len(came) > len(b"".join(came)) / 70
    assert any(data[-1] == "ü".encode()[0] for data in came)
    assert "ü" * 40 in b"".join(came).decode()


def test_answers_that_are_too_large(proxy: Imitation, http: httpx.Client) -> None:
    big = ask(http, "[[big 2]]")
    assert len(big.content) > 2_000_000 and said(big) == "echo: [[big 2]] by sk-ann"
    assert len(ask(http, "[[gone 502]] [[big 2]]").content) > 2_000_000
    blocks = events(ask(http, "[[big 2]]", stream=True).text)
    assert sum(map(len, blocks)) > 2_000_000 and max(map(len, blocks)) < 70_000
    assert len(events(ask(http, "[[big-event 2]]", stream=True).text)[0]) > 2_000_000
    flood = b"".join(raw(proxy, "[[headers 1000]]")[0]).partition(b"\r\n\r\n")[0]
    assert flood.count(b"\r\nx-more-") == 1000
    assert len(b"".join(raw(proxy, "[[header 1]]")[0]).partition(b"\r\n\r\n")[0]) > 1_000_000


def test_what_it_compresses(proxy: Imitation, http: httpx.Client) -> None:
    assert http.get("/models").headers["content-encoding"] == "gzip"
    plain = http.get("/models", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.json() == http.get("/models").json()
    assert "content-encoding" not in ask(http, "a" * 1000).headers
    assert said(ask(http, "[[gzip]]")) == "echo: [[gzip]] by sk-ann"
    assert streamed(ask(http, "[[gzip]]", stream=True).text) == "echo: [[gzip]] by sk-ann"
    assert len(ask(http, "[[gzip]] [[big 2]]").content) > 2_000_000
    assert len(b"".join(raw(proxy, "[[gzip]] [[big 2]]")[0])) < 20_000


def test_it_makes_what_is_too_large_only_as_it_is_read(proxy: Imitation) -> None:
    url = f"{proxy.url}/v1/chat/completions"
    with httpx.stream("POST", url, json=chat("[[big 100000]]"), headers=HEADERS, trust_env=False) as answer:
        parts = answer.iter_bytes()
        assert next(parts)
        assert proxy.wait_for(lambda request: request["outcome"] == "running")
    assert proxy.wait_for(lambda request: request["outcome"] == "left")


def test_it_comes_back_at_its_place_and_refuses_until_then() -> None:
    with imitation_proxy() as proxy, httpx.Client(base_url=f"{proxy.url}/v1", headers=HEADERS, trust_env=False) as http:
        assert ask(http, "one").status_code == 200
        process = proxy._process
        proxy.stop()
        assert process is not None and process.returncode == 0
        with pytest.raises(httpx.ConnectError):
            ask(http, "two")
        proxy.start()
        assert ask(http, "three").status_code == 200
        assert proxy.seen()["keys"] == {"sk-ann": 1}


def test_tls(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    ours = ssl.create_default_context(cafile=certificates.ca)
    with imitation_proxy(tls=certificates.server) as proxy:
        for host in ("127.0.0.1", "localhost"):
            url = f"https://{host}:{proxy.port}/v1/models"
            assert httpx.get(url, verify=ours, headers=HEADERS, trust_env=False).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{proxy.url}/v1/models", trust_env=False)
        assert proxy.seen()["keys"] == {"sk-ann": 2}
    elsewhere = pytest.raises(httpx.ConnectError, match="not valid for")
    with imitation_proxy(tls=certificates.wrong_name) as proxy, elsewhere:
        httpx.get(f"{proxy.url}/v1/models", verify=ours, trust_env=False)


def test_it_ends_with_whoever_started_it() -> None:
    with imitation_proxy() as proxy:
        process = proxy._process
        assert process is not None and process.stdin is not None
        threading.Thread(target=process.stdin.close).start()
        assert process.wait(timeout=10) == 0
