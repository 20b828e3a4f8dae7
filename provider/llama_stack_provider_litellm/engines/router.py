"""The embedded engine: one ``litellm.Router`` inside this process."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .. import catalog as catalogs
from .. import errors, settings
from ..caller import Caller
from . import answers, embedding, parameters
from .base import Request, Reranked

if TYPE_CHECKING:
    from litellm import Router

logger = logging.getLogger(__name__)

# litellm imports its MCP gateway whenever tools are passed, and that needs mcp 2, which the host does
# not have. The keyword is private: tests/engines/test_router.py fails when it stops working.
_PRIVATE = {"_skip_mcp_handler": True}


class RouterEngine:
    """Reaches models through LiteLLM's Router, as the given config describes them.

    litellm is imported in a thread at the first ``catalog()`` or ``start()``. The Router belongs to one
    event loop, the one that serves; asked from another, the engine closes it and makes a new one.
    """

    def __init__(self, config: settings.LiteLLMSettings, *, strict_params: bool = False) -> None:
        self._settings = config
        self._strict_params = strict_params
        # Both are made when litellm is there, by catalog().
        self._deployments: list[dict[str, Any]] = []
        self._guard = parameters.Guard((), strict=strict_params)
        self._secrets = sorted(config.secrets, key=len, reverse=True)
        self._catalog: catalogs.Catalog | None = None
        self._loading = threading.Lock()
        self._router: Router | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Import litellm and build the Router for the running loop."""
        await self.catalog()
        self._current_router()

    async def catalog(self) -> catalogs.Catalog:
        """The config's models."""
        if self._catalog is None:
            # A thread of its own: the default executor's threads would outlive a throw-away loop.
            with ThreadPoolExecutor(1, thread_name_prefix="litellm-import") as thread:
                return await asyncio.get_running_loop().run_in_executor(thread, self._load)
        return self._catalog

    async def chat(self, request: Request, caller: Caller) -> ChatCompletion:
        response = await self._call("acompletion", request, caller)
        return answers.chat(response)

    async def chat_stream(self, request: Request, caller: Caller) -> AsyncIterator[ChatCompletionChunk]:
        wants_usage_chunk = bool((request.get("stream_options") or {}).get("include_usage"))
        stream = await self._call("acompletion", _streaming(request), caller)
        chunks = self._guarded(stream, request["model"])
        return answers.chat_chunks(chunks, usage_chunk=wants_usage_chunk)

    async def complete(self, request: Request, caller: Caller) -> Completion:
        response = await self._call("atext_completion", request, caller)
        return answers.completion(response)

    async def complete_stream(self, request: Request, caller: Caller) -> AsyncIterator[Completion]:
        stream = await self._call("atext_completion", _streaming(request), caller)
        return answers.completion_chunks(self._guarded(stream, request["model"]))

    async def embed(self, request: Request, caller: Caller) -> CreateEmbeddingResponse:
        entry = (await self.catalog()).resolve(request["model"])
        vendors = [parameters.vendor_of({"model": upstream}) for upstream in entry.deployments] if entry else []
        expected = request.get("dimensions") or (entry.dimension if entry else None)

        async def send(part: Request) -> CreateEmbeddingResponse:
            # The form of the answer is made here: not every vendor takes `encoding_format`.
            asked = {key: value for key, value in part.items() if key != "encoding_format"}
            answer = answers.embeddings(await self._call("aembedding", asked, caller))
            embedding.check_size(answer, model=request["model"], expected=expected)
            return answer

        answer = await embedding.in_batches(request, vendors, send)
        return answers.packed(answer) if request.get("encoding_format") == "base64" else answer

    async def rerank(self, request: Request, caller: Caller) -> list[Reranked]:
        response = await self._call("arerank", request, caller)
        ranked = [Reranked(index=row["index"], score=row["relevance_score"]) for row in response.results or []]
        return sorted(ranked, key=lambda row: row.score, reverse=True)

    async def close(self) -> None:
        """Close the Router's connections and take its callbacks out of litellm."""
        if self._router is None:
            return
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        router, self._router, self._loop = self._router, None, None
        router.discard()
        await close_litellm_async_clients()

    def _load(self) -> catalogs.Catalog:
        # Two first callers may come at once, from two loops even.
        with self._loading:
            if self._catalog is None:
                import_litellm()
                settings.apply(self._settings)
                self._deployments = parameters.opened(self._settings.model_list)
                self._guard = parameters.Guard(self._deployments, strict=self._strict_params)
                self._catalog = catalogs.build(self._settings.model_list, known_model)
            return self._catalog

    def _current_router(self) -> Router:
        loop = asyncio.get_running_loop()
        if self._router is None or self._loop is not loop:
            from litellm import Router

            if self._router is not None:
                self._router.discard()
            arguments = {
                key: value
                for key, value in self._settings.router_settings.items()
                if key in settings.router_arguments()
            }
            self._router, self._loop = (
                Router(model_list=self._deployments, **arguments),
                loop,
            )
        return self._router

    async def _call(self, method: str, request: Request, caller: Caller) -> Any:
        if caller.api_key is not None:
            raise errors.InvalidRequest(
                "litellm_api_key is a virtual key of a LiteLLM Proxy, and this stack uses no proxy. "
                "Leave the field out."
            )
        entry = (await self.catalog()).resolve(request["model"])
        if "messages" in request:
            self._guard.check(request, entry.deployments if entry else ())
        call: Callable[..., Awaitable[Any]] = getattr(self._current_router(), method)
        try:
            return await call(**request, **_identity(request, caller), **(_PRIVATE if "tools" in request else {}))
        except Exception as exc:
            # Without the chain: the host renders every chained frame of litellm on the event loop.
            raise self._error(exc, request["model"]) from None

    async def _guarded(self, stream: Any, model: str) -> AsyncIterator[Any]:
        """The chunks of a LiteLLM stream; closes the call upstream when the reader leaves."""
        try:
            async for chunk in stream:
                yield chunk
        except Exception as exc:
            raise self._error(exc, model) from None
        finally:
            if close := getattr(stream, "aclose", None):
                await close()

    def _error(self, exc: Exception, model: str) -> errors.RequestError:
        return errors.from_litellm(exc, model=model, redact=self._redact)

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        return text


def import_litellm() -> None:
    """Import litellm, or say which extra brings it. Raises errors.ConfigError."""
    # Without it litellm fetches its price list from the network while it is imported.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm
    except ModuleNotFoundError as exc:
        if exc.name != "litellm":
            raise
        raise errors.ConfigError(
            "The embedded router needs litellm. Install it: pip install 'llama-stack-provider-litellm[embedded]'."
        ) from None
    from . import text_completion

    text_completion.install()
    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        if logging.getLogger().handlers:
            # The process has logging of its own: litellm's handlers would write every line a second time.
            logging.getLogger(name).handlers.clear()
        if "LITELLM_LOG" not in os.environ:
            # Two lines per request at litellm's own level.
            logging.getLogger(name).setLevel(logging.WARNING)


def known_model(name: str) -> Mapping[str, Any]:
    """What LiteLLM's registry says about a vendor's model; empty for one that it does not know."""
    import litellm

    # For these vendors get_model_info asks the server, and a boot must not depend on it.
    if name.startswith(("ollama/", "ollama_chat/")):
        found: Mapping[str, Any] = litellm.model_cost.get(name, {})
        return found
    try:
        return dict(litellm.get_model_info(name))
    except Exception:  # litellm raises a bare Exception for an unknown model
        return {}


def _streaming(request: Request) -> Request:
    # Without usage LiteLLM logs a stream with 0 tokens and no cost.
    options = {**(request.get("stream_options") or {}), "include_usage": True}
    return {**request, "stream": True, "stream_options": options}


def _identity(request: Request, caller: Caller) -> dict[str, Any]:
    """The caller as LiteLLM's own parameters. What a caller wrote freely stays one level down, under
    the keys that LiteLLM Proxy uses for it, where no part of LiteLLM takes orders from it."""
    about = {"agent": caller.agent, "project": caller.project, "org": caller.org}
    notes = {**caller.metadata, **{key: value for key, value in about.items() if value}}
    metadata: dict[str, Any] = {}
    if caller.user:
        metadata["user_api_key_end_user_id"] = caller.user
    if caller.tags:
        metadata["tags"] = list(caller.tags)
    if notes:
        metadata["requester_metadata"] = notes
        metadata["spend_logs_metadata"] = dict(notes)
    identity: dict[str, Any] = {}
    # In a chat or completion LiteLLM drops `user` for a vendor that has no place for it; elsewhere it refuses.
    if caller.user and "user" not in request and ("messages" in request or "prompt" in request):
        identity["user"] = caller.user
    if metadata:
        identity["metadata"] = metadata
    if caller.cache:
        identity["cache"] = dict(caller.cache)
    if caller.headers:
        identity["extra_headers"] = dict(caller.headers)
    return identity
