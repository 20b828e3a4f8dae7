"""Answers that are none: LiteLLM's own, and those of whatever stands in its place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.engines.proxy import refusals

URL = "http://proxy"


@dataclass
class Answer:
    """As much of an HTTP answer as is looked at."""

    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def refusal(answer: Answer, body: bytes | dict[str, Any], **more: Any) -> errors.RequestError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusals.error(answer, raw, url=URL, **{"redact": lambda text: text, **more})  # type: ignore[arg-type]


def test_litellms_own_form() -> None:
    body = {"error": {"message": "litellm.RateLimitError: RateLimitError: OpenAIException - slow down", "code": "429"}}
    error = refusal(Answer(429, headers={"retry-after": "7"}), body, model="gpt", deployments=["openai/x"])
    assert type(error) is errors.RateLimited
    assert (error.retry_after, error.model, error.deployment) == (7.0, "gpt", "openai/x")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_litellm_says_never_means_that_the_proxy_is_gone(status: int) -> None:
    error = refusal(Answer(status), {"error": {"message": "oh", "type": "x", "param": None, "code": str(status)}})
    assert not isinstance(error, errors.ProxyGone)


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>", b"upstream connect error", b'{"message": "no"}', b'{"error": "no"}'])
def test_a_gateway_without_a_proxy_behind_it(status: int, body: bytes) -> None:
    error = refusal(Answer(status, "text/plain"), body)
    assert type(error) is errors.ProxyGone
    assert error.message.startswith(f"There is no LiteLLM Proxy behind it: {URL} answered {status} with ")
    assert error.message.endswith(error.mend)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, errors.ProxyFailed), (401, errors.KeyRefused), (403, errors.KeyNotAllowed), (404, errors.ProxyFailed)),
        *((408, errors.UpstreamTimeout), (413, errors.InvalidRequest), (422, errors.Unprocessable)),
        *((429, errors.KeyLimited), (500, errors.ProxyFailed), (501, errors.ProxyFailed), (204, errors.ProxyFailed)),
    ],
)
def test_another_server_goes_by_its_status(status: int, kind: type[errors.RequestError]) -> None:
    error = refusal(Answer(status, "text/plain", {"retry-after": "7"}), b"no \n thanks")
    assert type(error) is kind
    assert f"{URL} answered {status} with 'no thanks'." in error.message
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("text/plain", b"", "nothing"),
        ("text/html", b"<html>" + b"x" * 9999, "a web page"),
        ("text/plain", b"\xff\xfe", "'\ufffd\ufffd'"),
        ("text/plain", b"a" * 9999, f"'{'a' * 200}'"),
        ("application/json", b'{"detail": "Not Found"}', """'{"detail": "Not Found"}'"""),
    ],
)
def test_a_page_is_told_in_short(kind: str, body: bytes, shown: str) -> None:
    assert f"with {shown}." in refusal(Answer(500, kind), body).message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told(status: int) -> None:
    error = refusal(Answer(status, headers={"location": "https://login"}), b"")
    assert type(error) is errors.ProxyFailed
    assert "redirects to https://login." in error.message
    assert "redirects to another address." in refusal(Answer(status), b"").message


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer(500, "text/plain"), b"key planted-1 " + b"a" * 200),
        (Answer(500, "text/plain"), b"a" * 193 + b" planted-1"),
        (Answer(302, headers={"location": "https://x?key=planted-1"}), b""),
        (Answer(401), b'{"error": {"message": "no such key: planted-1"}}'),
    ],
)
def test_secrets_are_taken_out(answer: Answer, body: bytes) -> None:
    error = refusal(answer, body, redact=lambda text: text.replace("planted-1", "[redacted]"))
    assert "plant" not in f"{error.message}{error!r}"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"{", b"[" * 100_000])
def test_no_json_is_no_answer(body: bytes) -> None:
    for read in (refusals.json_of, refusals.object_of):
        with pytest.raises(errors.ProxyFailed, match="answered 200 with text/html, as no LiteLLM Proxy does"):
            read(Answer(content_type="text/html"), body, url=URL)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null"])
def test_an_answer_has_to_be_an_object(body: bytes) -> None:
    with pytest.raises(errors.ProxyFailed):
        refusals.object_of(Answer(), body, url=URL)  # type: ignore[arg-type]


def test_only_events_are_a_stream() -> None:
    refusals.check_streams(Answer(content_type="text/event-stream"), url=URL)  # type: ignore[arg-type]
    for kind in ("text/html", "application/json", "application/octet-stream"):
        with pytest.raises(errors.ProxyFailed):
            refusals.check_streams(Answer(content_type=kind), url=URL)  # type: ignore[arg-type]
