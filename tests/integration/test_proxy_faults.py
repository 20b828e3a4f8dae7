"""A stack on a real LiteLLM Proxy, over a line that fails in every way that a line can."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.certificates import make_certificates
from tests.imitation import imitation_proxy
from tests.integration.conftest import litellm_config
from tests.line import HEADER, LINE, refusal, words_of
from tests.litellm_proxy import LiteLLMProxy
from tests.middle import Middle
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

CHAT = b"POST /v1/chat/completions"
PAGE = b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"

pytestmark = [
    pytest.mark.long,
    pytest.mark.any_host,
    pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own"),
]


def raw(status: str, body: bytes, *headers: str, kind: str = "text/html") -> bytes:
    """An HTTP answer as it is on the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def line(proxy: LiteLLMProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Middle]]:
    with Middle(proxy.port) as middle:
        env = {"LITELLM_MODE": "proxy", "LITELLM_PROXY_API_KEY": proxy.key}
        with running_stack(
            tmp_path_factory.mktemp("faults"), LITELLM_PROXY_URL=f"http://127.0.0.1:{middle.port}", **env
        ) as stack:
            yield stack, middle


@pytest.fixture
def stack(line: tuple[Stack, Middle]) -> Stack:
    return line[0]


@pytest.fixture
def middle(line: tuple[Stack, Middle]) -> Iterator[Middle]:
    yield line[1]
    line[1].mend()


def ask(stack: Stack, text: str, *, stream: bool = False, **data: str) -> httpx.Response:
    body = {"model": "litellm/gpt", "messages": [{"role": "user", "content": text}], "stream": stream}
    headers = {HEADER: json.dumps(data)}
    return httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=headers, timeout=60)


def pieces(answer: httpx.Response) -> str:
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices"))


def works(stack: Stack, word: str) -> None:
    """The stack serves again, without a restart."""
    answer = ask(stack, f"[[say again {word}]]")
    assert answer.json()["choices"][0]["message"]["content"] == f"again {word}"


def settled(stack: Stack) -> None:
    """The stack knows again that the proxy is there."""
    deadline = time.monotonic() + 10
    while True:
        log = " ".join(stack.log.split())
        if log.count("until it is back.") == log.count("is back, and gets"):
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("end", ["reset_after", "close_after"])
@pytest.mark.parametrize("size", [0, 40], ids=["no answer", "amid the head"])
def test_a_line_that_breaks_before_an_answer(
    stack: Stack, middle: Middle, word: str, size: int, end: str, stream: bool
) -> None:
    getattr(middle, end)(size, to=CHAT)
    status, words = refusal(ask(stack, word, stream=stream))
    assert status == 503
    assert words.startswith("Model gpt: The LiteLLM Proxy at http://127.0.0.1:")
    assert "does not answer" in words
    works(stack, word)


@pytest.mark.parametrize("end", ["reset_after", "close_after"])
def test_a_body_that_is_cut_short(stack: Stack, middle: Middle, word: str, end: str) -> None:
    # Heads of LiteLLM's are shorter than that, and this body longer.
    getattr(middle, end)(6_000, to=CHAT)
    status, words = refusal(ask(stack, f"[[say {word} {'long ' * 4_000}]]"))
    assert status == 502
    assert words.startswith("Model gpt: The LiteLLM Proxy at ")
    assert "broke its answer off" in words and "proxy.url" in words
    works(stack, word)


@pytest.mark.parametrize("end", ["reset_after", "close_after"])
def test_a_stream_that_breaks_amid_an_event(stack: Stack, middle: Middle, word: str, end: str) -> None:
    getattr(middle, end)(6_000, to=CHAT)
    said = f"{word} {'long ' * 400}"
    answer = ask(stack, f"[[say {said}]]", stream=True)
    assert refusal(answer)[0] == 502
    assert said.startswith(pieces(answer))
    # Who reads late finds what comes just before a reset gone with it.
    if end == "close_after" or LINE.name == "0.2":
        assert word in pieces(answer), "what came before the break is given"
    works(stack, word)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_pieces_that_end_within_a_character(stack: Stack, middle: Middle, word: str, size: int) -> None:
    said = f"{word} — naïve 東京 🦓🏽 ćevapčići"
    middle.pieces(size)
    assert pieces(ask(stack, f"[[say {said}]]", stream=True)) == said
    assert ask(stack, f"[[say {said}]]").json()["choices"][0]["message"]["content"] == said


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (raw("200 OK", b"<html>Please log in</html>"), 502, "answered 200 with text/html"),
        (raw("200 OK", b'{"half": ', kind="application/json"), 502, "as no LiteLLM Proxy does"),
        (raw("502 Bad Gateway", PAGE), 503, "answered 502 with a web page"),
        (raw("503 Service Unavailable", PAGE), 503, "answered 503 with a web page"),
        (raw("302 Found", b"", "Location: http://example.org/login"), 502, "redirects to http://example.org/login"),
        (raw("404 Not Found", b'{"detail":"Not Found"}', kind="application/json"), 502, "answered 404"),
        (raw("401 Unauthorized", b"no entry", kind="text/plain"), 401, "LITELLM_PROXY_API_KEY"),
        (raw("200 OK", b"{}", *(f"X-{number}: {number}" for number in range(5_000))), 502, "sent what is no HTTP"),
        (raw("200 OK", b"{}", f"X-Long: {'x' * 2**20}"), 502, "sent what is no HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 502, "sent what is no HTTP"),
    ],
    ids=["page", "half", "gateway-502", "gateway-503", "redirect", "route", "guarded", "flood", "long header", "ssh"],
)
def test_what_is_no_answer_of_a_litellm_proxy(
    stack: Stack, middle: Middle, word: str, answer: bytes, status: int, words: str, stream: bool
) -> None:
    middle.replace(answer, to=CHAT, close=True)
    found, said = refusal(ask(stack, word, stream=stream))
    assert (found, said.startswith("Model gpt: ")) == (status, True), said
    assert words in said
    works(stack, word)


def test_a_line_that_is_cut_and_mended(stack: Stack, middle: Middle, word: str) -> None:
    settled(stack)
    begun = len(stack.log)
    middle.cut()
    for stream in (False, True):
        status, words = refusal(ask(stack, word, stream=stream))
        assert status == 503
        assert "proxy.url" in words
    middle.mend()
    works(stack, word)
    settled(stack)
    log = " ".join(stack.log[begun:].split())
    assert log.count("Requests fail until it is back.") == log.count("is back, and gets the requests again.") == 1
    assert "Traceback" not in log


def test_a_proxy_that_accepts_and_never_answers(upstream: Upstream, tmp_path: Path, word: str) -> None:
    """In mode auto those who wait are served by the embedded router, once it is clear that nobody is there."""
    (tmp_path / "config.yaml").write_text(litellm_config(upstream))
    with imitation_proxy() as proxy, Middle(proxy.port) as middle:
        env = {"LITELLM_MODE": "auto", "LITELLM_PROXY_URL": f"http://127.0.0.1:{middle.port}"}
        with running_stack(
            tmp_path, LITELLM_CONFIG=str(tmp_path / "config.yaml"), LITELLM_PROXY_API_KEY="sk-a", **env
        ) as stack:
            assert ask(stack, word).json()["litellm"]["served_by"] == "proxy"
            middle.hang()
            for stream in (False, True):
                answer = ask(stack, f"[[say {word}]]", stream=stream)
                assert word in answer.text
                assert '"served_by":"embedded"' in answer.text.replace(" ", "")
            middle.mend()
            deadline = time.monotonic() + 15
            while ask(stack, word).json()["litellm"]["served_by"] != "proxy":
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_an_answer_of_100_megabytes(tmp_path: Path, word: str) -> None:
    with imitation_proxy() as proxy:
        env = {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": "sk-a"}
        with running_stack(tmp_path, **env) as stack:
            for stream, fault in ((False, "big 100"), (True, "big-event 100")):
                status, words = refusal(ask(stack, f"[[{fault}]] {word}", stream=stream))
                assert status == 502, words
            assert word in ask(stack, word).text


@pytest.mark.parametrize("mode", ["proxy", "auto"])
@pytest.mark.parametrize("fault", ["no such host", "wrong name", "unknown authority"])
def test_an_address_that_leads_nowhere(upstream: Upstream, tmp_path: Path, word: str, mode: str, fault: str) -> None:
    (tmp_path / "config.yaml").write_text(litellm_config(upstream))
    made = make_certificates(tmp_path)
    with imitation_proxy(tls=made.wrong_name if fault == "wrong name" else made.server) as proxy:
        env = {"LITELLM_MODE": mode, "LITELLM_PROXY_URL": proxy.url, "LITELLM_CONFIG": str(tmp_path / "config.yaml")}
        words = "certificate that is not trusted"
        if fault == "wrong name":
            env["LITELLM_PROXY_CA"] = str(made.ca)
        if fault == "no such host":
            env["LITELLM_PROXY_URL"], words = "http://litellm.invalid:4000", "does not answer"
        with running_stack(tmp_path, **env) as stack:
            assert words in " ".join(stack.log.split())
            answer = ask(stack, f"[[say {word}]]")
            if mode == "auto":
                assert answer.json()["litellm"]["served_by"] == "embedded"
            else:
                assert answer.status_code == 503
                assert words in words_of(answer)
            assert not proxy.seen()["requests"], "a key went to somebody who could not show who he is"


def test_a_certificate_of_ones_own(tmp_path: Path, word: str) -> None:
    made = make_certificates(tmp_path)
    with imitation_proxy(tls=made.server) as proxy:
        env: dict[str, Any] = {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": proxy.url}
        with running_stack(tmp_path, LITELLM_PROXY_CA=str(made.ca), LITELLM_PROXY_API_KEY="sk-a", **env) as stack:
            assert f"echo: {word} by sk-a" in ask(stack, word).text
