"""What LiteLLM makes of every error: its class and its status, which is not always the upstream's."""

from __future__ import annotations

from typing import Any

import pytest
from litellm import exceptions as litellm_errors

from tests.upstream import Upstream
from tests.wire.conftest import NAMES, SHAPES, events, gemini, messages, run, through_litellm

# Per shape, in the order of SHAPES; a status is named where LiteLLM changes it.
ERRORS: dict[str, tuple[str, str, str]] = {
    "400": ("BadRequestError",) * 3,
    "400 context": ("ContextWindowExceededError",) * 3,
    "400 content": ("ContentPolicyViolationError",) * 3,
    "400 key": ("BadRequestError", "BadRequestError", "AuthenticationError 401"),
    "401": ("AuthenticationError",) * 3,
    "402": ("APIError", "PaymentRequiredError", "PaymentRequiredError"),
    "403": ("APIError", "PermissionDeniedError", "BadRequestError"),
    "404": ("NotFoundError",) * 3,
    "408": ("BadRequestError", "Timeout", "Timeout"),
    "409": ("BadRequestError",) * 3,
    "413": ("BadRequestError", "BadRequestError 400", "BadRequestError"),
    "422": ("BadRequestError",) * 3,
    "429 retry-after=7": ("RateLimitError",) * 3,
    "500": ("InternalServerError",) * 3,
    "502": ("BadGatewayError", "BadGatewayError", "APIConnectionError 500"),
    "503": ("ServiceUnavailableError",) * 3,
    "504": ("Timeout", "Timeout 408", "Timeout"),
    "529": ("APIError", "InternalServerError 500", "APIError"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("directive", ERRORS)
def test_litellm_knows_every_error(upstream: Upstream, shape: str, directive: str, stream: bool) -> None:
    sent = int(directive.split()[0])
    expected, _, status = ERRORS[directive][SHAPES.index(shape)].partition(" ")
    with pytest.raises(Exception, match="velvet") as caught:
        run(through_litellm(upstream, shape, f"velvet [[error {directive}]]", stream=stream))
    error: Any = caught.value
    if shape == "gemini" and stream and (sent == 429 or sent >= 500):
        # Gemini's request leaves with the first read of the stream, so LiteLLM takes these for breaks.
        assert isinstance(error, litellm_errors.MidStreamFallbackError)
        error = error.original_exception
    assert type(error).__name__ == expected
    assert error.status_code == int(status or sent)
    (call,) = upstream.calls()
    assert (call["outcome"], call["status"]) == ("error", sent)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fault_with_times_ends(upstream: Upstream, shape: str) -> None:
    text = "[[error 503 times=2]] hello"
    for _ in range(2):
        with pytest.raises(litellm_errors.ServiceUnavailableError):
            run(through_litellm(upstream, shape, text))
    assert run(through_litellm(upstream, shape, text)).choices[0].message.content == f"echo[{NAMES[shape]}]: {text}"


def test_when_to_come_back(upstream: Upstream) -> None:
    for status in (429, 503, 529):
        assert messages(upstream, f"[[error {status} retry-after=7]]").headers["retry-after"] == "7"
        refused = gemini(upstream, f"[[error {status} retry-after=7]]")
        assert "retry-after" not in refused.headers
        assert refused.json()["error"]["details"][0]["retryDelay"] == "7s"


@pytest.mark.parametrize(
    ("status", "kind", "google"),
    [
        (402, "billing_error", "FAILED_PRECONDITION"),
        (409, "conflict_error", "ABORTED"),
        (413, "request_too_large", "INVALID_ARGUMENT"),
        (422, "invalid_request_error", "INVALID_ARGUMENT"),
        (502, "api_error", "UNAVAILABLE"),
        (504, "timeout_error", "DEADLINE_EXCEEDED"),
        (529, "overloaded_error", "UNAVAILABLE"),
    ],
)
def test_every_vendor_has_its_word_for_a_status(upstream: Upstream, status: int, kind: str, google: str) -> None:
    refused = messages(upstream, f"[[error {status}]]")
    assert (refused.status_code, refused.json()["error"]["type"]) == (status, kind)
    refused = gemini(upstream, f"[[error {status}]]")
    assert (refused.status_code, refused.json()["error"]["status"]) == (status, google)
    assert refused.json()["error"]["code"] == status


def test_google_says_in_the_stream_that_it_breaks(upstream: Upstream) -> None:
    sent = events(gemini(upstream, "velvet [[midstream-error]] a b", "streamGenerateContent"))
    assert [next(iter(event)) for event in sent] == ["candidates", "candidates", "error"]
    assert sent[-1]["error"]["status"] == "UNAVAILABLE"
    assert "velvet" in sent[-1]["error"]["message"]
