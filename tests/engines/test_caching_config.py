"""What a config says of the cache is checked when it is loaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from llama_stack_provider_litellm.engines import caching, library
from llama_stack_provider_litellm.errors import ConfigError
from llama_stack_provider_litellm.settings import LiteLLMSettings

LOCAL = {"type": "local"}
SEMANTIC = {"qdrant_api_base": "http://127.0.0.1:9", "qdrant_collection_name": "c", "similarity_threshold": 0.9}


def config(params: Any = None, **settings: Any) -> LiteLLMSettings:
    litellm_settings = {"cache": True, **({} if params is None else {"cache_params": params}), **settings}
    models = [{"model_name": "named", "litellm_params": {"model": "openai/embed-1", "api_key": "k"}}]
    return LiteLLMSettings(Path("config.yaml"), models, {}, litellm_settings)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"type": "memcached"}, "cache_params.type: 'memcached' is none of local, disk, redis"),
        ([], None),
        ("redis", "cache_params: must be a mapping"),
        ({"type": "redis"}, "Give `host` and `port`, or set REDIS_HOST and REDIS_PORT, or REDIS_URL."),
        ({"type": "redis", "host": "h", "port": 1, "no_such": 1}, "cache_params: type redis: .*no_such"),
        ({"type": "s3"}, "cache_params.s3_bucket_name: is missing; type s3 needs it."),
        ({"type": "local", "ttl": "soon"}, "cache_params.ttl: must be a number of seconds, not 'soon'."),
        ({"type": "local", "mode": "off"}, "cache_params.mode: must be default_on or default_off"),
        ({"type": "local", "supported_call_types": ["chat"]}, "supported_call_types: must be a list of some of"),
        ({"type": "local", "max_messages": "all"}, "cache_params.max_messages: must be a whole number"),
        ({"type": "redis-semantic", "similarity_threshold": 0.9}, "(redisvl|Missing required Redis configuration)"),
        ({"type": "qdrant-semantic", "similarity_threshold": 2}, "cache_params.qdrant_collection_name: is missing"),
        ({"type": "qdrant-semantic", **SEMANTIC, "similarity_threshold": 2}, "must be a number from 0 to 1"),
        (
            {"type": "qdrant-semantic", **SEMANTIC, "qdrant_semantic_cache_embedding_model": "unknown"},
            "qdrant_semantic_cache_embedding_model: 'unknown' is neither a `model_name` of this config nor a vendor's",
        ),
    ],
)
def test_a_wrong_config_is_refused_at_load(params: Any, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_HOST", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    library.import_litellm()
    with pytest.raises(ConfigError, match=words or "REDIS_HOST") as caught:
        caching.build(config(params))
    assert str(caught.value).startswith("config.yaml: litellm_settings.cache_params")


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        *(("disk", "cache-disk"), ("redis", "cache-redis"), ("redis-semantic", "cache-redis-semantic")),
        *(("s3", "cache-s3"), ("gcs", "cache-gcs"), ("azure-blob", "cache-azure-blob")),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    kind: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.import_litellm()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        caching.build(config({"type": kind}))
    assert str(caught.value).endswith(f"Install it: pip install 'llama-stack-provider-litellm[{extra}]'.")
    assert f"\n{extra} = [" in (Path(__file__).parents[2] / "pyproject.toml").read_text()


def test_a_secret_stays_out_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    library.import_litellm()
    from llama_stack_provider_litellm.engines.caching import backends

    def repeats(kind: str, params: dict[str, Any], embedder: object) -> None:
        raise ValueError(f"cannot use {params}")

    monkeypatch.setattr(backends, "build", repeats)
    with pytest.raises(ConfigError, match="cannot use") as caught:
        caching.build(config({"type": "redis", "host": "h", "password": "hidden-word"}))
    assert "hidden-word" not in str(caught.value)


def test_without_parameters_it_is_the_redis_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_HOST", "cache.example")
    monkeypatch.setenv("REDIS_PORT", "7000")
    library.import_litellm()
    cache = caching.build(config())
    assert cache is not None and cache.type == "redis"
    assert cache.cache._store.address == "cache.example:7000"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["named", "openai/text-embedding-3-small"])
def test_a_semantic_cache_takes_a_model_of_the_config_or_a_vendor_s(name: str) -> None:
    library.import_litellm()
    params = {"type": "qdrant-semantic", **SEMANTIC, "qdrant_semantic_cache_embedding_model": name}
    assert caching.build(config(params)) is not None


def test_no_cache_is_none(caplog: pytest.LogCaptureFixture) -> None:
    library.import_litellm()
    assert caching.build(config(cache=False)) is None
    assert caching.build(config(LOCAL, cache=False)) is None
    assert "there is no cache without `cache: true`" in caplog.text


def test_a_parameter_that_means_nothing_is_named(caplog: pytest.LogCaptureFixture) -> None:
    library.import_litellm()
    assert caching.build(config({**LOCAL, "max_size": 7})) is not None
    assert "type local does not know max_size" in caplog.text
