"""The inference provider that llama-stack 0.7 and OGX talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ...caller import Caller
from ...engines import Stream
from ...engines.base import Request
from ...errors import RequestError
from .. import requests
from ..adapter import Adapter, no_pattern
from ..installed import LINE, api
from . import embeddings, extras, messages, reasoning, server
from .refusals import closing, refusal, refusing

_api = api()

_CHAT = (
    *("frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens"),
    *("max_tokens", "n", "parallel_tool_calls", "presence_penalty", "prompt_cache_key", "reasoning_effort"),
    *("response_format", "safety_identifier", "seed", "service_tier", "stop", "temperature", "tool_choice", "tools"),
    *("top_logprobs", "top_p", "user"),
)
_COMPLETION = (
    *("best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "n", "presence_penalty"),
    *("seed", "stop", "suffix", "temperature", "top_p", "user"),
)


class LiteLLMInferenceAdapter(Adapter):
    """Serves the inference protocol with parameter objects from an engine.

    What a parameter object holds beside its own fields has come from the caller, and is looked at name by name.
    """

    boots_in_serving_loop = LINE == "ogx"

    def teach_server(self) -> None:
        server.install(self.catalog, lambda: self.__provider_id__)

    def refusal(self, error: RequestError) -> Exception:
        return refusal(error)

    @refusing
    async def openai_chat_completion(self, params: Any) -> ChatCompletion | AsyncIterator[ChatCompletionChunk]:
        """OpenAI's chat completion, in chunks with ``stream``."""
        request, caller = self._chat(params)
        if params.stream:
            return closing(await self.engine.chat_stream(request, caller))
        return await self.engine.chat(request, caller)

    @refusing
    async def openai_chat_completions_with_reasoning(self, params: Any) -> Any:
        """The same for the Responses API, with the model's reasoning beside the answer or each chunk."""
        request, caller = self._chat(params)
        if params.stream:
            return reasoning.chunks(await self.engine.chat_stream(request, caller))
        return reasoning.whole(await self.engine.chat(request, caller))

    @refusing
    async def openai_completion(self, params: Any) -> Completion | AsyncIterator[Completion]:
        """OpenAI's text completion, in chunks with ``stream``."""
        more = extras.taken(params.model_extra)
        request = requests.completion(
            model=self._name(params.model),
            prompt=params.prompt,
            guided_choice=more.pop("guided_choice", None),
            stream_options=params.stream_options if params.stream else None,
            **more,
            **_of(params, _COMPLETION),
        )
        caller = self._caller(params)
        if params.stream:
            stream: Stream[Completion] = await self.engine.complete_stream(request, caller)
            return closing(stream)
        return await self.engine.complete(request, caller)

    @refusing
    async def openai_embeddings(self, params: Any) -> Any:
        """OpenAI's embeddings, of texts and of tokens."""
        extras.taken(params.model_extra)
        request = requests.embedding(
            model=self._name(params.model),
            input=params.input,
            encoding_format=params.encoding_format or "float",
            dimensions=params.dimensions,
            user=params.user,
        )
        return embeddings.host_answer(await self.engine.embed(request, self._caller(params)))

    @refusing
    async def rerank(self, request: Any) -> Any:
        """Documents by relevance."""
        name, documents = self._name(request.model), request.items
        asked = requests.rerank(model=name, query=request.query, documents=documents, top_n=request.max_num_results)
        ranked = await self.engine.rerank(asked, self.caller())
        rows = [_api.RerankData(index=row.index, relevance_score=row.score) for row in ranked.documents]
        return _api.RerankResponse(data=rows)

    @refusing
    async def anthropic_messages(self, params: Any) -> Any:
        """Anthropic's Messages API, in events with ``stream``."""
        request, caller = self._messages(params), self._caller(params)
        if params.stream:
            return messages.events(closing(await self.engine.messages_stream(request, caller)))
        return messages.whole(await self.engine.messages(request, caller))

    @refusing
    async def anthropic_count_tokens(self, params: Any) -> Any:
        """How many tokens a request of the Messages API has."""
        return messages.counted(await self.engine.count_tokens(self._messages(params), self.caller()))

    def _messages(self, params: Any) -> Request:
        extras.taken(params.model_extra)
        return messages.request(params, self._name(params.model))

    def _chat(self, params: Any) -> tuple[Request, Caller]:
        request = requests.chat(
            model=self._name(params.model),
            messages=params.messages,
            stream_options=params.stream_options if params.stream else None,
            **extras.taken(params.model_extra),
            **_of(params, _CHAT),
        )
        return request, self._caller(params)

    def _caller(self, params: Any) -> Caller:
        return extras.with_cache(self.caller(), params.model_extra)

    def _name(self, model: str) -> str:
        """The LiteLLM config's name. The host's router has looked it up; code in the process may not have."""
        prefix = f"{self.__provider_id__}/"
        name = model.removeprefix(prefix) if self.catalog().resolve(model) is None else model
        if self.catalog().resolve(no_pattern(name)) is None:
            raise self.catalog().not_found(name)
        return name


def _of(params: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a parameter object, of those that it has in this line; a caller's own are not its fields."""
    return {name: getattr(params, name) for name in names if name in type(params).model_fields}
