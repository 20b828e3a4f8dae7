"""The embedded engine: one ``litellm.Router`` inside this process."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
from . import answers, budgets, caching, embedding, identity, library, parameters, served
from .base import Changed, Ranking, Request
from .callbacks import Callbacks
from .messages import AsChat, Message
from .running import RunningRouter, replacing
from .stream import Stream, cancelled_read

if TYPE_CHECKING:
    from .caching.store import ResponseCache


logger = logging.getLogger(__name__)


class RouterEngine:
    """Reaches models through LiteLLM's Router, as the given config describes them.

    litellm is imported in a thread at the first ``catalog()`` or ``start()``. The Router belongs to one
    event loop, the one that serves; asked from another, the engine drops it and makes a new one.
    """

    def __init__(
        self, config: settings.LiteLLMSettings, *, strict_params: bool = False, probe_dimensions: bool = False
    ) -> None:
        self._settings = config
        self._probes = probe_dimensions
        self._measured: dict[str, int] = {}
        self._changed: Changed | None = None
        self._guard = parameters.Guard(strict=strict_params)
        self._models: _Models | None = None
        self._loading = threading.Lock()
        self._running: RunningRouter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # Life cycle

    async def start(self, changed: Changed) -> None:
        """Import litellm and build the Router for the running loop."""
        await self.catalog()
        self._router()
        self._changed = changed
        self._begin(self._measure())

    async def catalog(self) -> catalogs.Catalog:
        """The config's models."""
        return (await self._ready()).catalog

    def trouble(self) -> str | None:
        return None

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
        models.callbacks.install(before.callbacks)
        old, self._running = self._running, running
        self._settings, self._models = config, models
        if old is not None:
            self._begin(_retire(old, before.cache))
        if self._changed is not None:
            self._begin(self._measure())

    def redact(self, text: str) -> str:
        return (self._models.redact if self._models else redaction.Redactor(self._settings.secrets()))(text)

    async def close(self) -> None:
        """Close the Router's connections and take its callbacks out of litellm."""
        running, self._running = self._running, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if running is not None and self._models is not None:
            running.discard()
            self._models.callbacks.remove()
            await caching.close(self._models.cache)
            await library.close_clients()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _measure(self) -> None:
        """Ask each embedding model of which nobody states the vector size for one vector."""
        models = await self._ready()
        for name in models.catalog.unmeasured if self._probes else ():
            try:
                answer = await self._router().router.aembedding(model=name, input=["dimension"])
                vector = answers.embeddings(answers.data_of(answer), served.Served(), count=1).data[0].embedding
            except Exception as exc:  # whatever LiteLLM raises
                logger.warning("Its vector size cannot be measured. %s", models.error(exc, model=name))
                continue
            self._measured[name] = len(vector)
        if self._measured.keys() & set(models.catalog.unmeasured) and self._models is models:
            self._models = replace(models, catalog=_catalog(self._settings, models.deployments, self._measured))
            if self._changed is not None:
                self._changed()

    async def _ready(self) -> _Models:
        if self._models is None:
            return await _in_thread(self._load)
        return self._models

    def _load(self) -> _Models:
        # Two first callers may come at once, from two loops even.
        with self._loading:
            if self._models is None:
                library.import_litellm()
                library.import_what_calls_need()
                # First: its environment variables are for callbacks and caches too.
                settings.apply(self._settings)
                models = _read(self._settings, self._measured)
                asyncio.run(_try(self._settings, models))
                self._models = models
            return self._models

    def _read_again(self, config: settings.LiteLLMSettings, before: catalogs.Catalog) -> _Models:
        with settings.environment_of(config):
            # What is under way may still tell of a key that the config has no longer.
            models = _read(config, self._measured, self._settings)
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
        return await self._call("acompletion", request, caller, _read_as(answers.chat))

    async def chat_stream(self, request: Request, caller: Caller) -> Stream[ChatCompletionChunk]:
        wants_usage_chunk = bool((request.get("stream_options") or {}).get("include_usage"))
        convert = partial(answers.chat_chunks, usage_chunk=wants_usage_chunk)
        return await self._stream("acompletion", request, caller, convert)

    async def complete(self, request: Request, caller: Caller) -> Completion:
        return await self._call("atext_completion", request, caller, _read_as(answers.completion))

    async def complete_stream(self, request: Request, caller: Caller) -> Stream[Completion]:
        return await self._stream("atext_completion", request, caller, answers.completion_chunks)

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        catalog = await self.catalog()
        model = request["model"]
        vendors = [parameters.vendor_of(item["litellm_params"]) for item in catalog.deployments(model)]
        entry = catalog.resolve(model)

        async def send(part: Request) -> CreateEmbeddingResponse:
            convert = _read_as(embedding.reader(request, part), answers.data_of_vectors)
            return await self._call("aembedding", part, caller, convert)

        return await embedding.embed(request, vendors, entry.dimension if entry else None, send)

    async def rerank(self, request: Request, caller: Caller) -> Ranking:
        return await self._call("arerank", request, caller, _read_as(answers.reranked))

    async def messages(self, request: Request, caller: Caller) -> Message:
        chat = await self._as_chat(request)

        def read(answer: Any, about: Callable[..., served.Served]) -> Message:
            return chat.message(answer, about())

        return await self._call("acompletion", chat.request, caller, read)

    async def messages_stream(self, request: Request, caller: Caller) -> Stream[Message]:
        chat = await self._as_chat(request)
        return await self._stream("acompletion", chat.request, caller, chat.events, raw=True)

    async def count_tokens(self, request: Request, caller: Caller) -> int:
        import litellm

        models = await self._models_for(request, caller)
        chat = await self._as_chat({**request, "max_tokens": 1})
        counted = {name: chat.request[name] for name in ("messages", "tools", "tool_choice") if name in chat.request}
        try:
            return await _in_thread(partial(litellm.token_counter, model=chat.vendors_model, **counted))
        except Exception as exc:  # whatever a tokenizer raises
            raise models.error(exc, model=request["model"]) from None

    async def _as_chat(self, request: Request) -> AsChat:
        """A request of the Messages API for what serves its model: the first deployment, where there are several."""
        model = request["model"]
        deployments = (await self._ready()).catalog.deployments(model)
        name = str(deployments[0]["litellm_params"]["model"]) if deployments else model
        return AsChat(request, model if "*" in name else name)

    async def _stream(
        self,
        method: str,
        request: Request,
        caller: Caller,
        convert: Callable[..., AsyncIterator[Any]],
        *,
        raw: bool = False,
    ) -> Stream[Any]:
        """``convert`` makes ours of the chunks' data; of LiteLLM's own chunks, if ``raw``."""
        # Without usage LiteLLM logs a stream with 0 tokens and no cost.
        options = {**(request.get("stream_options") or {}), "include_usage": True}
        streamed = {**request, "stream": True, "stream_options": options}
        models = await self._ready()
        explain = partial(models.error, model=request["model"])

        def read(call: Any, about: Callable[..., served.Served]) -> Stream[Any]:
            chunks = call if raw else (answers.data_of(chunk) async for chunk in call)
            return Stream(call, lambda _: convert(chunks, about), explain, about=about, abandon=cancelled_read)

        return await self._call(method, streamed, caller, read)

    async def _models_for(self, request: Request, caller: Caller) -> _Models:
        """The models, with that of a request among them. Raises errors.RequestError for a call that is none of ours."""
        if caller.api_key is not None:
            raise errors.InvalidRequest(
                "litellm_api_key is a virtual key of a LiteLLM Proxy, and this stack uses no proxy. "
                "Leave the field out."
            )
        models = await self._ready()
        if models.catalog.resolve(request["model"]) is None:
            raise models.catalog.not_found(request["model"])
        return models

    async def _call[Answer](self, method: str, request: Request, caller: Caller, convert: _Convert[Answer]) -> Answer:
        """What ``convert`` makes of the answer of the Router's ``method``. Raises errors.RequestError."""
        model = request["model"]
        models = await self._models_for(request, caller)
        if "messages" in request or "prompt" in request:
            request = self._guard.checked(request, models.catalog.deployments(model))
        if "messages" in request:
            request = {**request, "messages": parameters.with_arguments(request["messages"])}
        running = self._router()
        call: Callable[..., Awaitable[Any]] = getattr(running.router, method)
        running.begin()
        try:
            found = await call(**request, **identity.parameters(request, caller))
            answer = convert(found, partial(served.by_router, found, deployments=running.deployments))
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


type _Convert[Answer] = Callable[[Any, Callable[..., served.Served]], Answer]
"""Makes ours of LiteLLM's answer and of what tells the ``litellm`` object."""


def _read_as[Answer](
    convert: Callable[[answers.Data, served.Served], Answer], data_of: Callable[[Any], answers.Data] = answers.data_of
) -> _Convert[Answer]:
    return lambda answer, about: convert(data_of(answer), about())


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
        error = exc
        if not isinstance(error, errors.RequestError):
            deployments = {item["litellm_params"]["model"] for item in self.catalog.deployments(model)}
            error = translation.from_litellm(
                exc, model=model, deployments=deployments, retry_after=retry_after, redact=self.redact
            )
        error.served_by = "embedded"
        return error


def _catalog(
    config: settings.LiteLLMSettings, deployments: list[dict[str, Any]], measured: Mapping[str, int]
) -> catalogs.Catalog:
    aliases = config.router_settings.get("model_group_alias")
    try:
        return catalogs.build(deployments, library.known_model, aliases, measured=measured)
    except errors.ConfigError as exc:
        raise errors.ConfigError(f"{config.path}: {exc}") from None


def _read(config: settings.LiteLLMSettings, measured: Mapping[str, int], *others: settings.LiteLLMSettings) -> _Models:
    deployments = parameters.opened(config.model_list)
    catalog = _catalog(config, deployments, measured)
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
    # A Router is a web of cycles: without a look at all objects it stays until a million more have been made.
    del running
    gc.collect()


async def _in_thread[Result](work: Callable[[], Result]) -> Result:
    # A thread of its own: the default executor's threads would outlive a throw-away loop.
    with ThreadPoolExecutor(1, thread_name_prefix="litellm-import") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
