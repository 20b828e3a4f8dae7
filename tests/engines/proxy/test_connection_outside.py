"""What lies between the stack and a proxy: certificates, proxies of the environment, redirects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.engines.proxy.connection import Connection
from tests.certificates import Certificates, make_certificates
from tests.engines.proxy.conftest import CHAT, HEADERS, answers, ask, connected, fetch, refusal, run, settings
from tests.forward_proxy import ForwardProxy
from tests.imitation import Imitation, imitation_proxy
from tests.middle import Middle
from tests.sockets import reserve


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[Imitation]:
    with imitation_proxy(tls=certificates.server) as server:
        yield server


def test_a_certificate_of_a_known_authority(secure: Imitation, certificates: Certificates) -> None:
    assert answers(secure.url, ca=str(certificates.ca))
    assert answers(secure.url, verify=False)


def test_a_certificate_of_an_unknown_authority(secure: Imitation) -> None:
    secure.clear()
    error = refusal(secure.url)
    assert type(error) is errors.ProxyGone
    assert "certificate" in error.message and "`proxy.ca` (LITELLM_PROXY_CA)" in error.message
    assert secure.seen()["requests"] == [], "the key is not sent before"


def test_a_certificate_of_another_name(certificates: Certificates) -> None:
    with imitation_proxy(tls=certificates.wrong_name) as server:
        error = refusal(server.url, ca=str(certificates.ca))
        assert type(error) is errors.ProxyGone
        assert "certificate" in error.message
        assert server.seen()["requests"] == []


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_that_holds_no_certificates(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(errors.ConfigError, match=r"proxy\.ca: '.*ca\.pem' holds no certificates"):
        Connection(settings("https://127.0.0.1", ca=str(file)))


def test_the_environments_proxy_is_used(imitation: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    with ForwardProxy() as forward:
        monkeypatch.setenv("http_proxy", forward.url)
        assert answers(imitation.url)
        assert forward.requests == [f"POST {imitation.url}{CHAT}"]
        for hosts in ("127.0.0.1", "localhost,127.0.0.1", "*", imitation.url.removeprefix("http://")):
            monkeypatch.setenv("no_proxy", hosts)
            assert answers(imitation.url)
        assert len(forward.requests) == 1
        monkeypatch.setenv("no_proxy", "elsewhere.example")
        assert answers(imitation.url)
        assert len(forward.requests) == 2


def test_a_password_of_the_environments_proxy_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with reserve() as place:
        monkeypatch.setenv("http_proxy", f"http://ann:planted-1@127.0.0.1:{place.getsockname()[1]}")
        error = refusal("http://proxy.example")
    assert type(error) is errors.ProxyGone
    assert "planted" not in f"{error!r}{error.message}"


def test_a_netrc_file_is_not_read(imitation: Imitation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password planted\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    async def without_a_key() -> None:
        async with connected(imitation.url) as connection:
            await fetch(connection, headers={})
            await fetch(connection)

    run(without_a_key())
    sent = [request["headers"].get("authorization") for request in imitation.seen()["requests"]]
    assert sent == [None, "Bearer sk-good"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(imitation: Imitation, status: int) -> None:
    raw = f"HTTP/1.1 {status} Moved\r\nlocation: {imitation.url}{CHAT}\r\ncontent-length: 0\r\n\r\n".encode()

    async def ask_once() -> int:
        async with connected(f"http://127.0.0.1:{line.port}") as connection:
            response = await connection.send(CHAT, ask("hi"), HEADERS)
            await connection.read(response)
            return response.status

    with Middle(imitation.port) as line:
        line.replace(raw)
        assert run(ask_once()) == status
    assert imitation.seen()["requests"] == []


def test_cookies_are_not_kept(imitation: Imitation) -> None:
    async def twice() -> None:
        async with connected(f"http://localhost:{line.port}") as connection:
            response = await connection.send(CHAT, ask("hi"), HEADERS)
            assert await connection.read(response) == b"{}"
            await fetch(connection)

    with Middle(imitation.port) as line:
        line.replace(b"HTTP/1.1 200 OK\r\nset-cookie: session=of-one-user; Path=/\r\ncontent-length: 2\r\n\r\n{}")
        run(twice())
    (request,) = imitation.seen()["requests"]
    assert "cookie" not in request["headers"]


def test_a_header_cannot_be_smuggled_in(imitation: Imitation) -> None:
    async def smuggle() -> None:
        async with connected(imitation.url) as connection:
            with pytest.raises(ValueError, match="header"):
                await fetch(connection, headers={"x-mine": "a\r\nauthorization: Bearer sk-other"})

    run(smuggle())
    assert imitation.seen()["requests"] == []
