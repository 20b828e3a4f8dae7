"""The error tree, and what each exception of LiteLLM becomes in it."""

from __future__ import annotations

import inspect
import json
import re
import time
from typing import Any

import pytest
from litellm import exceptions as vendor
from litellm.types.router import RouterRateLimitError, RouterRateLimitErrorBasic

from llama_stack_provider_litellm import errors, translation
from llama_stack_provider_litellm.translation import from_litellm
from llama_stack_provider_litellm.wording import words_of
from tests.raising import make, response

# Every class of litellm.exceptions → ours. A class that is new in a later litellm fails the test that reads this.
ROWS: dict[str, type[errors.RequestError]] = {
    "APIConnectionError": errors.BadGateway,
    "APIError": errors.BadGateway,
    "APIResponseValidationError": errors.BadGateway,
    "AuthenticationError": errors.UpstreamAuthentication,
    "BadGatewayError": errors.BadGateway,
    "BadRequestError": errors.InvalidRequest,
    "BlockedPiiEntityError": errors.ContentRefused,
    "BudgetExceededError": errors.BudgetExceeded,
    "ContentPolicyViolationError": errors.ContentRefused,
    "ContextWindowExceededError": errors.ContextWindowExceeded,
    "GuardrailRaisedException": errors.ContentRefused,
    "ImageFetchError": errors.InvalidRequest,
    "InternalServerError": errors.BadGateway,
    "InvalidRequestError": errors.InvalidRequest,
    "JSONSchemaValidationError": errors.BadGateway,
    "LiteLLMUnknownProvider": errors.InvalidRequest,
    "MidStreamFallbackError": errors.Unavailable,
    "MockException": errors.BadGateway,
    "ModelNotMappedError": errors.BadGateway,
    "ModifyResponseException": errors.BadGateway,
    "NotFoundError": errors.ModelNotFound,
    "OpenAIError": errors.BadGateway,
    "PaymentRequiredError": errors.PaymentRequired,
    "PermissionDeniedError": errors.PermissionRefused,
    "RateLimitError": errors.RateLimited,
    "RejectedRequestError": errors.ContentRefused,
    "SensitiveDataRouteException": errors.BadGateway,
    "ServiceUnavailableError": errors.Unavailable,
    "Timeout": errors.UpstreamTimeout,
    "UnprocessableEntityError": errors.Unprocessable,
    "UnsupportedParamsError": errors.UnsupportedParameter,
    "VectorStoreSearchError": errors.InvalidRequest,
}


def exceptions() -> list[str]:
    return sorted(
        name
        for name, found in vars(vendor).items()
        if not name.startswith("_") and isinstance(found, type) and issubclass(found, Exception)
    )


def test_every_exception_of_litellm_has_a_row() -> None:
    assert exceptions() == sorted(ROWS)


@pytest.mark.parametrize("name", exceptions())
def test_each_exception_of_litellm(name: str) -> None:
    error = from_litellm(make(name), model="gpt")
    assert type(error) is ROWS.get(name)
    assert 400 <= error.status_code <= 599
    assert error.status_code != 500, "never a bare 500 for something that was said upstream"
    assert re.match(r"Model gpt( \(\S+\))?: \S", error.message)
    assert error.message.endswith(error.mend)
    assert error.model == "gpt"
    assert str(error) == error.message
    assert "litellm." not in error.message.replace("docs.litellm.ai", ""), "LiteLLM's class names are gone"


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


# The tree as the module's docstring draws it.


def drawn() -> dict[str, tuple[str | None, str]]:
    """Class name → its parent's name and its status, as drawn."""
    found: dict[str, tuple[str | None, str]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r" {4}(?P<branch>[│├└─ ]*)(?P<name>\w+) +(?P<status>\d{3}|-)(?: |$)", line):
            depth = len(match["branch"])
            while above and above[-1][0] >= depth:
                above.pop()
            found[match["name"]] = (above[-1][1] if above else None, match["status"])
            above.append((depth, match["name"]))
    return found


def test_the_drawn_tree_is_the_real_one() -> None:
    real: dict[str, tuple[str | None, str]] = {}
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, errors.LiteLLMProviderError):
            parent = found.__base__.__name__ if found is not errors.LiteLLMProviderError else None  # type: ignore[union-attr]
            real[name] = (parent, str(getattr(found, "status_code", "-")))
    # The base has no status of its own: what escapes as such would be a 500.
    real["LiteLLMProviderError"] = (None, "500")
    assert drawn() == real


def test_each_class_has_a_code_of_its_own() -> None:
    kinds = [
        found for found in vars(errors).values() if inspect.isclass(found) and issubclass(found, errors.RequestError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_only_what_is_in_the_tree_is_ever_made() -> None:
    for kind in {*translation._BY_CLASS.values(), *translation._BY_STATUS.values()}:
        assert kind.__name__ in drawn()
        assert kind.status_code != 500


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
