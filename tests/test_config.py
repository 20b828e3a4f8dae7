"""The provider's settings in run.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from llama_stack_provider_litellm.address import proxy_root
from llama_stack_provider_litellm.config import CacheControls, LiteLLMConfig, ProviderData, ProxySettings
from tests import provider_page

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
        "Ocp-Apim-Subscription-Key",
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


@pytest.mark.parametrize("model", [LiteLLMConfig, ProxySettings, ProviderData, CacheControls])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_cache_controls_have_litellms_names() -> None:
    given = {"no-cache": True, "no-store": False, "ttl": 5, "s-maxage": 1.5, "use-cache": True}
    assert CacheControls.model_validate(given).model_dump(by_alias=True, exclude_none=True) == given


def test_the_page_is_what_the_models_say() -> None:
    assert provider_page.PAGE.read_text(encoding="utf-8") == provider_page.page(), "run `make docs`"


@pytest.mark.parametrize(
    ("url", "root"),
    [
        *(
            ("http://host:4000", "http://host:4000"),
            ("https://host/", "https://host"),
            (" http://host ", "http://host"),
        ),
        *(
            ("http://host/v1", "http://host"),
            ("http://host/v1/", "http://host"),
            ("http://host/llm/v1", "http://host/llm"),
        ),
        *(("http://host/v1/chat/completions", "http://host"), ("http://[::1]:4000/v1", "http://[::1]:4000")),
    ],
)
def test_the_address_of_a_proxy_without_its_path(url: str, root: str) -> None:
    assert proxy_root(url) == root
    assert ProxySettings(url=url).url == root


@pytest.mark.parametrize("url", ["host:4000", "ftp://host", "http://", "http:///v1", "localhost"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=f"'{url}' is no address; it must look like http://127"):
        proxy_root(url)


@pytest.mark.parametrize(
    "url", ["http://ann:planted@host", "http://planted@host", "ftp://ann:planted@host", "http://ann:plan#ted@host"]
)
def test_a_password_in_the_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError, match="must hold no user or password") as caught:
        LiteLLMConfig.model_validate({"proxy": {"url": url}})
    assert "plan" not in str(caught.value)


@pytest.mark.parametrize("given", [None, ""])
def test_the_address_has_a_default(given: object) -> None:
    assert ProxySettings.model_validate({"url": given}).url == "http://127.0.0.1:4000"


@pytest.mark.parametrize(
    ("given", "key"), [(None, ""), ("", ""), (123, "123"), ("sk-1", "sk-1"), ("sk-1\n", "sk-1"), (" sk-1\r\n", "sk-1")]
)
def test_a_key_as_a_file_or_the_host_has_it(given: object, key: str) -> None:
    settings = ProxySettings.model_validate({"api_key": given})
    assert settings.api_key.get_secret_value() == key
    assert "sk-1" not in f"{settings!r}"


@pytest.mark.parametrize("key", ["sk-planted\r\nx: y", "sk-planted\x00", "sk-plänted"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ValidationError, match="what no HTTP header can carry") as caught:
        LiteLLMConfig.model_validate({"proxy": {"api_key": key}})
    assert "sk-pl" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"connect_timeout": -1},
        {"pool_size": 0},
        {"keep_alive": -1},
        {"verify": "perhaps"},
        {"key": "x"},
    ],
)
def test_a_wrong_setting_of_the_proxy_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=rf"proxy\.{next(iter(wrong))}"):
        LiteLLMConfig.model_validate({"proxy": wrong})
