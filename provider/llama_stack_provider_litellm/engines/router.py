"""The embedded engine: one ``litellm.Router`` inside this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .. import catalog as catalogs
from .. import errors, redaction, settings
from ..caller import Caller
from . import answers, embedding, identity, library, parameters
from .base import Request, Reranked
from .running import RunningRouter
from .stream import Stream

if TYPE_CHECKING:
    from litellm import Router


class RouterEngine:
    """Reaches models through LiteLLM's Router, as the given config describes them.

    litellm is imported in a thread at the first ``catalog()`` or ``start()``. The Router belongs to one
    event loop, the one that serves; asked from another, the engine drops it and makes a new one.
    """

    def __init__(self, config: settings.LiteLLMSettings, *, strict_params: bool = False) -> None:
        self._settings = config
        self._redact = redaction.Redactor(config.model_list, config.router_settings, config.litellm_settings)
        self._guard = parameters.Guard(strict=strict_params)
        self._deployments: list[dict[str, Any]] = []
        self._catalog: catalogs.Catalog | None = None
        self._loading = threading.Lock()
        self._running: RunningRouter | None = None

    # Life cycle

    async def start(self) -> None:
        """Import litellm and build the Router for the running loop."""
        await self.catalog()
        self._router()

    async def catalog(self) -> catalogs.Catalog:
        """The config's models."""
        if self._catalog is None:
            # A thread of its own: the default executor's threads would outlive a throw-away loop.
            with ThreadPoolExecutor(1, thread_name_prefix="litellm-import") as thread:
                return await asyncio.get_running_loop().run_in_executor(thread, self._load)
        return self._catalog

    async def close(self) -> None:
        """Close the Router's connections and take its callbacks out of litellm."""
        running, self._running = self._running, None
        if running is not None:
            running.discard()
            await library.close_clients()

    def _load(self) -> catalogs.Catalog:
        # Two first callers may come at once, from two loops even.
        with self._loading:
            if self._catalog is None:
                library.import_litellm()
                settings.apply(self._settings)
                self._deployments = parameters.opened(self._settings.model_list)
                asyncio.run(self._try_router())
                try:
                    self._catalog = catalogs.build(self._deployments, library.known_model)
                except errors.ConfigError as exc:
                    raise errors.ConfigError(f"{self._settings.path}: {exc}") from None
            return self._catalog

    async def _try_router(self) -> None:
        self._new_router().discard()

    def _router(self) -> Router:
        if self._running is None or self._running.loop is not asyncio.get_running_loop():
            if self._running is not None:
                self._running.discard()
            self._running = self._new_router()
        return self._running.router

    def _new_router(self) -> RunningRouter:
        """A Router of the config. Raises ConfigError, in LiteLLM's words, for what LiteLLM refuses."""
        known = settings.router_arguments()
        arguments = {key: value for key, value in self._settings.router_settings.items() if key in known}
        try:
            return RunningRouter(self._deployments, arguments)
        except Exception as exc:
            words = self._redact(errors.words_of(exc))
            raise errors.ConfigError(f"{self._settings.path}: LiteLLM's Router refuses the config: {words}") from None

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
        explain = partial(self._error, model=request["model"])
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
        catalog = await self.catalog()
        if catalog.resolve(model) is None:
            raise catalog.not_found(model)
        if "messages" in request or "prompt" in request:
            request = self._guard.checked(request, catalog.deployments(model))
        if "messages" in request:
            request = {**request, "messages": parameters.with_arguments(request["messages"])}
        call: Callable[..., Awaitable[Any]] = getattr(self._router(), method)
        try:
            return convert(await call(**request, **identity.parameters(request, caller)))
        except Exception as exc:
            # Without the chain: the host renders every chained frame of litellm on the event loop.
            raise self._error(exc, model=model) from None

    def _error(self, exc: Exception, *, model: str) -> errors.RequestError:
        if isinstance(exc, errors.RequestError):
            return exc
        group = self._catalog.deployments(model) if self._catalog else []
        deployments = {item["litellm_params"]["model"] for item in group}
        return errors.from_litellm(exc, model=model, deployments=deployments, redact=self._redact)
