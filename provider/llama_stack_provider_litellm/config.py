"""The provider's settings (``config:`` of its entry in run.yaml) and the data that comes with a request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

# Headers that carry a key or choose a host: no configuration may hand them to callers.
_NEVER_FROM_CALLERS = frozenset(
    {"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "x-litellm-api-key"}
    | {"cookie", "host", "content-length", "transfer-encoding", "connection"}
)

# The host turns an empty `${env.X:=}` into None, and `X=123` into a number.
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


class LiteLLMConfig(BaseModel):
    """Settings of the ``remote::litellm`` provider."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["embedded"] = Field(
        default="embedded", description="`embedded`: a LiteLLM Router inside the stack's process."
    )
    config_path: _Text = Field(
        default="", description="LiteLLM's config.yaml. Empty: the demo models that come with the package."
    )
    strict_params: bool = Field(
        default=False, description="Refuse (400) a parameter that LiteLLM would leave out because the vendor lacks it."
    )
    allowed_headers: list[str] = Field(
        default=["anthropic-beta", "traceparent"],
        description="HTTP headers that a caller's `litellm_headers` may add to the call upstream.",
    )

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
