"""The embedded engine: one ``litellm.Router`` inside this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .. import catalog as catalogs
from .. import errors, redaction, settings, translation
from ..caller import Caller
from ..settings.handlers import instance
from ..wording import words_of
from . import answers, budgets, caching, embedding, identity, library, parameters
from .base import Request, Reranked
from .callbacks import Callbacks
from .running import RunningRouter, replacing
from .stream import Stream

if TYPE_CHECKING:
    from .caching.store import ResponseCache


class RouterEngine:
    """Reaches models through LiteLLM's Router, as the given config describes them.

    litellm is imported in a thread at the first ``catalog()`` or ``start()``. The Router belongs to one
    event loop, the one that serves; asked from another, the engine drops it and makes a new one.
    """

    def __init__(self, config: settings.LiteLLMSettings, *, strict_params: bool = False) -> None:
        self._settings = config
        self._guard = parameters.Guard(strict=strict_params)
        self._models: _Models | None = None
        self._loading = threading.Lock()
        self._running: RunningRouter | None = None
        self._retired: set[asyncio.Task[None]] = set()

    # Life cycle

    async def start(self) -> None:
        """Import litellm and build the Router for the running loop."""
        await self.catalog()
        self._router()

    async def catalog(self) -> catalogs.Catalog:
        """The config's models."""
        return (await self._ready()).catalog

    def sources(self) -> tuple[Path, ...]:
        """The config file, and those that it includes."""
        return self._settings.files

    async def reload(self) -> None:
        """Read the config again and serve what it says from now on; calls that are under way end as they began.

        Raises ConfigError for a config that cannot be used, or that gives an embedding model another vector
        size, and goes on as before.
        """
        before = await self._ready()
        config = await _in_thread(partial(settings.load, self._settings.path))
        try:
            models = await _in_thread(partial(self._read_again, config, before.catalog))
            # What is litellm's own changes on the loop that serves, between two calls.
            settings.apply(config)
            with replacing(self._running):
                running = _running(config, models)
        except Exception as exc:
            settings.apply(self._settings)
            caching.install(before.cache)
            redact = redaction.Redactor(config.secrets(), self._settings.secrets())
            if isinstance(exc, errors.ConfigError):
                raise errors.ConfigError(redact(str(exc))) from None
            # Whatever LiteLLM makes of a value that no check has foreseen.
            words = redact(f"{type(exc).__name__}: {exc}")
            raise errors.ConfigError(f"{config.path}: cannot be used: {words}") from exc
        caching.warm(models.cache)
        before.callbacks.remove(models.callbacks)
        models.callbacks.install()
        old, self._running = self._running, running
        self._settings, self._models = config, models
        if old is not None:
            retiring = asyncio.create_task(_retire(old, before.cache))
            self._retired.add(retiring)
            retiring.add_done_callback(self._retired.discard)

    async def close(self) -> None:
        """Close the Router's connections and take its callbacks out of litellm."""
        running, self._running = self._running, None
        for retiring in self._retired:
            retiring.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        if running is not None and self._models is not None:
            running.discard()
            self._models.callbacks.remove()
            await caching.close(self._models.cache)
            await library.close_clients()

    async def _ready(self) -> _Models:
        if self._models is None:
            return await _in_thread(self._load)
        return self._models

    def _load(self) -> _Models:
        # Two first callers may come at once, from two loops even.
        with self._loading:
            if self._models is None:
                library.import_litellm()
                # First: its environment variables are for callbacks and caches too.
                settings.apply(self._settings)
                models = _read(self._settings)
                asyncio.run(_try(self._settings, models))
                self._models = models
            return self._models

    def _read_again(self, config: settings.LiteLLMSettings, before: catalogs.Catalog) -> _Models:
        with settings.environment_of(config):
            # What is under way may still tell of a key that the config has no longer.
            models = _read(config, self._settings)
            models.catalog.check_dimensions(before)
            models.callbacks.check()
            return models

    def _router(self) -> RunningRouter:
        if self._running is None or self._running.loop is not asyncio.get_running_loop():
            if self._running is not None:
                self._running.discard()
            if self._models is None:
                raise RuntimeError("the catalog has not been read")
            self._models.callbacks.remove()
            self._models.callbacks.install()
            self._running = _running(self._settings, self._models)
            caching.warm(self._models.cache)
        return self._running

    # Calls

    async def chat(self, request: Request, caller: Caller) -> ChatCompletion:
        return await self._call("acompletion", request, caller, answers.chat)

    async def chat_stream(self, request: Request, caller: Caller) -> Stream[ChatCompletionChunk]:
        wants_usage_chunk = bool((request.get("stream_options") or {}).get("include_usage"))
        convert = partial(answers.chat_chunks, usage_chunk=wants_usage_chunk)
        return await self._stream("acompletion", request, caller, convert)

    async def complete(self, request: Request, caller: Caller) -> Completion:
        return await self._call("atext_completion", request, caller, answers.completion)

    async def complete_stream(self, request: Request, caller: Caller) -> Stream[Completion]:
        return await self._stream("atext_completion", request, caller, answers.completion_chunks)

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        catalog = await self.catalog()
        model = request["model"]
        entry = catalog.resolve(model)
        vendors = [parameters.vendor_of(item["litellm_params"]) for item in catalog.deployments(model)]
        expected = request.get("dimensions") or (entry.dimension if entry else None)
        # OpenAI's own parameter: where not every deployment has it, the form is made here alone.
        passes_form = parameters.OPENAI_SHAPED.issuperset(vendors)

        async def send(part: Request) -> CreateEmbeddingResponse:
            asked = part if passes_form else {key: value for key, value in part.items() if key != "encoding_format"}
            convert = partial(answers.embeddings, count=embedding.count(part["input"]))
            answer = await self._call("aembedding", asked, caller, convert)
            embedding.check_size(answer, model=model, expected=expected)
            return answer

        answer = await embedding.in_batches(request, vendors, send)
        return answers.packed(answer) if request.get("encoding_format") == "base64" else answer

    async def rerank(self, request: Request, caller: Caller) -> list[Reranked]:
        return await self._call("arerank", request, caller, answers.reranked)

    async def _stream(
        self, method: str, request: Request, caller: Caller, convert: Callable[[Any], AsyncIterator[Any]]
    ) -> Stream[Any]:
        # Without usage LiteLLM logs a stream with 0 tokens and no cost.
        options = {**(request.get("stream_options") or {}), "include_usage": True}
        streamed = {**request, "stream": True, "stream_options": options}
        models = await self._ready()
        explain = partial(models.error, model=request["model"])
        return await self._call(method, streamed, caller, lambda call: Stream(call, convert, explain))

    async def _call[Answer](
        self, method: str, request: Request, caller: Caller, convert: Callable[[Any], Answer]
    ) -> Answer:
        """What ``convert`` makes of the answer of the Router's ``method``. Raises errors.RequestError."""
        if caller.api_key is not None:
            raise errors.InvalidRequest(
                "litellm_api_key is a virtual key of a LiteLLM Proxy, and this stack uses no proxy. "
                "Leave the field out."
            )
        model = request["model"]
        models = await self._ready()
        if models.catalog.resolve(model) is None:
            raise models.catalog.not_found(model)
        if "messages" in request or "prompt" in request:
            request = self._guard.checked(request, models.catalog.deployments(model))
        if "messages" in request:
            request = {**request, "messages": parameters.with_arguments(request["messages"])}
        running = self._router()
        call: Callable[..., Awaitable[Any]] = getattr(running.router, method)
        running.begin()
        try:
            answer = convert(await call(**request, **identity.parameters(request, caller)))
        except BaseException as exc:
            running.end()
            if not isinstance(exc, Exception):
                raise
            # Without the chain: the host renders every chained frame of litellm on the event loop.
            wait = budgets.resets_in(running.router, str(exc)) if isinstance(exc, ValueError) else None
            raise models.error(exc, model=model, retry_after=wait) from None
        if isinstance(answer, Stream):
            answer.when_closed(running.end)
        else:
            running.end()
        return answer


@dataclass(frozen=True, slots=True)
class _Models:
    """One reading of a config: its deployments, the models that they make, its callbacks, cache and secrets."""

    deployments: list[dict[str, Any]]
    catalog: catalogs.Catalog
    callbacks: Callbacks
    cache: ResponseCache | None
    redact: redaction.Redactor

    def error(self, exc: Exception, *, model: str, retry_after: float | None = None) -> errors.RequestError:
        """Ours for what LiteLLM raised."""
        if isinstance(exc, errors.RequestError):
            return exc
        deployments = {item["litellm_params"]["model"] for item in self.catalog.deployments(model)}
        return translation.from_litellm(
            exc, model=model, deployments=deployments, retry_after=retry_after, redact=self.redact
        )


def _read(config: settings.LiteLLMSettings, *others: settings.LiteLLMSettings) -> _Models:
    deployments = parameters.opened(config.model_list)
    try:
        catalog = catalogs.build(deployments, library.known_model, config.router_settings.get("model_group_alias"))
    except errors.ConfigError as exc:
        raise errors.ConfigError(f"{config.path}: {exc}") from None
    told = Callbacks(config.litellm_settings, config.path)
    secrets = redaction.Redactor(*(one.secrets() for one in (config, *others)))
    return _Models(deployments, catalog, told, caching.build(config), secrets)


def _running(config: settings.LiteLLMSettings, models: _Models) -> RunningRouter:
    """A Router of the config. Raises ConfigError, in LiteLLM's words, for what LiteLLM refuses."""
    known = settings.router_arguments()
    arguments = {key: value for key, value in config.router_settings.items() if key in known}
    # Before the Router, which would make a cache of its own.
    caching.install(models.cache)
    arguments["cache_responses"] = models.cache is not None
    if plugins := arguments.get("plugins"):
        where = f"{config.path}: router_settings.plugins"
        arguments["plugins"] = [instance(name, config.path, where, "plugin") for name in plugins]
    try:
        return RunningRouter(models.deployments, arguments)
    except Exception as exc:
        words = models.redact(words_of(exc))
        raise errors.ConfigError(f"{config.path}: LiteLLM's Router refuses the config: {words}") from None


async def _try(config: settings.LiteLLMSettings, models: _Models) -> None:
    models.callbacks.check()
    _running(config, models).discard()


async def _retire(running: RunningRouter, cache: ResponseCache | None) -> None:
    try:
        await running.retire()
    finally:
        await caching.close(cache)


async def _in_thread[Result](work: Callable[[], Result]) -> Result:
    # A thread of its own: the default executor's threads would outlive a throw-away loop.
    with ThreadPoolExecutor(1, thread_name_prefix="litellm-import") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
