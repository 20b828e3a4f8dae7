"""Every failure a user of this package can meet, as one tree, each with its HTTP status.

    LiteLLMProviderError                500   base; never raised itself
    ├── ConfigError                      -    LiteLLM's config.yaml or the provider's settings are wrong
    └── RequestError                    500   one request failed; never raised itself
        ├── InvalidRequest              400
        │   ├── ContextWindowExceeded   400
        │   ├── ContentRefused          400   a content policy refused
        │   │   └── GuardrailRefused    400   a guardrail of the LiteLLM Proxy refused
        │   └── UnsupportedParameter    400
        ├── UpstreamAuthentication      401   the vendor refused the configured key
        │   └── KeyRefused              401   the LiteLLM Proxy refused the key of the stack or of the caller
        ├── PaymentRequired             402
        ├── PermissionRefused           403
        │   ├── TagsRefused             403   no deployment of the model has the caller's tags
        │   └── KeyNotAllowed           403   a key of the LiteLLM Proxy may not use the model
        ├── ModelNotFound               404
        ├── Conflict                    409
        ├── Unprocessable               422
        ├── RateLimited                 429   carries ``retry_after`` where it is known
        │   ├── BudgetExceeded          429
        │   └── KeyLimited              429   a key of the LiteLLM Proxy has used up what it may for now
        ├── BadGateway                  502   the vendor failed, or could not be reached
        │   └── ProxyFailed             502   the LiteLLM Proxy answered with what is no answer, or broke off
        ├── Unavailable                 503
        │   ├── ProxyGone               503   the LiteLLM Proxy is not there; nothing of an answer has come
        │   ├── ModelsUnknown           503   the LiteLLM Proxy has not told its models yet
        │   └── KeyNeedsProxy           503   a virtual key is good at the LiteLLM Proxy only, which is away
        └── UpstreamTimeout             504

What LiteLLM says, with an exception or with its proxy's answer, is put into this tree by :mod:`.translation`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar


class LiteLLMProviderError(Exception):
    """Base of everything this package raises on purpose."""


class ConfigError(LiteLLMProviderError):
    """The configuration is wrong. The message names the file, the key and the mend."""


class RequestError(LiteLLMProviderError):
    """One request failed.

    ``message`` says what happened, to which model, and what to do. ``retry_after`` is in seconds.

    For the records alone: ``served_by`` is the engine that failed (``embedded``, ``proxy``, None before any was asked),
    ``retries`` how often LiteLLM tried again, ``answered`` are the parts of an answer that came, and are paid for.
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
        self.served_by: str | None = None
        self.retries: int | None = None
        self.answered: Sequence[Any] = ()

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
    """The vendor's content policy refused the prompt or the answer."""

    code = "content_policy_violation"
    mend = "Change the prompt, or give the model a `content_policy_fallbacks` entry in the LiteLLM config."


class GuardrailRefused(ContentRefused):
    """A guardrail of the LiteLLM Proxy refused the prompt or the answer."""

    code = "guardrail_violation"
    mend = "Change the prompt, or the guardrail in the LiteLLM Proxy's config."


class UnsupportedParameter(InvalidRequest):
    """The model's vendor does not take a parameter of the request."""

    code = "unsupported_parameter"
    mend = "Leave the parameter out, or set `litellm_settings.drop_params: true` in the LiteLLM config."


class UpstreamAuthentication(RequestError):
    """The vendor refused the key that the LiteLLM config gives for the model."""

    status_code = 401
    code = "authentication_error"
    mend = "Check `api_key` of this model in the LiteLLM config, and the environment variable behind it."


class KeyRefused(UpstreamAuthentication):
    """The LiteLLM Proxy does not take the key: the stack's, or the caller's ``litellm_api_key``."""

    code = "proxy_authentication_error"
    mend = "Check `proxy.api_key` (LITELLM_PROXY_API_KEY), or the `litellm_api_key` that came with the request."


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


class KeyNotAllowed(PermissionRefused):
    """A key of the LiteLLM Proxy, or its team, may not use the model."""

    code = "key_not_allowed"
    mend = "Allow the model for the key, or its team, in the LiteLLM Proxy."


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


class KeyLimited(RateLimited):
    """A key of the LiteLLM Proxy, or whom it stands for, has used up its requests or tokens for now."""

    code = "key_rate_limit_exceeded"
    mend = "Wait, or raise the limit of the key, user or team in the LiteLLM Proxy."


class BadGateway(RequestError):
    """The vendor failed, or could not be reached."""

    status_code = 502
    code = "upstream_error"
    mend = "Check that `api_base` of the model answers; a `fallbacks` entry would keep requests going."


class ProxyFailed(BadGateway):
    """What the LiteLLM Proxy sent is no answer, or a part of one."""

    code = "proxy_error"
    mend = "Check that `proxy.url` (LITELLM_PROXY_URL) is a LiteLLM Proxy, and what its log says."


class Unavailable(RequestError):
    """The vendor is overloaded or down for now."""

    status_code = 503
    code = "upstream_unavailable"
    mend = "Try again later; a `fallbacks` entry for the model would keep requests going."


class ProxyGone(Unavailable):
    """The LiteLLM Proxy cannot be reached, or went away before anything of its answer had come."""

    code = "proxy_unavailable"
    mend = "Start it, or correct `proxy.url` (LITELLM_PROXY_URL); the stack goes on by itself when it answers."


class ModelsUnknown(Unavailable):
    """Nobody knows yet which models there are: the LiteLLM Proxy could not be asked since the start."""

    code = "models_unknown"
    mend = ""


class KeyNeedsProxy(Unavailable):
    """The request has a virtual key, and the LiteLLM Proxy that knows the key is away."""

    code = "virtual_key_needs_proxy"
    mend = (
        "Try again later, or set `failover_virtual_keys: true` in the provider's config: such requests then spend the "
        "keys of the stack's own LiteLLM config, outside the virtual key's budget."
    )


class UpstreamTimeout(RequestError):
    """The vendor did not answer in time."""

    status_code = 504
    code = "upstream_timeout"
    mend = "Try again, or raise `timeout` of the model (or `litellm_settings.request_timeout`) in the LiteLLM config."
