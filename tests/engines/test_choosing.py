"""Which engine a mode is."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama_stack_provider_litellm import errors
from llama_stack_provider_litellm.config import LiteLLMConfig
from llama_stack_provider_litellm.engines.choosing import engine_of
from llama_stack_provider_litellm.engines.failover import FailoverEngine
from llama_stack_provider_litellm.engines.proxy import ProxyEngine
from llama_stack_provider_litellm.engines.router import RouterEngine


@pytest.mark.parametrize(
    ("mode", "kind"), [("embedded", RouterEngine), ("proxy", ProxyEngine), ("auto", FailoverEngine)]
)
def test_each_mode(mode: str, kind: type) -> None:
    assert type(engine_of(LiteLLMConfig.model_validate({"mode": mode}))) is kind


@pytest.mark.parametrize("mode", ["embedded", "auto"])
def test_a_config_that_cannot_be_used(mode: str, tmp_path: Path) -> None:
    config = {"mode": mode, "config_path": str(tmp_path / "nothing.yaml")}
    with pytest.raises(errors.ConfigError, match=r"nothing\.yaml"):
        engine_of(LiteLLMConfig.model_validate(config))


def test_in_mode_proxy_there_is_no_config_to_be_wrong(tmp_path: Path) -> None:
    config = {"mode": "proxy", "config_path": str(tmp_path / "nothing.yaml")}
    assert isinstance(engine_of(LiteLLMConfig.model_validate(config)), ProxyEngine)


@pytest.mark.parametrize("mode", ["proxy", "auto"])
def test_certificates_that_cannot_be_read(mode: str, tmp_path: Path) -> None:
    config = {"mode": mode, "proxy": {"url": "https://proxy", "ca": str(tmp_path / "ca.pem")}}
    with pytest.raises(errors.ConfigError, match=r"proxy\.ca"):
        engine_of(LiteLLMConfig.model_validate(config))


def test_only_auto_has_somebody_to_take_the_proxys_place() -> None:
    alone = engine_of(LiteLLMConfig(mode="proxy"))
    together = engine_of(LiteLLMConfig(mode="auto", failover_virtual_keys=True, strict_params=True))
    assert isinstance(alone, ProxyEngine) and isinstance(together, FailoverEngine)
    assert (alone._watch._replaceable, together._proxy._watch._replaceable) == (False, True)
    assert together._virtual_keys
    assert together._proxy._guard._strict and not alone._guard._strict
