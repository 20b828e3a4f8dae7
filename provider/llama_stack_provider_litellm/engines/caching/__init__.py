"""LiteLLM's response cache (``litellm_settings.cache`` and ``cache_params``), checked, built and installed.

The keys and the values are LiteLLM's own, so a cache server can be shared with a LiteLLM Proxy. Around the
store of each type stands a guard (``guard``): no request waits for a cache server that is down.
What LiteLLM does wrong with a hit is put right in ``hits``.
"""

from __future__ import annotations

import importlib.util
import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from ... import redaction
from ...errors import ConfigError

if TYPE_CHECKING:
    from ...settings import LiteLLMSettings
    from .store import ResponseCache

logger = logging.getLogger(__name__)

_PACKAGE = "llama-stack-provider-litellm"
# LiteLLM's own default, where `cache: true` stands alone.
_DEFAULT_TYPE = "redis"


@dataclass(frozen=True, slots=True)
class _Type:
    """What one type of cache needs: modules, the extra that brings them, and parameters without a default."""

    modules: tuple[str, ...] = ()
    extra: str = ""
    required: tuple[str, ...] = ()
    embedding: str = ""


_TYPES = {
    "local": _Type(),
    "disk": _Type(("diskcache",), "cache-disk"),
    "redis": _Type(("redis",), "cache-redis"),
    "redis-semantic": _Type(
        ("redis", "redisvl"),
        "cache-redis-semantic",
        ("similarity_threshold",),
        "redis_semantic_cache_embedding_model",
    ),
    "valkey-semantic": _Type(
        ("redis",), "cache-redis", ("similarity_threshold",), "valkey_semantic_cache_embedding_model"
    ),
    "qdrant-semantic": _Type(
        (), "", ("qdrant_collection_name", "similarity_threshold"), "qdrant_semantic_cache_embedding_model"
    ),
    "s3": _Type(("boto3",), "cache-s3", ("s3_bucket_name",)),
    "gcs": _Type(("google.auth",), "cache-gcs", ("gcs_bucket_name",)),
    "azure-blob": _Type(
        ("azure.identity", "azure.storage.blob", "aiohttp"),
        "cache-azure-blob",
        ("azure_account_url", "azure_blob_container"),
    ),
}
# Those that hand the rest of their parameters to a client library.
_PASS_ON = frozenset({"redis", "redis-semantic", "valkey-semantic", "s3"})


def build(config: LiteLLMSettings) -> ResponseCache | None:
    """The cache that a config asks for; None when it asks for none. Connects to nothing.

    Imports litellm. Raises ConfigError, naming file, key and mend.
    """
    wanted = config.litellm_settings.get("cache")
    given = config.litellm_settings.get("cache_params") or {}
    where = f"{config.path}: litellm_settings"
    if not wanted:
        if given:
            logger.warning("%s.cache_params: there is no cache without `cache: true`.", where)
        return None
    if wanted is not True:
        raise ConfigError(f"{where}.cache: must be true or false; what cache it is stands in `cache_params`.")
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}.cache_params: must be a mapping, for example {{type: redis, host: …, port: 6379}}.")
    where = f"{where}.cache_params"
    params = {key: value for key, value in given.items() if value is not None}
    kind = str(params.pop("type", _DEFAULT_TYPE))
    if kind not in _TYPES:
        raise ConfigError(f"{where}.type: '{kind}' is none of {', '.join(_TYPES)}.")
    _check_modules(where, kind)
    _check(where, kind, params)
    from . import backends
    from .guard import Guard
    from .store import ResponseCache

    embedder = backends.Embedder.of(where, _TYPES[kind].embedding, params, config.model_list)
    redact = redaction.Redactor(given)
    try:
        store = backends.build(kind, params, embedder)
        with_tags = bool(config.router_settings.get("enable_tag_filtering"))
        guard = store if kind == "local" else Guard(store, kind, patience=store.patience, redact=redact)
        return ResponseCache(guard, kind, params, with_tags=with_tags)
    except Exception as exc:  # litellm and redis raise whatever they like for a parameter
        hint = " Give `host` and `port`, or set REDIS_HOST and REDIS_PORT, or REDIS_URL." if kind == "redis" else ""
        raise ConfigError(f"{where}: type {kind}: {redact(str(exc)).rstrip('.')}.{hint}") from None


def install(cache: ResponseCache | None) -> None:
    """Make ``cache`` the one that LiteLLM uses from now on; None turns caching off.

    The one before stays open for whoever holds it: :func:`close` it when its calls have ended.
    """
    import litellm

    if cache is not None:
        from . import hits

        hits.install()
    litellm.cache = cache


def warm(cache: ResponseCache | None) -> None:
    """Begin to connect, from the running event loop; does not wait for it."""
    if cache is not None:
        cache.warm()


async def close(cache: ResponseCache | None) -> None:
    """Close the cache's connections. It connects anew if it is used again."""
    if cache is not None:
        await cache.close()


def _check_modules(where: str, kind: str) -> None:
    needed = _TYPES[kind]
    missing = [module for module in needed.modules if not _is_there(module)]
    if missing:
        raise ConfigError(
            f"{where}: type {kind} needs {' and '.join(missing)}. Install it: pip install '{_PACKAGE}[{needed.extra}]'."
        )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _check(where: str, kind: str, params: Mapping[str, Any]) -> None:
    from litellm.caching.caching import Cache
    from litellm.types.caching import CachingSupportedCallTypes

    for name in _TYPES[kind].required:
        if params.get(name) in (None, ""):
            raise ConfigError(f"{where}.{name}: is missing; type {kind} needs it.")
    if "similarity_threshold" in params and not _is_number(params["similarity_threshold"], most=1):
        raise ConfigError(f"{where}.similarity_threshold: must be a number from 0 to 1.")
    for name in ("ttl", "default_in_memory_ttl", "default_in_redis_ttl", "socket_timeout"):
        if name in params and not _is_number(params[name]):
            raise ConfigError(f"{where}.{name}: must be a number of seconds, not {params[name]!r}.")
    if params.get("mode", "default_on") not in ("default_on", "default_off"):
        raise ConfigError(f"{where}.mode: must be default_on or default_off, not {params['mode']!r}.")
    if "max_messages" in params and not isinstance(params["max_messages"], int):
        raise ConfigError(f"{where}.max_messages: must be a whole number.")
    unknown = params.keys() - inspect.signature(Cache.__init__).parameters.keys()
    if unknown and kind not in _PASS_ON:
        logger.warning("%s: type %s does not know %s.", where, kind, ", ".join(sorted(unknown)))
    known = get_args(CachingSupportedCallTypes)
    types = params.get("supported_call_types", [])
    if not isinstance(types, list) or not set(types) <= set(known):
        raise ConfigError(f"{where}.supported_call_types: must be a list of some of {', '.join(known)}.")


def _is_number(value: object, *, most: float = float("inf")) -> bool:
    # A number from an environment variable is a string.
    try:
        return not isinstance(value, bool) and 0 <= float(value) <= most  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
