"""Whatever a config file holds: it loads, or a ConfigError says why; nothing else, and no hang."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.errors import ConfigError
from llama_stack_provider_litellm.settings import keys

SECRET = "sk-planted-12345678"
KEYS = st.sampled_from(
    [
        *keys.SECTIONS,
        *("model_name", "model", "litellm_params", "model_info", "credential_name", "credential_values"),
        *("fallbacks", "num_retries", "timeout", "routing_strategy", "routing_groups", "retry_policy", "cache_params"),
        *("model_group_alias", "tags", "rpm", "provider_budget_config", "default_fallbacks", "hidden"),
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.binary(max_size=4),
    st.text(max_size=8),
    st.sampled_from(["gpt", "*", "os.environ/HOME", "os.environ/NOT_SET", "config.yaml", "true", SECRET]),
)
NAMES = st.one_of(KEYS, KEYS, st.text(max_size=4), st.integers(), st.none())
TREES = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=25,
)
MODELS = st.lists(
    st.fixed_dictionaries(
        {
            "model_name": st.one_of(st.sampled_from(["gpt", "claude", "openai/*"]), TREES),
            "litellm_params": st.one_of(
                st.dictionaries(KEYS, TREES, max_size=4).map(lambda p: {"model": "x/y", **p}), TREES
            ),
        }
    ),
    max_size=3,
)
DOCUMENTS = st.one_of(
    st.dictionaries(KEYS, TREES, max_size=6),
    st.builds(lambda models, more: {**more, "model_list": models}, MODELS, st.dictionaries(KEYS, TREES, max_size=4)),
)
ENDLESS = hypothesis_settings(
    deadline=5000, max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(content)
        try:
            found = settings.load(path)
            said = "\n".join(map(str, (*found.warnings, *found.needs_proxy, *found.unknown)))
        except ConfigError as exc:
            said = str(exc)
        assert SECRET not in said


@ENDLESS
@given(DOCUMENTS)
@example({"model_list": [{"model_name": "gpt", "litellm_params": {"model": "x/y", SECRET: SECRET}}]})
def test_any_document(document: Any) -> None:
    read(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


@ENDLESS
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="[]{}:,-&*!|>'\"\n ab?<%@`#", max_size=60).map(str.encode)))
@example(b"? [a]\n: b")
@example(b"!!set {a, b}")
@example(b"!!omap [a: b]")
@example(b"!!python/object:os.system {}")
@example(b"model_list: [{<<: 5}]")
def test_any_text(content: bytes) -> None:
    read(content)
