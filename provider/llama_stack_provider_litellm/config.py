"""The provider's settings (``config:`` of its entry in run.yaml) and the data that comes with a request."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from .address import DEFAULT_PROXY_URL, proxy_root

# Headers that carry a key or choose a host: no configuration may hand them to callers.
_NEVER_FROM_CALLERS = frozenset(
    {"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "x-litellm-api-key"}
    | {"ocp-apim-subscription-key", "cookie", "host", "content-length", "transfer-encoding", "connection"}
)

# The host turns an empty `${env.X:=}` into None, and `X=123` into a number.
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


def _key(value: Any) -> SecretStr:
    # One that is read from a file may end with the end of a line.
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")).strip()
    if not fits_header(text):
        raise ValueError("a key must not hold what no HTTP header can carry")
    return SecretStr(text)


def fits_header(text: str) -> bool:
    """Whether an HTTP header can carry the text as its value."""
    return text.isascii() and (text.isprintable() or not text)


def _password(value: Any) -> Any:
    """The database's password. The host makes numbers of what looks like one: then it is as the variable has it."""
    if value is None or isinstance(value, str | SecretStr):
        return value or ""
    return os.environ.get("LITELLM_USAGE_PASSWORD") or str(value)


_Key = Annotated[SecretStr, BeforeValidator(_key)]

Mode = Literal["embedded", "proxy", "auto"]


class ProxySettings(BaseModel):
    """How to reach a LiteLLM Proxy (``proxy:`` in the provider's config)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, BeforeValidator(lambda value: proxy_root(str(value or DEFAULT_PROXY_URL)))] = Field(
        default=DEFAULT_PROXY_URL, description="The proxy's address, with or without `/v1` or `/v1/chat/completions`."
    )
    api_key: _Key = Field(default=SecretStr(""), description="The key that the stack itself uses.")
    ca: _Text = Field(default="", description="A file of certificates to trust in place of the system's.")
    verify: bool = Field(default=True, description="Check the proxy's certificate.")
    connect_timeout: float = Field(default=3.0, gt=0, description="Seconds until a connection has to stand.")
    timeout: float = Field(default=600.0, gt=0, description="Seconds of silence after which an answer is given up.")
    pool_size: int = Field(default=1000, ge=1, description="Connections at once; further requests wait for one.")
    keep_alive: float = Field(
        default=4.0, ge=0, description="Seconds that an unused connection is kept. LiteLLM Proxy keeps it for 5."
    )


class UsageSettings(BaseModel):
    """What is written down of every call, and where (``usage:`` in the provider's config)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    enabled: bool = Field(
        default=True, description="Write down what each call cost, whose it was and what became of it."
    )
    url: _Text = Field(
        default="",
        description="The database: `sqlite:///path`, or `postgresql://user@host/name`. Empty: `litellm_usage.db` in "
        "the storage folder.",
    )
    password: Annotated[SecretStr, BeforeValidator(_password)] = Field(
        default=SecretStr(""), description="The database's password, which must not stand in `url`."
    )
    audit: Annotated[Literal["off", "full"], BeforeValidator(lambda value: value or "off")] = Field(
        default="off",
        description="`full`: keep what was asked and answered too, less keys and bearer tokens. `off`: neither.",
    )
    retention_days: int = Field(default=90, ge=0, description="Days that records are kept; 0 keeps them for ever.")
    queue_size: int = Field(
        default=10_000,
        ge=1,
        description="Records that wait in memory while the database cannot take them; further ones are dropped, and "
        "counted.",
    )

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        # The host writes its run config into the log, with every `url` in it. A password may hold what ends a URL's
        # address, and may stand among its parameters too.
        if re.search(r":[^/@]*@|://[^@]*:[^@]*@|[?&]\w*password=", url):
            raise ValueError(
                "usage.url must hold no password: put it into `usage.password` (LITELLM_USAGE_PASSWORD), or PGPASSWORD"
            )
        return url


class LiteLLMConfig(BaseModel):
    """Settings of the ``remote::litellm`` provider."""

    # A wrong value may hold a secret.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    mode: Mode = Field(
        default="embedded",
        description="`embedded`: a LiteLLM Router inside the stack's process. `proxy`: a LiteLLM Proxy. `auto`: a "
        "LiteLLM Proxy while one answers, the embedded router while none does.",
    )
    config_path: _Text = Field(
        default="", description="LiteLLM's config.yaml. Empty: the demo models that come with the package."
    )
    proxy: ProxySettings = Field(default_factory=ProxySettings, description="The LiteLLM Proxy of the other two modes.")
    probe_dimensions: bool = Field(
        default=False, description="Measure the vector size of an embedding model that nobody states, with one request."
    )
    failover_virtual_keys: bool = Field(
        default=False,
        description="In mode `auto`: let requests with a `litellm_api_key` go to the embedded router too. They then "
        "spend the keys of its config, outside the virtual key's budget.",
    )
    strict_params: bool = Field(
        default=False, description="Refuse (400) a parameter that LiteLLM would leave out because the vendor lacks it."
    )
    allowed_headers: list[str] = Field(
        default=["anthropic-beta", "traceparent"],
        description="HTTP headers that a caller's `litellm_headers` may add to the call upstream.",
    )

    usage: UsageSettings = Field(default_factory=UsageSettings, description="The records of what was used.")

    @field_validator("allowed_headers")
    @classmethod
    def _no_credentials(cls, names: list[str]) -> list[str]:
        lowered = [name.strip().lower() for name in names]
        for name in lowered:
            if name in _NEVER_FROM_CALLERS:
                raise ValueError(f"allowed_headers must not hold '{name}': a caller could redirect a key with it")
        return lowered

    @classmethod
    def sample_run_config(cls, **_: Any) -> dict[str, Any]:
        """The entry that a generated run config gets. ``llama stack build`` asks for it."""
        return {
            "mode": "${env.LITELLM_MODE:=embedded}",
            "config_path": "${env.LITELLM_CONFIG:=}",
            "proxy": {
                "url": f"${{env.LITELLM_PROXY_URL:={DEFAULT_PROXY_URL}}}",
                "api_key": "${env.LITELLM_PROXY_API_KEY:=}",
            },
        }


class CacheControls(BaseModel):
    """LiteLLM's cache controls for one request (``cache`` in LiteLLM's request body)."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    no_cache: bool | None = Field(default=None, alias="no-cache", description="Ask the upstream, whatever is cached.")
    no_store: bool | None = Field(default=None, alias="no-store", description="Do not keep the answer.")
    ttl: float | None = Field(default=None, ge=0, description="Keep the answer for so many seconds.")
    s_maxage: float | None = Field(
        default=None, ge=0, alias="s-maxage", description="Take no older answer, in seconds."
    )
    use_cache: bool | None = Field(default=None, alias="use-cache", description="For a cache that is off by default.")


class ProviderData(BaseModel):
    """What a caller may say about one request, in the JSON of the ``X-LlamaStack-Provider-Data`` header.

    Only keys that begin with ``litellm_`` are ours; all others belong to other providers.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    litellm_user: str | None = Field(default=None, description="Who the request is for; LiteLLM's `user`.")
    litellm_agent: str | None = Field(default=None, description="The agent that asks, for accounting.")
    litellm_project: str | None = Field(default=None, description="The project that pays, for accounting.")
    litellm_org: str | None = Field(default=None, description="The organisation that pays, for accounting.")
    litellm_tags: list[str] | None = Field(default=None, description="LiteLLM tags: tag routing and spend by tag.")
    litellm_metadata: dict[str, str] | None = Field(default=None, description="Free text pairs for LiteLLM's logs.")
    litellm_cache: CacheControls | None = Field(default=None, description="LiteLLM's per-request cache controls.")
    litellm_api_key: SecretStr | None = Field(default=None, description="A LiteLLM virtual key; needs a proxy.")
    litellm_headers: dict[str, str] | None = Field(default=None, description="HTTP headers, by the allow-list.")
