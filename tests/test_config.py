"""The provider's settings in run.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from llama_stack_provider_litellm.config import CacheControls, LiteLLMConfig, ProviderData

ROOT = Path(__file__).parent.parent


def test_defaults() -> None:
    config = LiteLLMConfig()
    assert (config.mode, config.config_path) == ("embedded", "")
    assert config.allowed_headers == ["anthropic-beta", "traceparent"]


@pytest.mark.parametrize(
    ("given", "path"), [(None, ""), ("", ""), (123, "123"), ("~/litellm.yaml", "~/litellm.yaml"), (Path("/a"), "/a")]
)
def test_a_path_as_the_host_makes_it_of_a_variable(given: object, path: str) -> None:
    assert LiteLLMConfig.model_validate({"config_path": given}).config_path == path


@pytest.mark.parametrize("mode", ["Proxy", "remote", "Embedded", "", None])
def test_a_mode_that_is_not_there(mode: object) -> None:
    with pytest.raises(ValidationError, match="embedded"):
        LiteLLMConfig.model_validate({"mode": mode})


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(ValidationError, match="confg_path"):
        LiteLLMConfig.model_validate({"confg_path": "x"})


def test_header_names_are_compared_in_lower_case() -> None:
    assert LiteLLMConfig(allowed_headers=[" X-Mine", "traceparent"]).allowed_headers == ["x-mine", "traceparent"]
    assert LiteLLMConfig(allowed_headers=[]).allowed_headers == []


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "Authorization", " authorization ", "proxy-authorization"),
        *("api-key", "x-api-key", "X-Goog-Api-Key", "x-litellm-api-key", "cookie", "Host"),
        *("content-length", "transfer-encoding", "connection"),
    ],
)
def test_a_header_that_carries_a_key_or_a_host_cannot_be_allowed(name: str) -> None:
    with pytest.raises(ValidationError, match=f"must not hold '{name.strip().lower()}'"):
        LiteLLMConfig(allowed_headers=["traceparent", name])


def test_the_sample_is_what_the_shipped_run_config_has() -> None:
    run = yaml.safe_load((ROOT / "run_configs" / "run.yaml").read_text())
    (ours,) = [entry for entry in run["providers"]["inference"] if entry["provider_type"] == "remote::litellm"]
    sample: dict[str, Any] = LiteLLMConfig.sample_run_config(__distro_dir__="/x")
    assert sample.keys() <= LiteLLMConfig.model_fields.keys()
    assert sample.pop("proxy").items() <= ours["config"]["proxy"].items()
    assert sample.items() <= ours["config"].items()


@pytest.mark.parametrize("model", [LiteLLMConfig, ProviderData, CacheControls])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_cache_controls_have_litellms_names() -> None:
    given = {"no-cache": True, "no-store": False, "ttl": 5, "s-maxage": 1.5, "use-cache": True}
    assert CacheControls.model_validate(given).model_dump(by_alias=True, exclude_none=True) == given
