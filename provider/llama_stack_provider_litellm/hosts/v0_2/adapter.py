"""The inference provider that llama-stack 0.2 talks to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from llama_stack.apis.common.content_types import InterleavedContent, InterleavedContentItem
from llama_stack.apis.inference import (
    BatchChatCompletionResponse,
    BatchCompletionResponse,
    ChatCompletionResponse,
    ChatCompletionResponseStreamChunk,
    CompletionResponse,
    CompletionResponseStreamChunk,
    EmbeddingsResponse,
    EmbeddingTaskType,
    LogProbConfig,
    Message,
    OpenAIMessageParam,
    OpenAIResponseFormatParam,
    RerankData,
    RerankResponse,
    ResponseFormat,
    SamplingParams,
    TextTruncation,
    ToolChoice,
    ToolConfig,
    ToolDefinition,
    ToolPromptFormat,
)
from llama_stack.apis.models import Model
from llama_stack.providers.datatypes import HealthResponse, HealthStatus
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ...caller import Caller
from ...catalog import Catalog
from ...config import LiteLLMConfig
from ...engines import Engine
from ...errors import InvalidRequest
from ...reload import Follower
from . import batch, callers, legacy_answers, legacy_requests, lookup, openai_answers, requests, server


class LiteLLMInferenceAdapter:
    """Serves llama-stack 0.2's inference protocol from an engine.

    It does not inherit the host's protocol class: that would wrap every method in a tracing span that
    serialises all arguments; the host's router has traced the call already.
    """

    __provider_id__: str
    __provider_spec__: Any

    def __init__(self, config: LiteLLMConfig, engine: Engine) -> None:
        self.config = config
        self._engine = engine
        self._models: Catalog | None = None
        self._table: Any = None
        self._boot_loop: asyncio.AbstractEventLoop | None = None
        self._follower: Follower | None = None

    # Life cycle

    async def initialize(self) -> None:
        """Read the models. Runs in a loop that the host throws away: nothing bound to a loop is made."""
        self._boot_loop = asyncio.get_running_loop()
        server.install()
        self._models = await self._engine.catalog()

    async def shutdown(self) -> None:
        """Close the engine."""
        if self._follower is not None:
            await self._follower.close()
        await self._engine.close()

    async def health(self) -> HealthResponse:
        """Whether models can be asked, as far as is known without asking one."""
        trouble = self._engine.trouble()
        return HealthResponse(status=HealthStatus.ERROR if trouble else HealthStatus.OK, message=trouble)

    # Models

    @property
    def model_store(self) -> Any:
        """The host's table of models. The host sets it; from then on it also knows our other names."""
        return self._table

    @model_store.setter
    def model_store(self, table: Any) -> None:
        self._table = table
        lookup.extend(table, provider_id=self.__provider_id__, catalog=self._catalog)

    async def list_models(self) -> list[Model]:
        """Every model of the LiteLLM config that this host has a type for, wildcards as they stand."""
        return lookup.host_models(self._catalog(), self.__provider_id__)

    async def should_refresh_models(self) -> bool:
        """Always false: the host's refresh drops every model before it registers it again, under load.

        The host asks in its serving loop as soon as that runs, which is the time to get the engine ready.
        """
        if asyncio.get_running_loop() is not self._boot_loop and self._follower is None:
            self._follower = Follower(self._engine, self._models_changed, self._catalog())
            await self._engine.start(self._follower.renewed)
            self._follower.start()
        return False

    async def _models_changed(self, now: Catalog) -> None:
        self._models = now
        models = lookup.host_models(now, self.__provider_id__)
        await lookup.follow(self._table, provider_id=self.__provider_id__, models=models)

    async def register_model(self, model: Model) -> Model:
        """Accept an alias for a model of the LiteLLM config."""
        name = model.provider_resource_id or model.identifier
        if name not in self._catalog().entries and self._catalog().resolve(name) is None:
            raise self._catalog().not_found(name)
        return model

    async def unregister_model(self, model_id: str) -> None:
        """Nothing to do: the LiteLLM config is the only list of models."""

    # OpenAI's API

    async def openai_chat_completion(
        self,
        model: str,
        messages: list[OpenAIMessageParam],
        frequency_penalty: float | None = None,
        function_call: str | dict[str, Any] | None = None,
        functions: list[dict[str, Any]] | None = None,
        logit_bias: dict[str, float] | None = None,
        logprobs: bool | None = None,
        max_completion_tokens: int | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        parallel_tool_calls: bool | None = None,
        presence_penalty: float | None = None,
        response_format: OpenAIResponseFormatParam | None = None,
        seed: int | None = None,
        stop: str | list[str] | None = None,
        stream: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        tool_choice: str | dict[str, Any] | None = None,
        tools: list[dict[str, Any]] | None = None,
        top_logprobs: int | None = None,
        top_p: float | None = None,
        user: str | None = None,
    ) -> ChatCompletion | AsyncIterator[ChatCompletionChunk]:
        """OpenAI's chat completion, in chunks with ``stream``."""
        request = requests.chat(
            model=await self._name(model),
            messages=messages,
            frequency_penalty=frequency_penalty,
            function_call=function_call,
            functions=functions,
            logit_bias=logit_bias,
            logprobs=logprobs,
            max_completion_tokens=max_completion_tokens,
            max_tokens=max_tokens,
            n=n,
            parallel_tool_calls=parallel_tool_calls,
            presence_penalty=presence_penalty,
            response_format=response_format,
            seed=seed,
            stop=stop,
            stream_options=stream_options if stream else None,
            temperature=temperature,
            tool_choice=tool_choice,
            tools=tools,
            top_logprobs=top_logprobs,
            top_p=top_p,
            user=user,
        )
        if stream:
            return openai_answers.storable(await self._engine.chat_stream(request, self._caller()))
        return openai_answers.counted(await self._engine.chat(request, self._caller()))

    async def openai_completion(
        self,
        model: str,
        prompt: str | list[str] | list[int] | list[list[int]],
        best_of: int | None = None,
        echo: bool | None = None,
        frequency_penalty: float | None = None,
        logit_bias: dict[str, float] | None = None,
        logprobs: bool | None = None,
        max_tokens: int | None = None,
        n: int | None = None,
        presence_penalty: float | None = None,
        seed: int | None = None,
        stop: str | list[str] | None = None,
        stream: bool | None = None,
        stream_options: dict[str, Any] | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        user: str | None = None,
        guided_choice: list[str] | None = None,
        prompt_logprobs: int | None = None,
        suffix: str | None = None,
    ) -> Completion | AsyncIterator[Completion]:
        """OpenAI's text completion, in chunks with ``stream``."""
        request = requests.completion(
            model=await self._name(model),
            prompt=prompt,
            best_of=best_of,
            echo=echo,
            frequency_penalty=frequency_penalty,
            logit_bias=logit_bias,
            logprobs=logprobs,
            max_tokens=max_tokens,
            n=n,
            presence_penalty=presence_penalty,
            seed=seed,
            stop=stop,
            stream_options=stream_options if stream else None,
            temperature=temperature,
            top_p=top_p,
            user=user,
            guided_choice=guided_choice,
            prompt_logprobs=prompt_logprobs,
            suffix=suffix,
        )
        if stream:
            return openai_answers.closing(await self._engine.complete_stream(request, self._caller()))
        return openai_answers.counted(await self._engine.complete(request, self._caller()))

    async def openai_embeddings(
        self,
        model: str,
        input: str | list[str],
        encoding_format: str | None = "float",
        dimensions: int | None = None,
        user: str | None = None,
    ) -> CreateEmbeddingResponse:
        """OpenAI's embeddings."""
        request = requests.embedding(
            model=await self._name(model),
            input=input,
            encoding_format=encoding_format or "float",
            dimensions=dimensions,
            user=user,
        )
        return await self._engine.embed(request, self._caller())

    async def rerank(
        self,
        model: str,
        query: Any,
        items: list[Any],
        max_num_results: int | None = None,
    ) -> RerankResponse:
        """Documents by relevance. The host's route answers 501 before it comes here; code in the
        stack's process can call it."""
        name = model.removeprefix(f"{self.__provider_id__}/")
        if self._catalog().resolve(name) is None:
            raise self._catalog().not_found(name)
        request = requests.rerank(model=name, query=query, documents=items, top_n=max_num_results)
        ranked = await self._engine.rerank(request, self._caller())
        rows = [RerankData(index=row.index, relevance_score=row.score) for row in ranked.documents]
        return RerankResponse(data=rows)

    # The legacy API

    async def chat_completion(
        self,
        model_id: str,
        messages: list[Message],
        sampling_params: SamplingParams | None = None,
        tools: list[ToolDefinition] | None = None,
        tool_choice: ToolChoice | None = ToolChoice.auto,
        tool_prompt_format: ToolPromptFormat | None = None,
        response_format: ResponseFormat | None = None,
        stream: bool | None = False,
        logprobs: LogProbConfig | None = None,
        tool_config: ToolConfig | None = None,
    ) -> ChatCompletionResponse | AsyncIterator[ChatCompletionResponseStreamChunk]:
        """Llama Stack's own chat completion; the agents' turns use it."""
        request = legacy_requests.chat(
            model=await self._name(model_id),
            messages=messages,
            sampling_params=sampling_params,
            tools=tools,
            tool_config=tool_config or ToolConfig(tool_choice=tool_choice),
            response_format=response_format,
            logprobs=logprobs,
        )
        if stream:
            return legacy_answers.chat_chunks(await self._engine.chat_stream(request, self._caller()))
        return legacy_answers.chat(await self._engine.chat(request, self._caller()))

    async def completion(
        self,
        model_id: str,
        content: InterleavedContent,
        sampling_params: SamplingParams | None = None,
        response_format: ResponseFormat | None = None,
        stream: bool | None = False,
        logprobs: LogProbConfig | None = None,
    ) -> CompletionResponse | AsyncIterator[CompletionResponseStreamChunk]:
        """Llama Stack's own text completion."""
        request = legacy_requests.completion(
            model=await self._name(model_id),
            content=content,
            sampling_params=sampling_params,
            response_format=response_format,
            logprobs=logprobs,
        )
        if stream:
            return legacy_answers.completion_chunks(await self._engine.complete_stream(request, self._caller()))
        return legacy_answers.completion(await self._engine.complete(request, self._caller()))

    async def embeddings(
        self,
        model_id: str,
        contents: list[str] | list[InterleavedContentItem],
        text_truncation: TextTruncation | None = TextTruncation.none,
        output_dimension: int | None = None,
        task_type: EmbeddingTaskType | None = None,
    ) -> EmbeddingsResponse:
        """Llama Stack's own embeddings; vector stores use them."""
        request = legacy_requests.embedding(
            model=await self._name(model_id), contents=contents, dimensions=output_dimension, truncation=text_truncation
        )
        answer = await self._engine.embed(request, self._caller())
        return EmbeddingsResponse(embeddings=[row.embedding for row in answer.data])

    async def batch_chat_completion(
        self,
        model_id: str,
        messages_batch: list[list[Message]],
        sampling_params: SamplingParams | None = None,
        tools: list[ToolDefinition] | None = None,
        tool_config: ToolConfig | None = None,
        response_format: ResponseFormat | None = None,
        logprobs: LogProbConfig | None = None,
    ) -> BatchChatCompletionResponse:
        """Several conversations at once; the answers stand in the order of the questions."""

        async def one(messages: list[Message]) -> Any:
            return await self.chat_completion(
                model_id,
                messages,
                sampling_params=sampling_params,
                tools=tools,
                tool_config=tool_config,
                response_format=response_format,
                logprobs=logprobs,
            )

        return BatchChatCompletionResponse(batch=await batch.side_by_side(one, messages_batch))

    async def batch_completion(
        self,
        model_id: str,
        content_batch: list[InterleavedContent],
        sampling_params: SamplingParams | None = None,
        response_format: ResponseFormat | None = None,
        logprobs: LogProbConfig | None = None,
    ) -> BatchCompletionResponse:
        """Several prompts at once; the answers stand in the order of the prompts."""

        async def one(content: InterleavedContent) -> Any:
            return await self.completion(model_id, content, sampling_params, response_format, logprobs=logprobs)

        return BatchCompletionResponse(batch=await batch.side_by_side(one, content_batch))

    # Helpers

    def _catalog(self) -> Catalog:
        if self._models is None:
            raise RuntimeError("initialize() has not run")
        return self._models

    def _caller(self) -> Caller:
        return callers.current(self.config.allowed_headers)

    async def _name(self, model_id: str) -> str:
        """The LiteLLM config's name for what the host calls ``model_id`` (which may be an alias)."""
        model = await self._table.get_model(model_id)
        name: str = model.provider_resource_id
        if "*" in name:
            raise InvalidRequest(
                f"'{model_id}' is a pattern, not a model. Put a model's name for the *, for example "
                f"'{model_id.replace('*', 'gpt-4o-mini', 1)}'."
            )
        return name
