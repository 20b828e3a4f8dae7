"""The engine that asks a LiteLLM Proxy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ... import errors, redaction, translation
from ...caller import Caller
from ...catalog import Catalog, ModelEntry
from ...config import ProxySettings
from .. import answers, embedding, messages, served
from ..base import Changed, Ranking, Request
from ..messages import Message
from ..stream import Stream
from . import discovery, parameters, refusals, requests
from .connection import MOST_BYTES, Connection
from .models import ProxyModels
from .stream import Chunks
from .watch import Watch

logger = logging.getLogger(__name__)

# A number of a vector takes so many bytes at the most, as JSON.
_BYTES_PER_NUMBER = 25


class ProxyEngine:
    """Reaches models through a LiteLLM Proxy.

    While the proxy is away its last list of models stands. ``replaceable`` says that somebody else can serve what it
    cannot: then nobody waits for a proxy that does not answer any more.
    """

    def __init__(
        self,
        config: ProxySettings,
        *,
        strict_params: bool = False,
        probe_dimensions: bool = False,
        replaceable: bool = False,
    ) -> None:
        self._url = config.url
        self._key = config.api_key.get_secret_value()
        self._redact: redaction.Redactor | None = None
        self._connection = Connection(config)
        self._models = ProxyModels(config, probe_dimensions=probe_dimensions)
        self._guard = parameters.Guard(strict=strict_params)
        self._watching: asyncio.Task[None] | None = None
        self._watch = Watch(
            config.url,
            partial(self._look, config.connect_timeout),
            replaceable=replaceable,
            back=self._models.refresh,
            hopeless=self._connection.give_up_waiting if replaceable else lambda: None,
        )

    # Life cycle

    async def start(self, changed: Changed) -> None:
        """Watch the proxy from now on, in the running loop."""
        self._models.changed = changed
        await self.catalog()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch.run())
            self._watching.add_done_callback(_ended)

    async def catalog(self) -> Catalog:
        """The proxy's models; none, and a warning in the log, while it has never been seen."""
        if not self._models.begun:
            try:
                if away := await self._models.begin():
                    self._watch.lost(away)
            finally:
                if self._watching is None:
                    # Asked for the first time in a loop that the host throws away.
                    await self._models.close()
        return self._models.known

    def sources(self) -> tuple[Path, ...]:
        return ()

    def trouble(self) -> str | None:
        return self._watch.away

    async def reload(self) -> None:
        """Ask the proxy for its models again."""
        self._models.probe_again()
        try:
            await self._models.renew()
        except errors.RequestError as exc:
            raise errors.ConfigError(exc.message) from None

    def redact(self, text: str) -> str:
        if self._redact is None:
            self._redact = redaction.Redactor({"api_key": self._key})
        return self._redact(text)

    async def close(self) -> None:
        """Stop watching, and close every connection."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await self._connection.close()
        await self._models.close()

    async def _look(self, within: float) -> None:
        """Raises RequestError unless the proxy is ready, or has no time: others hear from it meanwhile."""
        began = time.monotonic()
        try:
            await self._models.ready(within)
        except errors.ProxyGone:
            if self._connection.heard < began:
                raise

    # Calls

    async def chat(self, request: Request, caller: Caller) -> ChatCompletion:
        return await self._call("/v1/chat/completions", request, caller, answers.chat)

    async def chat_stream(self, request: Request, caller: Caller) -> Stream[ChatCompletionChunk]:
        wants_usage_chunk = bool((request.get("stream_options") or {}).get("include_usage"))
        convert = partial(answers.chat_chunks, usage_chunk=wants_usage_chunk)
        return await self._stream("/v1/chat/completions", request, caller, convert)

    async def complete(self, request: Request, caller: Caller) -> Completion:
        return await self._call("/v1/completions", request, caller, answers.completion)

    async def complete_stream(self, request: Request, caller: Caller) -> Stream[Completion]:
        return await self._stream("/v1/completions", request, caller, answers.completion_chunks)

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        entry, deployments = await self._found(request["model"])
        vendors = [discovery.vendor_of(item) for item in deployments]

        async def send(part: Request) -> CreateEmbeddingResponse:
            return await self._call("/v1/embeddings", part, caller, embedding.reader(request, part))

        most = MOST_BYTES // _BYTES_PER_NUMBER
        return await embedding.embed(request, vendors, entry.dimension, send, most_numbers=most)

    async def rerank(self, request: Request, caller: Caller) -> Ranking:
        return await self._call("/v1/rerank", request, caller, answers.reranked)

    async def messages(self, request: Request, caller: Caller) -> Message:
        return await self._call("/v1/messages", request, caller, messages.message)

    async def messages_stream(self, request: Request, caller: Caller) -> Stream[Message]:
        return await self._stream("/v1/messages", request, caller, messages.events, end=messages.LAST)

    async def count_tokens(self, request: Request, caller: Caller) -> int:
        return await self._call("/v1/messages/count_tokens", request, caller, lambda data, _: int(data["input_tokens"]))

    async def _call[Answer](
        self,
        path: str,
        request: Request,
        caller: Caller,
        convert: Callable[[answers.Data, served.Served], Answer],
    ) -> Answer:
        with self._explained(request["model"]) as trip:
            entry, response = await self._send(path, request, caller, trip)
            data = refusals.object_of(response, await self._connection.read(response), url=self._url)
            about = self._about(entry, response.headers)
            try:
                return convert(data, about)
            except (AttributeError, LookupError, TypeError, ValueError) as exc:
                raise refusals.unknown_form(exc) from None

    async def _stream(
        self,
        path: str,
        request: Request,
        caller: Caller,
        convert: Callable[..., AsyncIterator[Any]],
        *,
        end: str | None = None,
    ) -> Stream[Any]:
        """``end`` is the type of the last event, where the stream does not end with ``[DONE]``."""
        model = request["model"]
        streamed = {**request, "stream": True}
        if end is None:
            # Without usage LiteLLM logs a stream with 0 tokens and no cost.
            streamed["stream_options"] = {**(request.get("stream_options") or {}), "include_usage": True}
        with self._explained(model) as trip:
            entry, response = await self._send(path, streamed, caller, trip)
            redact = refusals.redactor(self._key, caller.api_key)
            refusal = partial(translation.from_proxy, model=model, deployments=entry.deployments, redact=redact)
            chunks = Chunks(self._connection, response, refusal, end=end)
            try:
                refusals.check_streams(response, url=self._url)
                await chunks.begin()
            except BaseException:
                await chunks.aclose()
                raise
        about = partial(self._about, entry, response.headers)
        return Stream(chunks, lambda call: convert(call, about), partial(_explained, model=model), about=about)

    def _about(
        self, entry: ModelEntry, headers: Mapping[str, str], usage: Mapping[str, Any] | None = None
    ) -> served.Served:
        priced = entry.input_cost is not None
        return served.by_proxy(
            headers, priced=priced, usage=usage, deployments=self._models.deployments, asked=entry.deployments
        )

    async def _found(self, model: str) -> tuple[ModelEntry, list[Mapping[str, Any]]]:
        """A model of the proxy, and its deployments. Raises ModelNotFound."""
        models = await self.catalog()
        entry = models.resolve(model)
        if entry is None:
            raise models.not_found(model)
        return entry, models.deployments(model)

    async def _send(
        self, path: str, request: Request, caller: Caller, trip: _Trip
    ) -> tuple[ModelEntry, aiohttp.ClientResponse]:
        """The model of a request, and the head of the answer, once the proxy has accepted it."""
        entry, deployments = await self._found(request["model"])
        request = self._guard.checked(request, deployments)
        body, headers = requests.sent(request, caller, self._key, as_anthropic=path.startswith("/v1/messages"))
        trip.begun = True
        response = await self._connection.send(path, parameters.understood(body, deployments), headers)
        if response.status == 200:
            return entry, response
        refusal = refusals.error(
            response,
            await self._connection.read(response),
            url=self._url,
            model=entry.name,
            deployments=entry.deployments,
            redact=refusals.redactor(self._key, caller.api_key),
        )
        if self._guard.learns(refusal, request):
            return await self._send(path, request, caller, trip)
        raise refusal

    @contextmanager
    def _explained(self, model: str) -> Iterator[_Trip]:
        """Every error names the model, and one that says that the proxy is gone is heard."""
        trip = _Trip()
        try:
            yield trip
        except errors.RequestError as exc:
            if isinstance(exc, errors.ProxyGone):
                self._watch.lost(exc.message)
            raise _named(exc, model, asked=trip.begun) from None


@dataclass(slots=True)
class _Trip:
    """One request's way; ``begun`` is whether the proxy has been asked."""

    begun: bool = False


def _ended(watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (exc := watching.exception()):
        logger.error("Nobody watches the LiteLLM Proxy any more: %r", exc)


def _explained(exc: Exception, *, model: str) -> errors.RequestError:
    error = exc if isinstance(exc, errors.RequestError) else refusals.unknown_form(exc)
    return _named(error, model, asked=True)


def _named(exc: errors.RequestError, model: str, *, asked: bool) -> errors.RequestError:
    """The error of a request for ``model``, which names the model as every other error does."""
    exc.served_by = "proxy" if asked else None
    if exc.model is None:
        exc.model, exc.message = model, f"Model {model}: {exc.message}"
        exc.args = (exc.message,)
    return exc
