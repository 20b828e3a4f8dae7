"""What the doctor says of a LiteLLM Proxy, told by servers that answer as one does, or does not."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from llama_stack_provider_litellm.cli.checks.address import Address, detour, unreachable
from llama_stack_provider_litellm.cli.checks.proxy import Probe
from tests.cli.machine import JSON, READY, Machine, served
from tests.processes import free_port

KEY = "zebra-in-the-warehouse"


def refusal(status: int, kind: str, message: str = "no") -> tuple[int, str, str]:
    return status, JSON, json.dumps({"error": {"message": message, "type": kind, "param": None, "code": str(status)}})


def test_a_proxy_that_serves(machine: Machine) -> None:
    with served(READY) as (url, asked):
        done = machine.doctor("--mode", "proxy", "--proxy-url", f"{url}/v1/chat/completions", LITELLM_PROXY_API_KEY=KEY)
    assert done.status == 0
    (said,) = done.of("proxy")
    assert said == {
        "subject": "proxy",
        "severity": "ok",
        "what": f"The proxy at {url} (litellm 1.106.2) is ready, takes the key and lists 3 models.",
        "mend": None,
    }
    keys = {one["path"]: one.get("authorization") for one in asked}
    assert asked[0]["path"] == "/health/readiness" and "authorization" not in asked[0]
    assert keys["/v1/models"] == f"Bearer {KEY}"
    models = {model["model"]: (model["type"], model["embedding_dimension"]) for model in done.report["models"]}
    assert models == {"litellm/gpt": ("llm", None), "litellm/small": ("embedding", 1536)}
    assert "output_vector_size" in done.one("models", "warning", "'unsized' is left out")["mend"]
    assert done.one("models", "warning", "no guard model")


def test_the_model_of_the_shield(machine: Machine) -> None:
    with served(READY) as (url, _):
        known = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, SAFETY_MODEL="litellm/gpt")
        absent = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, SAFETY_MODEL="litellm/absent")
    assert "unsized" in known.one("models", "warning", "")["what"]
    assert absent.one("models", "warning", "SAFETY_MODEL is litellm/absent, which is no model here.")["mend"]


@pytest.mark.parametrize(
    ("answer", "what", "mend"),
    [
        (
            (503, JSON, '{"status": "healthy", "db": "disconnected"}'),
            "is not ready: status: healthy, db: disconnected.",
            "database",
        ),
        ((503, JSON, '{"detail": "Service Unhealthy (no)"}'), "is not ready: Service Unhealthy (no).", "log"),
        ((502, "text/html", "<html>Bad Gateway</html>"), "is not ready: HTTP 502.", "log"),
        ((200, "text/html", "<html>Welcome</html>"), "is no LiteLLM Proxy: HTTP 200, text/html.", "LITELLM_PROXY_URL"),
        ((404, JSON, '{"detail": "Not Found"}'), "is no LiteLLM Proxy: HTTP 404", "LITELLM_PROXY_URL"),
        ((302, "text/html", "https://login.example/"), "is no LiteLLM Proxy: HTTP 302", "LITELLM_PROXY_URL"),
        ((200, JSON, "[1]"), "is no LiteLLM Proxy", "LITELLM_PROXY_URL"),
    ],
)
def test_one_that_does_not(machine: Machine, answer: tuple[int, str, str], what: str, mend: str) -> None:
    with served({**READY, "/health/readiness": answer}) as (url, asked):
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, LITELLM_PROXY_API_KEY=KEY)
    assert mend in done.one("proxy", "error", what)["mend"]
    assert done.status == 1
    assert done.report["models"] == []
    # The key is for a proxy alone.
    assert [one for one in asked if "authorization" in one] == []


def test_one_that_has_lost_its_database_and_serves(machine: Machine) -> None:
    routes = {**READY, "/health/readiness": (200, JSON, '{"status": "healthy", "db": "stalled"}')}
    with served(routes) as (url, _):
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url)
    assert done.one("proxy", "warning", "without its database, which is stalled")
    assert done.one("proxy", "ok", "is ready")


@pytest.mark.parametrize(
    ("answer", "key", "what"),
    [
        (refusal(401, "auth_error"), "", "wants a key, and there is none."),
        ((500, "text/plain", "Internal Server Error"), "", "wants a key, and there is none."),
        (refusal(401, "token_not_found_in_db", "Invalid key"), KEY, "refuses the key (HTTP 401): Invalid key"),
        (refusal(400, "no_db_connection"), KEY, "it is not the master key"),
        (refusal(429, "throttling_error", "Slow down"), KEY, "does not list its models (HTTP 429): Slow down"),
        ((200, "text/html", "<html>"), KEY, "does not list its models (HTTP 200)"),
    ],
)
def test_a_key_that_it_does_not_take(machine: Machine, answer: tuple[int, str, str], key: str, what: str) -> None:
    with served({**READY, "/v1/models": answer}) as (url, _):
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, LITELLM_PROXY_API_KEY=key)
    found = done.one("proxy", "error", what)
    if "key" in what:
        assert "LITELLM_PROXY_API_KEY" in found["mend"]
    assert done.report["models"] == []


@pytest.mark.parametrize(
    ("version", "severity", "what"),
    [("1.82.8", "error", "malicious"), ("1.80.0", "warning", "security holes"), ("1.83.14", "warning", "CVEs")],
)
def test_the_proxys_own_release(machine: Machine, version: str, severity: str, what: str) -> None:
    details = (200, JSON, json.dumps({"litellm_version": version}))
    with served({**READY, "/health/readiness/details": details}) as (url, _):
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url)
    found = done.one("proxy", severity, f"The proxy runs litellm {version}, which")
    assert what in found["what"]
    assert found["mend"].startswith("Install litellm[proxy]!=1.107.*,<1.109,>=1.106.2 where it runs.")
    assert done.one("proxy", "ok", f"(litellm {version})")


def test_one_that_keeps_its_release_to_itself(machine: Machine) -> None:
    routes = {path: answer for path, answer in READY.items() if "details" not in path}
    with served(routes) as (url, _):
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url)
    assert [one["what"] for one in done.of("proxy")] == [
        f"The proxy at {url} is ready, takes the key and lists 3 models."
    ]


def test_one_that_is_away(machine: Machine) -> None:
    port = free_port()
    for mode, severity, status in (("proxy", "error", 1), ("auto", "warning", 0)):
        done = machine.doctor("--mode", mode, LITELLM_PROXY_URL=f"http://127.0.0.1:{port}")
        found = done.one("proxy", severity, f"No proxy can be reached at http://127.0.0.1:{port}: Connection refused.")
        assert "Start the proxy" in found["mend"]
        assert done.status == status
    assert "litellm/demo-chat" in [model["model"] for model in done.report["models"]]


def test_one_that_hangs(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < 10
    assert done.one("proxy", "error", "has not answered /health/readiness in 2 s.")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("localhost:4000", "is no address"),
        ("ftp://host", "is no address"),
        ("http://user:planted-password@127.0.0.1:4000", "no user or password"),
    ],
)
def test_what_is_no_address(machine: Machine, url: str, what: str) -> None:
    done = machine.doctor("--mode", "proxy", "--proxy-url", url)
    assert done.one("proxy", "error", what)["mend"]
    assert "planted-password" not in done.out + done.err


def test_a_name_that_nobody_has() -> None:
    import aiohttp
    from aiohttp.client_reqrep import ConnectionKey

    key = ConnectionKey("nowhere.invalid", 80, False, True, None, None, None)
    lost = aiohttp.ClientConnectorDNSError(key, OSError(-2, "Name or service not known"))
    what, mend = unreachable(lost, Address.of("http://nowhere.invalid"))
    assert what == "There is no host nowhere.invalid."
    assert "--proxy-url" in mend


def test_a_key_that_is_none() -> None:
    with served(READY) as (url, _):
        probe = Probe(url, key="zebra\nwarehouse", ca="", gravity="error")
        asyncio.run(probe.run())
    (found,) = probe.findings
    assert "LITELLM_PROXY_API_KEY" in found.mend
    assert "zebra" not in f"{found.what}{found.mend}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signs itself, with its key, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "proxy.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


def test_tls(machine: Machine, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with served(READY, context) as (url, _):
        untrusted = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url)
        trusted = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, LITELLM_PROXY_CA=str(certificate))
        misnamed = machine.doctor(
            *("--mode", "proxy", "--proxy-url", url.replace("127.0.0.1", "localhost")),
            LITELLM_PROXY_CA=str(certificate),
        )
        plain = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url.replace("https", "http"))
    found = untrusted.one("proxy", "error", "has a certificate that is not trusted: self-signed certificate.")
    assert "LITELLM_PROXY_CA" in found["mend"]
    assert trusted.one("proxy", "ok", "lists 3 models")
    assert len(trusted.report["models"]) == 2
    assert misnamed.one("proxy", "error", "is not trusted: Hostname mismatch")
    assert "https://" in plain.one("proxy", "error", "does not speak HTTP")["mend"]


def test_tls_where_there_is_none(machine: Machine) -> None:
    with served(READY) as (url, _):
        done = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url.replace("http", "https"))
    assert "http://" in done.one("proxy", "error", "does not speak TLS")["mend"]


@pytest.mark.parametrize(("text", "why"), [(None, "No such file"), ("no certificate", "it holds no certificate")])
def test_a_file_of_certificates_that_is_none(machine: Machine, text: str | None, why: str) -> None:
    file = machine.folder / "ca.pem"
    if text is not None:
        file.write_text(text)
    done = machine.doctor("--mode", "proxy", LITELLM_PROXY_CA=str(file))
    found = done.one("proxy", "error", f"LITELLM_PROXY_CA ({file}) cannot be used: {why}")
    assert found["mend"] == "Give a file of PEM certificates."


def test_an_http_proxy_in_the_way(machine: Machine) -> None:
    through = "http://user:planted-password@127.0.0.1:9"
    with served(READY) as (url, _):
        detoured = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, HTTP_PROXY=through, NO_PROXY="example.com")
        straight = machine.doctor("--mode", "proxy", LITELLM_PROXY_URL=url, HTTP_PROXY=through, NO_PROXY="127.0.0.1")
    found = detoured.one("proxy", "warning", "HTTP_PROXY is set, and NO_PROXY does not name 127.0.0.1")
    assert found["mend"] == "export NO_PROXY=example.com,127.0.0.1"
    assert detoured.one("proxy", "ok", "lists 3 models")
    assert "planted-password" not in detoured.out + detoured.err
    assert straight.of("proxy", "warning") == []


def test_an_http_proxy_on_the_way_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    address = Address.of("http://litellm.example")
    assert address.http_proxy == "http://proxy.example:3128"
    assert detour(address) == []
