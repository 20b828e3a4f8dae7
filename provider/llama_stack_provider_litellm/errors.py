"""Every failure a user of this package can meet, as one tree, each with its HTTP status.

    LiteLLMProviderError                500   base; never raised itself
    ├── ConfigError                      -    LiteLLM's config.yaml or the provider's settings are wrong
    └── RequestError                    500   one request failed; never raised itself
        ├── InvalidRequest              400
        │   ├── ContextWindowExceeded   400
        │   ├── ContentRefused          400   a content policy or a guardrail refused
        │   └── UnsupportedParameter    400
        ├── UpstreamAuthentication      401   the vendor refused the configured key
        ├── PaymentRequired             402
        ├── PermissionRefused           403
        │   └── TagsRefused             403   no deployment of the model has the caller's tags
        ├── ModelNotFound               404
        ├── Conflict                    409
        ├── Unprocessable               422
        ├── RateLimited                 429   carries ``retry_after`` where it is known
        │   └── BudgetExceeded          429
        ├── BadGateway                  502   the vendor failed, or could not be reached
        ├── Unavailable                 503
        └── UpstreamTimeout             504

:func:`from_litellm` maps an exception that LiteLLM raised onto this tree. It goes by class names, so
that the tree can be used (and imported) where litellm is not installed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from .wording import words_of as words_of


class LiteLLMProviderError(Exception):
    """Base of everything this package raises on purpose."""


class ConfigError(LiteLLMProviderError):
    """The configuration is wrong. The message names the file, the key and the mend."""


class RequestError(LiteLLMProviderError):
    """One request failed.

    ``message`` says what happened, to which model, and what to do. ``retry_after`` is in seconds.
    """

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    mend: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        deployment: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.model = model
        self.deployment = deployment
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that belong to this error: ``Retry-After`` in whole seconds, rounded up."""
        return {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}


class InvalidRequest(RequestError):
    """The request cannot be served as it stands."""

    status_code = 400
    code = "invalid_request"


class ContextWindowExceeded(InvalidRequest):
    """The prompt is longer than the model's window."""

    code = "context_length_exceeded"
    mend = "Shorten the prompt, or give the model a `context_window_fallbacks` entry in the LiteLLM config."


class ContentRefused(InvalidRequest):
    """The vendor's content policy, or a guardrail, refused the prompt or the answer."""

    code = "content_policy_violation"
    mend = "Change the prompt, or give the model a `content_policy_fallbacks` entry in the LiteLLM config."


class UnsupportedParameter(InvalidRequest):
    """The model's vendor does not take a parameter of the request."""

    code = "unsupported_parameter"
    mend = "Leave the parameter out, or set `litellm_settings.drop_params: true` in the LiteLLM config."


class UpstreamAuthentication(RequestError):
    """The vendor refused the key that the LiteLLM config gives for the model."""

    status_code = 401
    code = "authentication_error"
    mend = "Check `api_key` of this model in the LiteLLM config, and the environment variable behind it."


class PaymentRequired(RequestError):
    """The vendor wants money before it goes on."""

    status_code = 402
    code = "payment_required"
    mend = "Top up the vendor's account that the model's `api_key` belongs to."


class PermissionRefused(RequestError):
    """The vendor knows the key but does not allow this use of it."""

    status_code = 403
    code = "permission_denied"
    mend = "Check that the vendor's account of this model's `api_key` may use the model."


class TagsRefused(PermissionRefused):
    """No deployment of the model may be used with the caller's tags."""

    code = "tags_refused"
    mend = "Send a tag in `litellm_tags` that a deployment of the model has in `litellm_params.tags`."


class ModelNotFound(RequestError):
    """No such model, here or at the vendor."""

    status_code = 404
    code = "model_not_found"
    mend = "Check `litellm_params.model` and `api_base` of this model in the LiteLLM config."


class Conflict(RequestError):
    """The vendor reports a conflict with the present state."""

    status_code = 409
    code = "conflict"


class Unprocessable(RequestError):
    """The vendor understood the request but cannot process it."""

    status_code = 422
    code = "unprocessable_entity"


class RateLimited(RequestError):
    """A limit of the vendor, or of the LiteLLM config, is reached for now."""

    status_code = 429
    code = "rate_limit_exceeded"
    mend = "Wait, or add a second deployment or a `fallbacks` entry for the model in the LiteLLM config."


class BudgetExceeded(RateLimited):
    """A budget is used up."""

    code = "budget_exceeded"
    mend = "Wait until the budget resets, or raise it where it is set."


class BadGateway(RequestError):
    """The vendor failed, or could not be reached."""

    status_code = 502
    code = "upstream_error"
    mend = "Check that `api_base` of the model answers; a `fallbacks` entry would keep requests going."


class Unavailable(RequestError):
    """The vendor is overloaded or down for now."""

    status_code = 503
    code = "upstream_unavailable"
    mend = "Try again later; a `fallbacks` entry for the model would keep requests going."


class UpstreamTimeout(RequestError):
    """The vendor did not answer in time."""

    status_code = 504
    code = "upstream_timeout"
    mend = "Try again, or raise `timeout` of the model (or `litellm_settings.request_timeout`) in the LiteLLM config."


# litellm.exceptions class name → ours. An exception is looked up by its own class first, then by its
# bases, so that LiteLLM's subclasses (ContextWindowExceededError is a BadRequestError) find their own row.
_BY_CLASS: dict[str, type[RequestError]] = {
    "ContextWindowExceededError": ContextWindowExceeded,
    "ContentPolicyViolationError": ContentRefused,
    "RejectedRequestError": ContentRefused,
    "GuardrailRaisedException": ContentRefused,
    "BlockedPiiEntityError": ContentRefused,
    "UnsupportedParamsError": UnsupportedParameter,
    "PaymentRequiredError": PaymentRequired,
    "BadRequestError": InvalidRequest,
    "InvalidRequestError": InvalidRequest,
    "AuthenticationError": UpstreamAuthentication,
    "PermissionDeniedError": PermissionRefused,
    "NotFoundError": ModelNotFound,
    "UnprocessableEntityError": Unprocessable,
    "BudgetExceededError": BudgetExceeded,
    "RouterRateLimitError": RateLimited,
    "RouterRateLimitErrorBasic": RateLimited,
    "RateLimitError": RateLimited,
    "Timeout": UpstreamTimeout,
    "APITimeoutError": UpstreamTimeout,
    "TimeoutError": UpstreamTimeout,
    "ServiceUnavailableError": Unavailable,
    "BadGatewayError": BadGateway,
    "InternalServerError": BadGateway,
    "APIConnectionError": BadGateway,
    "APIResponseValidationError": BadGateway,
}

# What LiteLLM says with a bare ValueError, or wraps into a BadRequestError: only the words tell it apart.
_BY_WORDS: dict[str, type[RequestError]] = {
    "crossed budget": BudgetExceeded,
    "Budget has been exceeded!": BudgetExceeded,
    "due to tags configuration": TagsRefused,
    "response was blocked": ContentRefused,
}

_TOO_LONG = re.compile(r"maximum context length|prompt is too long|input token count|context_length_exceeded", re.I)

_BY_STATUS: dict[int, type[RequestError]] = {
    400: InvalidRequest,
    401: UpstreamAuthentication,
    402: PaymentRequired,
    403: PermissionRefused,
    404: ModelNotFound,
    408: UpstreamTimeout,
    409: Conflict,
    413: InvalidRequest,
    422: Unprocessable,
    429: RateLimited,
    503: Unavailable,
    504: UpstreamTimeout,
    529: Unavailable,
}


def from_litellm(
    exc: BaseException,
    *,
    model: str,
    deployments: Collection[str] = (),
    retry_after: float | None = None,
    redact: Callable[[str], str] = lambda text: text,
) -> RequestError:
    """The error of our tree that tells what ``exc``, raised by LiteLLM for ``model``, means.

    ``deployments`` are those of the model, as the config writes them (``vendor/model``). ``retry_after`` is the wait
    in seconds where the caller knows it better. ``redact`` takes secrets out of LiteLLM's text: some vendors repeat
    the key that they refuse.
    """
    # A stream that broke before its first chunk: what broke it says more.
    cause = getattr(exc, "original_exception", None) or exc
    kind = _kind(cause)
    deployment = _deployment(cause) or _deployment(exc)
    # What the Router itself refuses, with a ValueError, no deployment has seen.
    if deployment or not isinstance(cause, ValueError):
        deployment = _as_configured(deployment, deployments)
    if retry_after is None:
        retry_after = retry_after_seconds(cause)
    said = redact(words_of(cause))
    where = f"{model} ({deployment})" if deployment and deployment != model else model
    parts = [f"Model {where}: {said}"]
    if retry_after is not None:
        parts.append(f"Retry after {math.ceil(retry_after)} s.")
    if kind.mend:
        parts.append(kind.mend)
    return kind(" ".join(parts), model=model, deployment=deployment, retry_after=retry_after)


def _kind(exc: BaseException) -> type[RequestError]:
    status = _status(exc)
    for cls in type(exc).__mro__:
        if kind := _BY_CLASS.get(cls.__name__):
            # LiteLLM files a vendor's 529 and 409 under its general classes; the status says more.
            kind = _BY_STATUS.get(status, kind) if kind in (BadGateway, InvalidRequest) else kind
            break
    else:
        kind = _BY_STATUS.get(status, BadGateway)
    if kind is InvalidRequest or isinstance(exc, ValueError):
        for words, said in _BY_WORDS.items():
            if words in str(exc):
                return said
    # What LiteLLM has not looked for in the vendor's words, in a stream above all.
    if kind is InvalidRequest and _TOO_LONG.search(str(exc)):
        return ContextWindowExceeded
    if kind is BadGateway and "overloaded_error" in str(exc):
        return Unavailable
    return kind


def _status(exc: BaseException) -> int:
    try:
        return int(getattr(exc, "status_code", 0) or 0)
    except (TypeError, ValueError):
        return 0


def _deployment(exc: BaseException) -> str | None:
    """``vendor/model`` as the LiteLLM config writes it."""
    model, vendor = getattr(exc, "model", None), getattr(exc, "llm_provider", None)
    if not isinstance(model, str) or not model:
        return None
    return f"{vendor}/{model}" if vendor and "/" not in model else model


def _as_configured(found: str | None, deployments: Collection[str]) -> str | None:
    """The deployment in the config's words. LiteLLM's streams of Gemini name none, or it by another vendor."""
    if found is None:
        return next(iter(deployments)) if len(deployments) == 1 else None
    same = [known for known in deployments if known.rsplit("/", 1)[-1] == found.rsplit("/", 1)[-1]]
    return found if found in deployments or len(same) != 1 else same[0]


def retry_after_seconds(exc: BaseException) -> float | None:
    """The wait that the vendor (``Retry-After``) or LiteLLM's own cooldown asks for, in seconds."""
    cooldown = getattr(exc, "cooldown_time", None)
    if isinstance(cooldown, int | float) and cooldown > 0:
        return float(cooldown)
    for headers in _header_sets(exc):
        for name in ("retry-after", "llm_provider-retry-after"):
            seconds = _seconds(headers.get(name))
            if seconds is not None:
                return seconds
    # Google's RetryInfo stands in the body: https://cloud.google.com/apis/design/errors#error_details
    told = re.search(r"retryDelay\W+(\d+(?:\.\d+)?)s", str(exc))
    return float(told[1]) if told else None


def _seconds(value: Any) -> float | None:
    """A ``Retry-After``: seconds, or the date at which they are over (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return seconds if 0 <= seconds < math.inf else None


def _header_sets(exc: BaseException) -> Iterator[Any]:
    yield getattr(exc, "litellm_response_headers", None) or {}
    yield getattr(getattr(exc, "response", None), "headers", None) or {}
    yield getattr(exc, "headers", None) or {}
