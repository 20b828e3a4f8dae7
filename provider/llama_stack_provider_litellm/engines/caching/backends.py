"""The stores behind the guard: LiteLLM's own, called so that they block nothing, with bounded waits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import litellm
from litellm.caching.caching import Cache
from litellm.caching.in_memory_cache import InMemoryCache

from .embedder import Embedder
from .guard import Watched
from .store import quiet_callbacks
from .workers import Workers

__all__ = ["Embedder", "build"]

# How long, in seconds, a request may wait for a lookup. An object store answers in tens of milliseconds, and a semantic
# cache asks an embedding model first.
_PATIENCE = 0.05
_PATIENCE_WITH_OBJECTS = 0.5
_SOCKET_SECONDS = 2.0
# How long LiteLLM keeps an entry in Redis when neither `ttl` nor `default_redis_ttl` says it.
_LITELLM_SECONDS = 60

# Where each of LiteLLM's stores keeps its connection.
_CONNECTIONS = {
    "disk": "disk_cache",
    "s3": "s3_client",
    "gcs": "sync_client",
    "azure-blob": "async_container_client",
    "redis-semantic": "llmcache",
    "valkey-semantic": "async_client",
    "qdrant-semantic": "async_client",
}
# Those that connect when they are used: making one shows whether its parameters will do.
_MADE_AT_ONCE = frozenset({"redis-semantic"})
# Those whose asynchronous methods are synchronous inside, or may be.
_IN_THREADS = {"disk": 1, "s3": 4, "gcs": 4}


def build(kind: str, params: Mapping[str, Any], embedder: Embedder | None) -> Any:
    """The store of a type: LiteLLM's own for ``local``, else one for a guard. Connects to nothing."""
    if kind == "local":
        return InMemoryCache()
    if kind == "redis":
        return RedisStore(params)
    return LibraryStore(kind, params, embedder)


class RedisStore:
    """Redis (or a cluster, or behind Sentinel), with the keys, values and connection parameters of LiteLLM's.

    LiteLLM's own class connects while it is made, twice and blocking.
    """

    needs_messages = False

    def __init__(self, params: Mapping[str, Any]) -> None:
        known = _OF_ALL_TYPES | {"redis_startup_nodes", "redis_flush_size"}
        self._params = {name: value for name, value in params.items() if name not in known}
        if nodes := params.get("redis_startup_nodes"):
            self._params["startup_nodes"] = nodes
        # What a user has chosen to wait for Redis is theirs to choose here too.
        self.patience = float(params.get("socket_timeout", _PATIENCE))
        self._params.setdefault("socket_timeout", _SOCKET_SECONDS)
        self._params.setdefault("socket_connect_timeout", _SOCKET_SECONDS)
        self._client: Any = None
        # Made once to see that it can be made: it connects when it is used.
        self.address = _redis_address(self._make())

    def _make(self) -> Any:
        from litellm import _redis

        pool: Any = _redis.get_redis_connection_pool(**self._params)
        client: Any = _redis.get_redis_async_client(connection_pool=pool, **self._params)
        return client

    async def open(self) -> None:
        """Connect."""
        if self._client is None:
            self._client = self._make()
        await self._client.ping()

    async def get(self, key: str, request: dict[str, Any]) -> Any:
        """The entry of a key."""
        found = await self._client.get(key)
        try:
            return None if found is None else json.loads(found)
        except ValueError:
            # Not LiteLLM's: as good as none.
            return None

    async def set(self, entries: Sequence[tuple[str, Any]], ttl: float | None, request: dict[str, Any]) -> None:
        """Keep entries; without ``ttl`` as long as LiteLLM does."""
        seconds = ttl or litellm.default_redis_ttl or _LITELLM_SECONDS
        expiry = max(1, int(seconds * 1000))
        async with self._client.pipeline(transaction=False) as pipe:
            for key, value in entries:
                pipe.set(key, json.dumps(value), px=expiry)
            await pipe.execute()

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
            if pool := getattr(client, "connection_pool", None):
                await pool.disconnect()


class LibraryStore:
    """One of LiteLLM's own stores, made when it is opened: some connect while they are made."""

    def __init__(self, kind: str, params: Mapping[str, Any], embedder: Embedder | None) -> None:
        self._kind = kind
        self._params = dict(params)
        if kind == "s3":
            self._params["s3_config"] = _bounded(self._params.get("s3_config"))
        self._embedder = embedder
        self.needs_messages = embedder is not None
        self.patience = _PATIENCE if kind == "disk" else _PATIENCE_WITH_OBJECTS
        if embedder is not None:
            self.patience += embedder.timeout
        self.address = str(next((params[name] for name in _ADDRESSES if params.get(name)), ""))
        self._store: Any = None
        self._workers: Workers | None = None
        if kind in _MADE_AT_ONCE:
            with quiet_callbacks():
                Cache(type=kind, **self._params)  # type: ignore[arg-type]

    async def open(self) -> None:
        """Make LiteLLM's store, in a thread; where that connects to nothing, ask it for an entry."""
        if self._workers is not None and self._workers.busy:
            # Else each attempt would leave one more thread waiting for a server that hangs.
            raise TimeoutError("it still does not answer")
        await self.close()
        self._workers = Workers(_IN_THREADS.get(self._kind, 1))
        self._store = await self._workers.run(self._make)
        if not self.needs_messages:
            await self.get("llama-stack-litellm", {})

    def _make(self) -> Any:
        with quiet_callbacks():
            store: Any = Cache(type=self._kind, **self._params).cache  # type: ignore[arg-type]
        if self._embedder is not None:
            self._embedder.install(store)
        name = _CONNECTIONS[self._kind]
        setattr(store, name, Watched(getattr(store, name), _is_absence))
        return store

    async def get(self, key: str, request: dict[str, Any]) -> Any:
        """The entry of a key."""
        if self._kind in _IN_THREADS:
            return await self._in_thread(self._store.get_cache, key)
        return await self._store.async_get_cache(key, **request)

    async def set(self, entries: Sequence[tuple[str, Any]], ttl: float | None, request: dict[str, Any]) -> None:
        """Keep entries."""
        options = {} if ttl is None else {"ttl": ttl}
        for key, value in entries:
            if self._kind == "disk":
                # As text: what is not text the disk cache keeps as a pickle, which runs code when it is read.
                await self._in_thread(self._store.set_cache, key, json.dumps(value), **options)
            elif self._kind in _IN_THREADS:
                await self._in_thread(self._store.set_cache, key, value, **options)
            else:
                await self._store.async_set_cache(key, value, **{**request, **options})

    async def close(self) -> None:
        """Close the connections, and let the threads end."""
        store, self._store = self._store, None
        # It stays known, so that ``open`` sees whether it still waits for something.
        workers = self._workers
        if workers is None:
            return
        if store is not None and self._kind in ("disk", "s3"):
            await workers.run(getattr(store, _CONNECTIONS[self._kind]).close)
        elif store is not None and self._kind == "azure-blob":
            await store.disconnect()
        workers.stop()

    async def _in_thread(self, method: Any, *args: Any, **options: Any) -> Any:
        if self._workers is None:
            raise RuntimeError("the cache is closed")
        return await self._workers.run(lambda: method(*args, **options))


_ADDRESSES = ("s3_bucket_name", "gcs_bucket_name", "azure_account_url", "qdrant_api_base", "disk_cache_dir", "host")
# Parameters of LiteLLM's Cache that are about answers, not about the connection.
_OF_ALL_TYPES = frozenset(
    {"type", "mode", "namespace", "ttl", "default_in_memory_ttl", "default_in_redis_ttl", "supported_call_types"}
    | {"max_messages", "similarity_threshold", "semantic_cache_scope"}
)


def _redis_address(client: Any) -> str:
    pool = getattr(client, "connection_pool", None)
    made_of = getattr(pool, "connection_kwargs", {})
    return f"{made_of['host']}:{made_of.get('port', 6379)}" if made_of.get("host") else ""


def _bounded(config: Any) -> Any:
    """boto3's configuration with short waits, unless the user's says otherwise."""
    from botocore.config import Config  # type: ignore[import-untyped]

    bounds = Config(connect_timeout=_SOCKET_SECONDS, read_timeout=_SOCKET_SECONDS, retries={"max_attempts": 1})
    if config is None:
        return bounds
    return bounds.merge(Config(**config) if isinstance(config, Mapping) else config)


def _is_absence(exc: BaseException) -> bool:
    """Whether an exception is a store's way to say that it has no such entry."""
    response = getattr(exc, "response", None)
    if isinstance(response, Mapping):
        return response.get("Error", {}).get("Code") in ("NoSuchKey", "404")
    return type(exc).__name__ == "ResourceNotFoundError" or getattr(response, "status_code", None) == 404
