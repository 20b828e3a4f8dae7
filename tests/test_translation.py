"""What LiteLLM says, with an exception or through its proxy, in our words and classes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from litellm import exceptions as vendor
from litellm.types.router import RouterRateLimitError, RouterRateLimitErrorBasic

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.translation import from_litellm, from_proxy
from llama_stack_provider_litellm.wording import words_of
from tests.raising import make, response


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (RouterRateLimitError("gpt", 5, False, ["id"]), errors.RateLimited),
        (RouterRateLimitErrorBasic("gpt"), errors.RateLimited),
        (TimeoutError("slow"), errors.UpstreamTimeout),
        (ValueError("odd"), errors.BadGateway),
        (KeyError("odd"), errors.BadGateway),
    ],
)
def test_exceptions_of_the_router_and_of_python(exc: Exception, kind: type[errors.RequestError]) -> None:
    assert type(from_litellm(exc, model="gpt")) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, errors.InvalidRequest), (401, errors.UpstreamAuthentication), (402, errors.PaymentRequired)),
        *((403, errors.PermissionRefused), (404, errors.ModelNotFound), (408, errors.UpstreamTimeout)),
        *((409, errors.Conflict), (413, errors.InvalidRequest), (422, errors.Unprocessable)),
        *((429, errors.RateLimited), (500, errors.BadGateway), (502, errors.BadGateway), (503, errors.Unavailable)),
        *((504, errors.UpstreamTimeout), (529, errors.Unavailable), (418, errors.BadGateway)),
    ],
)
def test_a_general_error_goes_by_its_status(status: int, kind: type[errors.RequestError]) -> None:
    assert type(from_litellm(make("APIError") if status == 500 else api_error(status), model="gpt")) is kind


def api_error(status: int) -> vendor.APIError:
    return vendor.APIError(status, "boom", "openai", "gpt-x")


def test_a_status_that_is_no_number() -> None:
    exc = ValueError("odd")
    exc.status_code = "often"  # type: ignore[attr-defined]
    assert from_litellm(exc, model="gpt").status_code == 502


def test_subclasses_find_their_own_row() -> None:
    class ContextOfTomorrow(vendor.ContextWindowExceededError):
        pass

    exc = ContextOfTomorrow("too long", "gpt-x", "openai")
    assert type(from_litellm(exc, model="gpt")) is errors.ContextWindowExceeded


@pytest.mark.parametrize(
    ("exc", "deployment"),
    [
        (vendor.BadRequestError("x", "gpt-x", "openai"), "openai/gpt-x"),
        (vendor.BadRequestError("x", "openai/gpt-x", "openai"), "openai/gpt-x"),
        (vendor.BadRequestError("x", "gpt-x", ""), "gpt-x"),
        (vendor.BadRequestError("x", "", "openai"), None),
        (ValueError("x"), None),
    ],
)
def test_the_deployment_is_named(exc: Exception, deployment: str | None) -> None:
    error = from_litellm(exc, model="mine")
    assert error.deployment == deployment
    assert error.message == (f"Model mine ({deployment}): x." if deployment else f"Model mine: x. {error.mend}".strip())


def test_a_deployment_of_the_models_own_name_is_not_repeated() -> None:
    exc = vendor.BadRequestError("x", "gpt-x", "openai")
    assert from_litellm(exc, model="openai/gpt-x").message == "Model openai/gpt-x: x."


@pytest.mark.parametrize(
    ("exc", "seconds", "header"),
    [
        (vendor.RateLimitError("x", "openai", "m", response=response(429, retry_after="7")), 7.0, "7"),
        (vendor.RateLimitError("x", "openai", "m", response=response(429, retry_after="0.2")), 0.2, "1"),
        (vendor.RateLimitError("x", "openai", "m", response=response(429, llm_provider_retry_after="9")), None, None),
        (vendor.RateLimitError("x", "openai", "m", response=response(429, retry_after="soon")), None, None),
        (vendor.RateLimitError("x", "openai", "m", response=response(429, retry_after="-1")), None, None),
        (vendor.RateLimitError("x", "openai", "m", response=response(429, retry_after="inf")), None, None),
        (vendor.RateLimitError("x", "openai", "m", response=response(429, retry_after="nan")), None, None),
        (vendor.RateLimitError("x", "openai", "m"), None, None),
        (RouterRateLimitError("m", 12.5, False, []), 12.5, "13"),
        (RouterRateLimitError("m", 0, False, []), None, None),
    ],
)
def test_retry_after(exc: Exception, seconds: float | None, header: str | None) -> None:
    error = from_litellm(exc, model="gpt")
    assert error.retry_after == seconds
    assert error.headers == ({"Retry-After": header} if header else {})
    assert ("Retry after" in error.message) is (seconds is not None)
    if header and seconds and seconds >= 1:
        assert f"Retry after {header} s. " in error.message


@pytest.mark.parametrize("name", ["retry-after", "llm_provider-retry-after"])
def test_retry_after_among_litellms_own_headers(name: str) -> None:
    exc = vendor.RateLimitError("x", "openai", "m", response=response(429))
    exc.litellm_response_headers = {name: "3"}  # type: ignore[attr-defined]
    assert from_litellm(exc, model="gpt").retry_after == 3.0


def test_a_broken_stream_keeps_the_vendors_status_and_wait() -> None:
    limited = vendor.RateLimitError("slow down", "openai", "m", response=response(429, retry_after="5"))
    exc = vendor.MidStreamFallbackError("slow down", "m", "openai", original_exception=limited)
    error = from_litellm(exc, model="gpt")
    assert (error.status_code, error.retry_after) == (429, 5.0)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("slow down", "slow down."),
        ("Slow down!", "Slow down!"),
        ("RateLimitError: OpenAIException - slow down", "slow down."),
        ("litellm.RateLimitError: RateLimitError: OpenAIException - slow down", "slow down."),
        ("AnthropicException - slow down", "slow down."),
        ("OpenAIException - Reason: too fast", "Reason: too fast."),
        ("slow down. Received Model Group=gpt\nAvailable Model Group Fallbacks=None", "slow down."),
        ("slow down No fallback model group found for original model_group=gpt", "slow down."),
        ("slow down. Passed model=gpt. pre-call-checks=False, cooldown_list=['id']", "slow down."),
        ("slow down\nmodel=gpt. context_window_fallbacks=None. fallbacks=None.", "slow down."),
        ("slow down. LiteLLM: model group 'gpt'", "slow down."),
        ("", "RateLimitError."),
    ],
)
def test_what_litellm_adds_is_gone(said: str, shown: str) -> None:
    exc = vendor.RateLimitError(said, "openai", "m")
    assert from_litellm(exc, model="gpt").message == f"Model gpt (openai/m): {shown} {errors.RateLimited.mend}"


def test_a_vendors_own_words_before_a_colon_stay() -> None:
    exc = vendor.BadRequestError("Region: eu-1 has no such model", "m", "openai")
    assert from_litellm(exc, model="gpt").message == "Model gpt (openai/m): Region: eu-1 has no such model."


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            {"type": "error", "error": {"type": "t", "message": "invalid x-api-key"}, "request_id": "r"},
            "invalid x-api-key.",
        ),
        ({"error": "plain words"}, "plain words."),
        ({"error": {"code": 5}}, '{"error": {"code": 5}}.'),
        ({"message": "elsewhere"}, '{"message": "elsewhere"}.'),
    ],
)
def test_a_quoted_body_is_reduced_to_its_message(body: dict[str, Any], shown: str) -> None:
    exc = vendor.BadRequestError(f"AnthropicException - {json.dumps(body)}", "claude", "anthropic")
    exc.message = f"litellm.BadRequestError: AnthropicException - {json.dumps(body)}"
    assert from_litellm(exc, model="c").message == f"Model c (anthropic/claude): {shown}"


def test_a_body_that_is_cut_off_stays_as_it_is() -> None:
    exc = vendor.BadRequestError('AnthropicException - {"error": {"mess', "claude", "anthropic")
    assert from_litellm(exc, model="c").message.endswith('{"error": {"mess.')


def test_secrets_are_taken_out_of_what_was_said() -> None:
    body = json.dumps({"error": {"message": "no such key: sk-plänted-1"}})
    for said in ("no such key: sk-plänted-1", f"OpenAIException - {body}"):
        exc = vendor.AuthenticationError(said, "openai", "m")
        error = from_litellm(exc, model="gpt", redact=lambda text: text.replace("sk-plänted-1", "[redacted]"))
        assert "no such key: [redacted]." in error.message
        assert "sk-pl" not in f"{error.message}{error!r}{error.args}"


def test_a_rate_of_the_config_says_which_limit_and_how_far() -> None:
    usage = {
        "id-1": {"current_tpm": 88, "tpm_limit": float("inf"), "current_rpm": 4, "rpm_limit": 5},
        "id-2": {"current_tpm": None, "tpm_limit": 100, "current_rpm": 1, "rpm_limit": float("inf")},
    }
    said = f"No deployments available for selected model. Passed model=gpt. Deployments={usage}"
    made = from_litellm(vendor.RateLimitError(said, llm_provider="", model="gpt"), model="gpt")
    assert made.message.startswith(
        "Model gpt: No deployments available for selected model: id-1 has had 4 of 5 requests (rpm) this minute, "
        "id-2 has had 0 of 100 tokens (tpm) this minute. "
    )


def test_a_deployments_budget_says_what_was_spent() -> None:
    said = "No deployments available - crossed budget: Exceeded budget for deployment model_name: gpt, "
    said += "litellm_params.model: openai/x, model_id: id-1: 0.056 >= 1d\n"
    made = from_litellm(ValueError(said), model="gpt")
    assert isinstance(made, errors.BudgetExceeded)
    assert "model_id: id-1: 0.056 USD spent in 1d. Wait until" in made.message


def test_tags_that_no_deployment_has() -> None:
    said = "Not allowed to access model due to tags configuration. Passed model=gpt and tags=['a']"
    made = from_litellm(ValueError(said), model="gpt")
    assert isinstance(made, errors.TagsRefused)
    assert "litellm_tags" in made.message and "api_key" not in made.message


def test_a_padded_text_is_read_at_once() -> None:
    """Vendors' error pages may hold long runs of white space."""
    began = time.perf_counter()
    assert words_of(Exception("x" + " " * 100_000 + "y")).endswith("y.")
    assert time.perf_counter() - began < 1


# What a LiteLLM Proxy answers: bodies of LiteLLM 1.106.2.

NO_FALLBACK = "LiteLLM: model group 'gpt' failed with the error above. No fallback was attempted."
KEY_ERROR = "Authentication Error, "


def told(message: str, status: int, kind: str | None = None, **more: Any) -> errors.RequestError:
    body = {"message": message, "type": kind, "param": None, "code": str(status), **more}
    return from_proxy(body, status=status, model="gpt", deployments=["openai/gpt-4o-mini"])


@pytest.mark.parametrize(
    ("message", "status", "kind", "expected"),
    [
        (KEY_ERROR + "No api key passed in.", 401, "auth_error", errors.KeyRefused),
        (KEY_ERROR + "Invalid proxy server token passed.", 401, "token_not_found_in_db", errors.KeyRefused),
        (KEY_ERROR + "Expired Key. Key Expiry time 2026-01-01", 400, "expired_key", errors.KeyRefused),
        ("No connected db.", 400, "no_db_connection", errors.KeyRefused),
        ("Budget has been exceeded! Current cost: 2.0", 422, "budget_exceeded", errors.BudgetExceeded),
        ("Budget has been exceeded! Current cost: 2.0", 429, "budget_exceeded", errors.BudgetExceeded),
        ("Budget has been exceeded! Team=moon", 400, "auth_error", errors.BudgetExceeded),
        ("Over the tag's budget", 400, "budget_exceeded", errors.BudgetExceeded),
        ("Rate limit exceeded for api_key: 70. Limit type: requests.", 429, "throttling_error", errors.KeyLimited),
        ("key not allowed to access model.", 401, "key_model_access_denied", errors.KeyNotAllowed),
        ("team not allowed to access model.", 401, "team_model_access_denied", errors.KeyNotAllowed),
        ("Only proxy admin can be used", 403, "auth_error", errors.KeyNotAllowed),
        ("/chat/completions: Invalid model name passed in model=gpt.", 400, "None", errors.ModelNotFound),
        ("Missing required parameter: 'messages'.", 400, "invalid_request_error", errors.InvalidRequest),
        ("Method not allowed", 405, "None", errors.InvalidRequest),
        ("too large", 413, "None", errors.InvalidRequest),
        ("Internal Server Error, x", 500, "internal_server_error", errors.ProxyFailed),
    ],
)
def test_what_the_proxy_says_for_itself(
    message: str, status: int, kind: str, expected: type[errors.RequestError]
) -> None:
    error = told(message, status, kind)
    assert type(error) is expected
    assert error.message.startswith(f"Model gpt: {message.rstrip('.')}")
    assert error.message.endswith(error.mend)
    assert error.deployment is None, "no deployment has been asked"


def test_a_guardrail_is_no_wrong_request() -> None:
    error = told("Violated guardrail policy", 400, "None", provider_specific_fields={"guardrail_name": "no-secrets"})
    assert type(error) is errors.GuardrailRefused
    assert "Guardrail 'no-secrets'" in error.message
    assert type(told("Violated", 400, "None", provider_specific_fields={"x": 1})) is errors.InvalidRequest


@pytest.mark.parametrize(
    ("status", "said", "kind", "expected"),
    [
        (400, "BadRequestError: OpenAIException - ", "invalid_request_error", errors.InvalidRequest),
        (
            401,
            "AuthenticationError: AuthenticationError: OpenAIException - ",
            "authentication_error",
            errors.UpstreamAuthentication,
        ),
        (402, "APIError: APIError: OpenAIException - ", "invalid_request_error", errors.PaymentRequired),
        (403, "APIError: APIError: OpenAIException - ", "permission_error", errors.PermissionRefused),
        (404, "NotFoundError: OpenAIException - ", "invalid_request_error", errors.ModelNotFound),
        (408, "BadRequestError: OpenAIException - ", "invalid_request_error", errors.UpstreamTimeout),
        (409, "BadRequestError: OpenAIException - ", "invalid_request_error", errors.Conflict),
        (413, "BadRequestError: OpenAIException - ", "invalid_request_error", errors.InvalidRequest),
        (422, "BadRequestError: OpenAIException - ", "invalid_request_error", errors.Unprocessable),
        (429, "RateLimitError: RateLimitError: OpenAIException - ", "throttling_error", errors.RateLimited),
        (
            500,
            "InternalServerError: InternalServerError: OpenAIException - ",
            "internal_server_error",
            errors.BadGateway,
        ),
        (502, "BadGatewayError: BadGatewayError: OpenAIException - ", "internal_server_error", errors.BadGateway),
        (
            503,
            "ServiceUnavailableError: ServiceUnavailableError: OpenAIException - ",
            "internal_server_error",
            errors.Unavailable,
        ),
        (504, "Timeout: Timeout Error: OpenAIException - ", "internal_server_error", errors.UpstreamTimeout),
        (529, "APIError: APIError: OpenAIException - ", "internal_server_error", errors.Unavailable),
    ],
)
def test_what_an_upstream_says_through_the_proxy(
    status: int, said: str, kind: str, expected: type[errors.RequestError]
) -> None:
    error = told(f"litellm.{said}The vendor said {status}\n\n{NO_FALLBACK}", status, kind)
    assert type(error) is expected
    assert error.deployment == "openai/gpt-4o-mini"
    assert error.message.startswith("Model gpt (openai/gpt-4o-mini): ")
    assert f"The vendor said {status}" in error.message
    assert "litellm." not in error.message and "No fallback" not in error.message
    assert error.message.endswith(error.mend)


@pytest.mark.parametrize(
    ("message", "status", "expected", "words"),
    [
        (
            "litellm.BadRequestError: You passed in model=gpt. There are no healthy deployments for this model",
            *(400, errors.ModelNotFound, "You passed in model=gpt."),
        ),
        (
            "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "
            "OpenAIException - The maximum context length is 8 tokens.\nmodel=gpt. context_window_fallbacks=None.",
            *(400, errors.ContextWindowExceeded, "maximum context length is 8 tokens."),
        ),
        (
            "litellm.BadRequestError: litellm.ContentPolicyViolationError: The response was filtered",
            *(400, errors.ContentRefused, "The response was filtered."),
        ),
        (
            "litellm.UnsupportedParamsError: openai does not support parameters: ['seed']. To drop these, set x",
            *(400, errors.UnsupportedParameter, "does not support parameters: ['seed']."),
        ),
        (
            'litellm.InternalServerError: AnthropicError - {"error": {"type": "overloaded_error", "message": "Busy"}}',
            *(500, errors.Unavailable, "Busy."),
        ),
        (
            "No deployments available for selected model, Try again in 5 seconds. Passed model=gpt. " + NO_FALLBACK,
            *(429, errors.RateLimited, "No deployments available for selected model"),
        ),
    ],
)
def test_a_refusal_that_only_the_words_tell(
    message: str, status: int, expected: type[errors.RequestError], words: str
) -> None:
    error = told(f"{message}\n\n{NO_FALLBACK}", status, "invalid_request_error")
    assert type(error) is expected
    assert words in error.message


@pytest.mark.parametrize("name", ["retry-after", "llm_provider-retry-after"])
def test_the_proxys_headers_tell_the_wait(name: str) -> None:
    body = {"message": "litellm.RateLimitError: RateLimitError: OpenAIException - slow down"}
    error = from_proxy(body, status=429, model="gpt", headers={name: "7"})
    assert (error.retry_after, error.headers) == (7.0, {"Retry-After": "7"})
    assert "Retry after 7 s." in error.message


@pytest.mark.parametrize(("code", "status"), [("429", 429), (429, 429), ("often", 502), (None, 502)])
def test_within_a_stream_the_code_is_the_status(code: object, status: int) -> None:
    body = {"message": "litellm.APIError: APIError: OpenAIException - The stream broke", "code": code}
    assert from_proxy(body, model="gpt").status_code == status


@pytest.mark.parametrize("message", [None, {"odd": 1}, 5, ""])
def test_a_message_that_is_none(message: object) -> None:
    assert from_proxy({"message": message}, status=500, model="gpt").status_code == 502


def test_without_a_model_the_proxy_is_named() -> None:
    assert from_proxy({"message": "No."}, status=500, model=None).message.startswith("The LiteLLM Proxy: No.")


def test_secrets_are_taken_out_of_what_the_proxy_said() -> None:
    body = {"message": "litellm.AuthenticationError: OpenAIException - no such key: planted-1"}
    error = from_proxy(body, status=401, model="gpt", redact=lambda text: text.replace("planted-1", "[redacted]"))
    assert "no such key: [redacted]." in error.message
    assert "planted" not in f"{error.message}{error!r}{error.args}"


@pytest.mark.parametrize("words", ["Exceeded budget for deployment ", "retryDelay ", "litellm.x: ", "'x': {"])
def test_an_error_that_repeats_a_long_prompt_is_read_at_once(words: str) -> None:
    began = time.perf_counter()
    told(f"litellm.BadRequestError: {words * (2**20 // len(words))}", 400)
    assert time.perf_counter() - began < 2
