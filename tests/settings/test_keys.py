"""The tables of keys say what the installed litellm says."""

from __future__ import annotations

import re
from pathlib import Path
from types import FunctionType, ModuleType

import litellm
import pytest
from litellm.constants import ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
from litellm.proxy._types import ConfigGeneralSettings, ConfigYAML
from litellm.router_utils.routing_groups import VALID_ROUTING_STRATEGIES
from litellm.types.caching import LiteLLMCacheType

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.settings import keys
from tests.config_page import PAGE, page


def honoured(table: str) -> set[str]:
    return {name for name, key in keys.TABLES[table].items() if key.use is keys.Use.HONOURED}


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_key_has_a_meaning_and_stands_once() -> None:
    from llama_stack_provider_litellm.settings.keys import (
        deployments,
        general_settings,
        litellm_settings,
        router_settings,
        sections,
    )

    tables = [sections.KEYS, litellm_settings.KEYS, router_settings.KEYS, general_settings.KEYS]
    for table in (*tables, deployments.PARAMS, deployments.INFO):
        names = [key.name for key in table]
        assert len(names) == len(set(names))
        assert all(key.meaning and key.how for key in table)


def test_every_section_is_known() -> None:
    assert set(ConfigYAML.model_fields) <= set(keys.SECTIONS)
    source = (Path(litellm.__file__).parent / "proxy" / "proxy_server.py").read_text()
    load_config = source.split("async def load_config(")[1].split("async def _init_policy_engine(")[0]
    read = set(re.findall(r'\bconfig\.get\(\s*"(\w+)"', load_config))
    assert len(read) > 12
    assert read <= set(keys.SECTIONS)


def test_every_setting_of_the_proxys_server_is_known() -> None:
    assert set(ConfigGeneralSettings.model_fields) <= set(keys.TABLES["general_settings"])
    assert all(hasattr(litellm, name) for name in honoured("general_settings"))


def test_what_the_router_takes_is_honoured() -> None:
    taken = set(litellm.Router.get_valid_args()) - {"model_list"}
    assert taken == set(keys.TABLES["router_settings"])
    assert honoured("router_settings") <= settings.router_arguments()
    assert settings.router_arguments() == frozenset(taken) - ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG


def test_what_is_set_on_litellm_is_there_to_be_set() -> None:
    # Two are made by the functions that set them.
    made = {"cache_params", "global_prompt_directory", "global_bitbucket_config", "global_gitlab_config"}
    for name in honoured("litellm_settings") - made:
        assert hasattr(litellm, name), name
        assert not isinstance(getattr(litellm, name), FunctionType | ModuleType | type), name


@pytest.mark.parametrize("name", ["max_budget", "upperbound_key_generate_params", "audit_log_callbacks"])
def test_what_only_the_proxy_looks_at_needs_a_proxy(name: str) -> None:
    assert keys.TABLES["litellm_settings"][name].use is keys.Use.NEEDS_PROXY


def test_the_choices_are_litellms() -> None:
    assert set(keys.ROUTING_STRATEGIES) == set(VALID_ROUTING_STRATEGIES)
    assert set(keys.CACHE_TYPES) == {kind.value for kind in LiteLLMCacheType}
