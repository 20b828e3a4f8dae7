"""The engine that asks a LiteLLM Proxy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ... import errors, redaction, translation
from ...caller import ANONYMOUS, Caller
from ...catalog import Catalog, ModelEntry
from ...config import ProxySettings
from .. import answers, embedding, served
from ..base import Changed, Request, Reranked
from ..stream import Stream
from . import discovery, parameters, refusals, requests
from .connection import MOST_BYTES, Connection
from .stream import Chunks
from .watch import Watch

logger = logging.getLogger(__name__)

# How long, in seconds, a boot waits for the proxy to say whether it is ready, and for its lists, and how long one waits
# for these later.
_BOOT, _LISTS_AT_BOOT, _LISTS = 1.0, 3.0, 10.0
# How old, in seconds, the lists may be.
_FRESH = 30.0
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
        self._connection = Connection(config)
        # Of its own: what is asked of the models may fill the other one's pool.
        self._aside = Connection(config)
        self._probes = probe_dimensions
        self._guard = parameters.Guard(strict=strict_params)
        self._models: Catalog | None = None
        self._told: discovery.Told | None = None
        self._refused: tuple[discovery.Told, errors.ConfigError] | None = None
        self._read_at = 0.0
        self._complained: str | None = None
        self._measured: dict[str, int] = {}
        self._probed: set[str] = set()
        self._changed: Changed | None = None
        self._watching: asyncio.Task[None] | None = None
        self._watch = Watch(
            config.url,
            partial(self._look, config.connect_timeout),
            replaceable=replaceable,
            back=self._refresh,
            hopeless=self._connection.give_up_waiting if replaceable else lambda: None,
        )

    # Life cycle

    async def start(self, changed: Changed) -> None:
        """Watch the proxy from now on, in the running loop."""
        self._changed = changed
        await self.catalog()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch.run())
            self._watching.add_done_callback(_ended)

    async def catalog(self) -> Catalog:
        """The proxy's models; none, and a warning in the log, while it has never been seen."""
        if self._models is None:
            try:
                self._models = await self._first()
            finally:
                if self._watching is None:
                    # Asked for the first time in a loop that the host throws away.
                    await self._aside.close()
        return self._models

    async def _first(self) -> Catalog:
        try:
            await self._ready(_BOOT)
        except errors.RequestError as exc:
            self._watch.lost(exc.message)
            return discovery.nothing(self._url, exc)
        try:
            self._told = await self._lists(_LISTS_AT_BOOT)
        except errors.RequestError as exc:
            self._complain(exc)
            return discovery.nothing(self._url, exc)
        return discovery.catalog_of(self._told, self._url, self._measured)

    def sources(self) -> tuple[Path, ...]:
        return ()

    def trouble(self) -> str | None:
        return self._watch.away

    async def reload(self) -> None:
        """Ask the proxy for its models again."""
        self._probed.clear()
        try:
            await self._renew()
        except errors.RequestError as exc:
            raise errors.ConfigError(exc.message) from None

    async def close(self) -> None:
        """Stop watching, and close every connection."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await self._connection.close()
        await self._aside.close()

    async def _ready(self, within: float) -> None:
        """Raises RequestError unless the proxy says that it is ready."""
        answer = await self._ask("/health/readiness", within)
        if "status" not in answer:
            raise errors.ProxyGone(f"What answers at {self._url} is no LiteLLM Proxy. {errors.ProxyGone.mend}")

    async def _look(self, within: float) -> None:
        """The same, but of a proxy that others hear from meanwhile: it is there, and has no time."""
        began = time.monotonic()
        try:
            await self._ready(within)
        except errors.ProxyGone:
            if self._connection.heard < began:
                raise

    async def _lists(self, within: float) -> discovery.Told:
        """What the proxy says of its models now. Raises RequestError."""
        self._read_at = time.monotonic()
        return await discovery.ask(partial(self._ask, within=within))

    async def _renew(self) -> None:
        """Go by what the proxy has now; tells whoever wants to know when that is something else than before.

        Raises RequestError, and ConfigError when the vectors that stores hold would be of no use any more.
        """
        before, told = await self.catalog(), await self._lists(_LISTS)
        if told == self._told and before.unmeasured.isdisjoint(self._measured):
            self._complained = None
            return
        if self._refused is not None and told == self._refused[0]:
            raise self._refused[1]
        now = discovery.catalog_of(told, self._url, self._measured)
        try:
            now.check_dimensions(before)
        except errors.ConfigError as exc:
            self._refused = told, exc
            raise
        self._models, self._told, self._complained = now, told, None
        if self._changed is not None:
            self._changed()

    async def _refresh(self, returned: bool) -> None:
        """The lists again, when they are old or the proxy has been away, and what can be measured."""
        models = await self.catalog()
        try:
            if returned or models.away is not None or time.monotonic() - self._read_at > _FRESH:
                await self._renew()
            if self._probes:
                await self._measure(models.unmeasured - self._probed)
        except (errors.RequestError, errors.ConfigError) as exc:
            self._complain(exc)

    async def _measure(self, names: Iterable[str]) -> None:
        """Ask embedding models of which nobody states the vector size for one vector, once each."""
        for name in names:
            self._probed.add(name)
            body, headers = requests.sent({"model": name, "input": ["dimension"]}, ANONYMOUS, self._key)
            try:
                data = await self._ask("/v1/embeddings", _LISTS, body, headers)
                self._measured[name] = len(answers.embeddings(data, {}, count=1).data[0].embedding)
            except errors.RequestError as exc:
                logger.warning("The vector size of '%s' cannot be measured. %s", name, exc)
            else:
                await self._renew()

    def _complain(self, exc: Exception) -> None:
        # Once: it is asked again every few seconds.
        if str(exc) != self._complained:
            self._complained = str(exc)
            logger.warning("The models of the LiteLLM Proxy cannot be read: %s", exc)

    async def _ask(
        self, path: str, within: float, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """What the proxy answers to the stack itself, which is an object."""
        identity = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            async with asyncio.timeout(within):
                response = await self._aside.send(path, body, headers or identity)
                text = await self._aside.read(response)
        except TimeoutError:
            raise errors.ProxyGone(
                f"The LiteLLM Proxy at {self._url} has not answered in {within:g} s. {errors.ProxyGone.mend}"
            ) from None
        if response.status != 200:
            raise refusals.error(response, text, url=self._url, redact=self._redactor(ANONYMOUS))
        return refusals.object_of(response, text, url=self._url)

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
            convert = partial(answers.embeddings, count=embedding.count(part["input"]))
            return await self._call("/v1/embeddings", part, caller, convert)

        most = MOST_BYTES // _BYTES_PER_NUMBER
        return await embedding.embed(request, vendors, entry.dimension, send, most_numbers=most)

    async def rerank(self, request: Request, caller: Caller) -> list[Reranked]:
        return await self._call("/v1/rerank", request, caller, lambda data, _: answers.reranked(data))

    async def _call[Answer](
        self,
        path: str,
        request: Request,
        caller: Caller,
        convert: Callable[[answers.Data, served.Served], Answer],
    ) -> Answer:
        with self._explained(request["model"]):
            entry, response = await self._send(path, request, caller)
            data = refusals.object_of(response, await self._connection.read(response), url=self._url)
            about = served.by_proxy(response.headers, priced=entry.input_cost is not None)
            try:
                return convert(data, about)
            except (AttributeError, LookupError, TypeError, ValueError) as exc:
                raise refusals.unknown_form(exc) from None

    async def _stream(
        self, path: str, request: Request, caller: Caller, convert: Callable[..., AsyncIterator[Any]]
    ) -> Stream[Any]:
        # Without usage LiteLLM logs a stream with 0 tokens and no cost.
        options = {**(request.get("stream_options") or {}), "include_usage": True}
        model = request["model"]
        with self._explained(model):
            entry, response = await self._send(path, {**request, "stream": True, "stream_options": options}, caller)
            refusal = partial(
                translation.from_proxy, model=model, deployments=entry.deployments, redact=self._redactor(caller)
            )
            chunks = Chunks(self._connection, response, refusal)
            try:
                refusals.check_streams(response, url=self._url)
                await chunks.begin()
            except BaseException:
                await chunks.aclose()
                raise
        priced = entry.input_cost is not None
        about = partial(_about, response.headers, priced)
        return Stream(chunks, lambda call: convert(call, about), partial(_explained, model=model))

    async def _found(self, model: str) -> tuple[ModelEntry, list[Mapping[str, Any]]]:
        """A model of the proxy, and its deployments. Raises ModelNotFound."""
        models = await self.catalog()
        entry = models.resolve(model)
        if entry is None:
            raise models.not_found(model)
        return entry, models.deployments(model)

    async def _send(self, path: str, request: Request, caller: Caller) -> tuple[ModelEntry, aiohttp.ClientResponse]:
        """The model of a request, and the head of the answer, once the proxy has accepted it."""
        entry, deployments = await self._found(request["model"])
        request = self._guard.checked(request, deployments)
        body, headers = requests.sent(request, caller, self._key)
        response = await self._connection.send(path, parameters.understood(body, deployments), headers)
        if response.status == 200:
            return entry, response
        refusal = refusals.error(
            response,
            await self._connection.read(response),
            url=self._url,
            model=entry.name,
            deployments=entry.deployments,
            redact=self._redactor(caller),
        )
        if self._guard.learns(refusal, request):
            return await self._send(path, request, caller)
        raise refusal

    @contextmanager
    def _explained(self, model: str) -> Iterator[None]:
        """Every error names the model, and one that says that the proxy is gone is heard."""
        try:
            yield
        except errors.ProxyGone as exc:
            self._watch.lost(exc.message)
            raise _named(exc, model) from None
        except errors.RequestError as exc:
            raise _named(exc, model) from None

    def _redactor(self, caller: Caller) -> Callable[[str], str]:
        """Takes both keys out of a text; made when there is one."""
        return lambda text: redaction.Redactor({"key": self._key, "api_key": caller.api_key or ""})(text)


def _ended(watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (exc := watching.exception()):
        logger.error("Nobody watches the LiteLLM Proxy any more: %r", exc)


def _about(headers: Mapping[str, str], priced: bool, usage: Mapping[str, Any]) -> served.Served:
    return served.by_proxy(headers, priced=priced, usage=usage)


def _explained(exc: Exception, *, model: str) -> errors.RequestError:
    return _named(exc if isinstance(exc, errors.RequestError) else refusals.unknown_form(exc), model)


def _named(exc: errors.RequestError, model: str) -> errors.RequestError:
    """The error of a request for ``model``, which names the model as every other error does."""
    if exc.model is None:
        exc.model, exc.message = model, f"Model {model}: {exc.message}"
        exc.args = (exc.message,)
    return exc
