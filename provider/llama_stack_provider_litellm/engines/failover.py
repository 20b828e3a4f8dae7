"""The proxy while it is there, the embedded router while it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .. import catalog as catalogs
from ..caller import Caller
from ..catalog import Catalog
from ..errors import KeyNeedsProxy, ProxyGone
from .base import Changed, Engine, Ranking, Request
from .messages import Message
from .proxy import ProxyEngine
from .stream import Stream


class FailoverEngine:
    """Sends a request to the proxy, and to the embedded router when the proxy is gone before anything of its answer
    has come. What an upstream says through the proxy is an answer, and no reason to ask again.

    ``virtual_keys``: whether a request with a virtual key may be served by the router, with the router's own keys.
    """

    def __init__(self, proxy: ProxyEngine, router: Engine, *, virtual_keys: bool) -> None:
        self._proxy = proxy
        self._router = router
        self._virtual_keys = virtual_keys
        self._together: tuple[Catalog, Catalog, Catalog] | None = None

    # Life cycle

    async def start(self, changed: Changed) -> None:
        """Get both ready."""
        await self._router.start(changed)
        await self._proxy.start(changed)

    async def catalog(self) -> Catalog:
        """The models of both; of a name that both have, the proxy's."""
        theirs, ours = await self._proxy.catalog(), await self._router.catalog()
        if self._together is None or self._together[0] is not theirs or self._together[1] is not ours:
            self._together = theirs, ours, catalogs.together(theirs, ours)
        return self._together[2]

    def sources(self) -> tuple[Path, ...]:
        return self._router.sources()

    def trouble(self) -> str | None:
        return self._router.trouble()

    async def reload(self) -> None:
        """Read the config again, and ask the proxy again if it is there."""
        await self._router.reload()
        if self._proxy.trouble() is None:
            await self._proxy.reload()

    def redact(self, text: str) -> str:
        return self._router.redact(self._proxy.redact(text))

    async def close(self) -> None:
        """Close both."""
        await self._proxy.close()
        await self._router.close()

    # Calls

    async def chat(self, request: Request, caller: Caller) -> ChatCompletion:
        answer: ChatCompletion = await self._serve("chat", request, caller)
        return answer

    async def chat_stream(self, request: Request, caller: Caller) -> Stream[ChatCompletionChunk]:
        stream: Stream[ChatCompletionChunk] = await self._serve("chat_stream", request, caller)
        return stream

    async def complete(self, request: Request, caller: Caller) -> Completion:
        answer: Completion = await self._serve("complete", request, caller)
        return answer

    async def complete_stream(self, request: Request, caller: Caller) -> Stream[Completion]:
        stream: Stream[Completion] = await self._serve("complete_stream", request, caller)
        return stream

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        answer: CreateEmbeddingResponse = await self._serve("embed", request, caller)
        return answer

    async def rerank(self, request: Request, caller: Caller) -> Ranking:
        ranked: Ranking = await self._serve("rerank", request, caller)
        return ranked

    async def messages(self, request: Request, caller: Caller) -> Message:
        answer: Message = await self._serve("messages", request, caller)
        return answer

    async def messages_stream(self, request: Request, caller: Caller) -> Stream[Message]:
        stream: Stream[Message] = await self._serve("messages_stream", request, caller)
        return stream

    async def count_tokens(self, request: Request, caller: Caller) -> int:
        counted: int = await self._serve("count_tokens", request, caller)
        return counted

    async def _serve(self, method: str, request: Request, caller: Caller) -> Any:
        model = request["model"]
        theirs, ours = await self._proxy.catalog(), await self._router.catalog()
        at_proxy, here = theirs.resolve(model), ours.resolve(model)
        if at_proxy is None and theirs.away is None:
            # Only the stack's own config has it, and a virtual key is no key to that.
            if here is None or caller.api_key:
                raise (theirs if caller.api_key else await self.catalog()).not_found(model)
            return await getattr(self._router, method)(request, caller)
        gone = self._proxy.trouble()
        if gone is None and at_proxy is not None:
            try:
                return await getattr(self._proxy, method)(request, caller)
            except ProxyGone as exc:
                gone = self._proxy.trouble() or exc.message
        gone = gone or str(theirs.away)
        if caller.api_key and not self._virtual_keys:
            raise KeyNeedsProxy(
                f"Model {model}: a virtual key is good at the proxy only. {gone} {KeyNeedsProxy.mend}", model=model
            )
        if here is None:
            raise ProxyGone(f"Model {model}: only the proxy has it. {gone}", model=model)
        if at_proxy is not None and at_proxy.dimension != here.dimension:
            raise ProxyGone(
                f"Model {model}: only the proxy has it with vectors of {at_proxy.dimension} numbers. {gone}",
                model=model,
            )
        return await getattr(self._router, method)(request, replace(caller, api_key=None))
