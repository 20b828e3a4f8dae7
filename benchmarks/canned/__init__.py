"""The floor: an inference provider that returns an answer which is there already, and asks nobody.

Each call has a fresh object, for the host of 0.2 appends to the very object that it is given, and a fresh id, for the
host keeps chats by it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from benchmarks import upstream
from llama_stack_provider_litellm.hosts.installed import LINE, api

_MODELS = api("models")
_TYPES = api("inference") if LINE == "0.2" else api()
_ANSWERS = {kind: ChatCompletion.model_validate_json(body) for kind, body in upstream.WHOLE.items()}
_CHUNKS = {
    kind: [ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: ")) for event in events]
    for kind, events in upstream.EVENTS.items()
}


@cache
def _vectors(count: int, form: str) -> Any:
    return _TYPES.OpenAIEmbeddingsResponse.model_validate_json(upstream.vectors(count, form))


class CannedConfig(BaseModel):
    """There is nothing to configure."""


class Canned:
    """Answers as the upstream of the benchmark does, without it."""

    __provider_id__: str
    model_store: Any = None

    async def initialize(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""

    async def list_models(self) -> list[Any]:
        """One chat model and one embedding model."""
        sizes = {"embedding_dimension": upstream.DIMENSION, "context_length": 8192}
        return [self._model("gpt", "llm", {}), self._model("embed", "embedding", sizes)]

    async def should_refresh_models(self) -> bool:
        """Never."""
        return False

    async def register_model(self, model: Any) -> Any:
        """Any is right."""
        return model

    async def unregister_model(self, model_id: str) -> None:
        """Nothing to do."""

    async def openai_chat_completion(self, params: Any = None, **given: Any) -> Any:
        """The canned answer, whole or in chunks."""
        asked = given if params is None else {name: getattr(params, name) for name in ("messages", "stream", "tools")}
        messages = [message if isinstance(message, dict) else {"role": message.role} for message in asked["messages"]]
        kind = upstream.kind_of({"messages": messages, "tools": asked.get("tools")})
        if asked.get("stream"):
            return self._chunks(kind)
        return _ANSWERS[kind].model_copy(deep=True, update={"id": upstream.fresh_id()})

    async def _chunks(self, kind: str) -> AsyncIterator[ChatCompletionChunk]:
        fresh = {"id": upstream.fresh_id()}
        for chunk in _CHUNKS[kind]:
            yield chunk.model_copy(deep=True, update=fresh)

    async def openai_embeddings(self, params: Any = None, **given: Any) -> Any:
        """As many canned vectors as there are inputs."""
        inputs = given["input"] if params is None else params.input
        form = given.get("encoding_format") if params is None else params.encoding_format
        return _vectors(1 if isinstance(inputs, str) else len(inputs), form or "float").model_copy()

    def _model(self, name: str, kind: str, metadata: dict[str, Any]) -> Any:
        return _MODELS.Model(
            identifier=name,
            provider_resource_id=name,
            provider_id=self.__provider_id__,
            model_type=_MODELS.ModelType(kind),
            metadata=metadata,
        )


async def _refused(self: Canned, *given: Any, **named: Any) -> Any:
    raise NotImplementedError("the benchmark does not ask for this")


def _declare(protocol: Any) -> None:
    """Give every method of the host's protocol the parameters that it has there: the host looks."""
    for name, declared in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_") and name not in ("list_models", "register_model", "unregister_model"):
            method = functools.wraps(declared)(_forwarding(getattr(Canned, name, _refused)))
            setattr(Canned, name, method)


def _forwarding(method: Any) -> Any:
    async def forward(self: Any, *given: Any, **named: Any) -> Any:
        return await method(self, *given, **named)

    return forward


_declare(_TYPES.Inference if LINE == "0.2" else _TYPES.InferenceProvider)


async def get_adapter_impl(config: CannedConfig, deps: dict[Any, Any]) -> Canned:
    """What the host asks for when it starts. The chats of whoever has this provider are kept as they are with ours."""
    if LINE != "0.2":
        from llama_stack_provider_litellm.hosts.params import chat_store, sql_store

        sql_store.install()
        chat_store.install()
    return Canned()
