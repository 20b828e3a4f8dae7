"""The inference provider that llama-stack 0.2 talks to."""

from __future__ import annotations

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
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from .. import requests
from ..adapter import Adapter, no_pattern
from . import batch, legacy_answers, legacy_requests, openai_answers, server


class LiteLLMInferenceAdapter(Adapter):
    """Serves llama-stack 0.2's inference protocol from an engine."""

    def teach_server(self) -> None:
        server.install()

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
            return openai_answers.storable(await self.engine.chat_stream(request, self.caller()))
        return openai_answers.counted(await self.engine.chat(request, self.caller()))

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
            return openai_answers.closing(await self.engine.complete_stream(request, self.caller()))
        return openai_answers.counted(await self.engine.complete(request, self.caller()))

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
        return await self.engine.embed(request, self.caller())

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
        if self.catalog().resolve(name) is None:
            raise self.catalog().not_found(name)
        request = requests.rerank(model=name, query=query, documents=items, top_n=max_num_results)
        ranked = await self.engine.rerank(request, self.caller())
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
            return legacy_answers.chat_chunks(await self.engine.chat_stream(request, self.caller()))
        return legacy_answers.chat(await self.engine.chat(request, self.caller()))

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
            return legacy_answers.completion_chunks(await self.engine.complete_stream(request, self.caller()))
        return legacy_answers.completion(await self.engine.complete(request, self.caller()))

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
        answer = await self.engine.embed(request, self.caller())
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

    async def _name(self, model_id: str) -> str:
        """The LiteLLM config's name for what the host calls ``model_id`` (which may be an alias)."""
        model = await self.model_store.get_model(model_id)
        return no_pattern(model.provider_resource_id)
