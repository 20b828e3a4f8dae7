"""What LiteLLM says of a failure, put into the tree of :mod:`.errors`.

It says it with an exception in this process, and with an HTTP answer where a LiteLLM Proxy stands between. Both
name LiteLLM's class; it is looked up by its name, so that this can be used where litellm is not installed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import (
    BadGateway,
    BudgetExceeded,
    Conflict,
    ContentRefused,
    ContextWindowExceeded,
    GuardrailRefused,
    InvalidRequest,
    KeyLimited,
    KeyNotAllowed,
    KeyRefused,
    ModelNotFound,
    PaymentRequired,
    PermissionRefused,
    ProxyFailed,
    RateLimited,
    RequestError,
    TagsRefused,
    Unavailable,
    Unprocessable,
    UnsupportedParameter,
    UpstreamAuthentication,
    UpstreamTimeout,
)
from .wording import words_in, words_of

# litellm.exceptions class name → ours. An exception is looked up by its own class first, then by its
# bases, so that LiteLLM's subclasses (ContextWindowExceededError is a BadRequestError) find their own row.
_BY_CLASS: dict[str, type[RequestError]] = {
    "ContextWindowExceededError": ContextWindowExceeded,
    "ContentPolicyViolationError": ContentRefused,
    "RejectedRequestError": ContentRefused,
    "GuardrailRaisedException": GuardrailRefused,
    "BlockedPiiEntityError": GuardrailRefused,
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
    # A guardrail's that has no name, of which a proxy says no more.
    "Guardrail raised an exception": GuardrailRefused,
    "Blocked entity detected": GuardrailRefused,
    # A proxy's Router, of a model that it has not.
    "You passed in model=": ModelNotFound,
    "Invalid model name passed in": ModelNotFound,
}

_TOO_LONG = re.compile(r"maximum context length|prompt is too long|input token count|context_length_exceeded", re.I)

# "litellm.RateLimitError: RateLimitError: OpenAIException - slow down"
_CLASSES = re.compile(r"\blitellm\.(\w+): ")
_RETRIED = re.compile(r"LiteLLM Retried: (\d+) times")
# What the Router adds to what it could not get from any deployment.
_BY_UPSTREAM = "LiteLLM: model group"
# What the Router refuses before a deployment is asked.
_OWN_WORDS = re.compile(
    r"no healthy deployments|No deployments available|crossed budget|due to tags configuration", re.I
)

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


Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Said:
    """``classes`` are LiteLLM's, the failure's own first; ``text`` is all that was said, ``words`` what is worth
    telling of it."""

    classes: Sequence[str]
    status: int
    text: str
    words: str
    deployment: str | None = None
    retry_after: float | None = None
    # What the Router itself refuses, with a ValueError, no deployment has seen.
    by_router: bool = False
    # The vendor's own word for it, where it has one.
    code: str = ""


def from_litellm(
    exc: BaseException,
    *,
    model: str,
    deployments: Collection[str] = (),
    retry_after: float | None = None,
    redact: Redact = lambda text: text,
) -> RequestError:
    """The error of our tree that tells what ``exc``, raised by LiteLLM for ``model``, means.

    ``deployments`` are those of the model, as the config writes them (``vendor/model``). ``retry_after`` is the wait
    in seconds where the caller knows it better. ``redact`` takes secrets out of LiteLLM's text: some vendors repeat
    the key that they refuse.
    """
    # A stream that broke before its first chunk: what broke it says more.
    cause = getattr(exc, "original_exception", None) or exc
    said = _Said(
        classes=[cls.__name__ for cls in type(cause).__mro__],
        status=_status(getattr(cause, "status_code", 0)),
        text=str(cause),
        words=words_of(cause),
        deployment=_deployment(cause) or _deployment(exc),
        retry_after=retry_after_seconds(cause) if retry_after is None else retry_after,
        by_router=isinstance(cause, ValueError),
        code=str(getattr(cause, "code", None) or ""),
    )
    return _error(_kind(said), said, model, deployments, redact)


def from_proxy(
    body: Mapping[str, Any],
    *,
    model: str | None,
    status: int = 0,
    headers: Mapping[str, str] | None = None,
    deployments: Collection[str] = (),
    redact: Redact = lambda text: text,
) -> RequestError:
    """The same for the ``{"message", "type", "param", "code"}`` that a LiteLLM Proxy puts under ``error``.

    ``status`` is that of the HTTP answer; within a stream, where it is 0, ``code`` says it. What an
    upstream said has LiteLLM's class in its message, or the Router's word; all else the proxy says for itself.
    """
    text = str(body.get("message") or "")
    # In a message they stand as they were wrapped, not the narrowest first.
    classes = sorted(_CLASSES.findall(text), key=lambda name: _BY_CLASS.get(name) in (InvalidRequest, BadGateway, None))
    said = _Said(
        classes=classes,
        status=status or _status(body.get("code")),
        text=text,
        words=words_in(text),
        retry_after=wait_in(headers or {}, text),
        by_router=bool(_OWN_WORDS.search(text)),
    )
    if classes or _BY_UPSTREAM in text:
        return _error(_kind(said), said, model, deployments, redact)
    details = body.get("provider_specific_fields")
    if isinstance(details, Mapping) and (guardrail := details.get("guardrail_name")):
        said = replace(said, words=f"Guardrail '{guardrail}': {said.words}")
        return _error(GuardrailRefused, said, model, (), redact)
    # No deployment has been asked.
    return _error(_kind_by_proxy(said, body), said, model, (), redact)


def _error(
    kind: type[RequestError], said: _Said, model: str | None, deployments: Collection[str], redact: Redact
) -> RequestError:
    deployment = said.deployment
    if deployment or not said.by_router:
        deployment = _as_configured(deployment, deployments)
    where = f"{model} ({deployment})" if deployment and deployment != model else model
    parts = [f"{f'Model {where}' if model else 'The LiteLLM Proxy'}: {redact(said.words)}"]
    if said.retry_after is not None:
        parts.append(f"Retry after {math.ceil(said.retry_after)} s.")
    if kind.mend:
        parts.append(kind.mend)
    error = kind(" ".join(parts), model=model, deployment=deployment, retry_after=said.retry_after)
    retried = _RETRIED.search(said.text)
    error.retries = int(retried[1]) if retried else None
    return error


def _kind(said: _Said) -> type[RequestError]:
    for name in said.classes:
        if kind := _BY_CLASS.get(name):
            # LiteLLM files a vendor's 529 and 409 under its general classes; the status says more.
            kind = _BY_STATUS.get(said.status, kind) if kind in (BadGateway, InvalidRequest) else kind
            break
    else:
        kind = _BY_STATUS.get(said.status, BadGateway)
    if (kind is InvalidRequest or said.by_router) and (told := _by_words(said.text)):
        return told
    # LiteLLM 1.108 files it under its general class.
    if kind is InvalidRequest and said.code == "content_policy_violation":
        return ContentRefused
    # What LiteLLM has not looked for in the vendor's words, in a stream above all.
    if kind is InvalidRequest and _TOO_LONG.search(said.text):
        return ContextWindowExceeded
    if kind is BadGateway and "overloaded_error" in said.text:
        return Unavailable
    return kind


def _by_words(text: str) -> type[RequestError] | None:
    return next((kind for words, kind in _BY_WORDS.items() if words in text), None)


def _kind_by_proxy(said: _Said, body: Mapping[str, Any]) -> type[RequestError]:
    """What the proxy says for itself, of the key above all: litellm/proxy/_types.py, ProxyErrorTypes."""
    kind = str(body.get("type") or "")
    if kind == "budget_exceeded":
        return BudgetExceeded
    if told := _by_words(said.text):
        return told
    if kind.endswith("_access_denied"):
        return KeyNotAllowed
    # Without a database the proxy says of an unknown key that it has none, with a 400.
    if said.status == 401 or kind in ("no_db_connection", "expired_key", "token_not_found_in_db"):
        return KeyRefused
    if said.status == 403:
        return KeyNotAllowed
    if said.status == 429:
        return RateLimited if said.by_router else KeyLimited
    if said.status < 500:
        return _BY_STATUS.get(said.status, InvalidRequest)
    return ProxyFailed


def _status(value: Any) -> int:
    try:
        return int(value or 0)
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
        if (seconds := wait_in(headers)) is not None:
            return seconds
    return wait_in({}, str(exc))


def wait_in(headers: Mapping[str, Any], text: str = "") -> float | None:
    """The wait, in seconds, that an HTTP answer asks for: in its headers, or as Google does it in its body."""
    for name in ("retry-after", "llm_provider-retry-after"):
        if (seconds := _seconds(headers.get(name))) is not None:
            return seconds
    # Google's RetryInfo stands in the body: https://cloud.google.com/apis/design/errors#error_details
    told = re.search(r"retryDelay\W+(\d+(?:\.\d+)?)s", text)
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
