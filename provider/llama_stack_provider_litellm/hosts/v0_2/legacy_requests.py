"""Llama Stack's own chat, completion and embedding parameters as OpenAI request bodies."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

from llama_stack.apis.common.content_types import ImageContentItem, InterleavedContent, TextContentItem
from llama_stack.apis.inference import (
    CompletionMessage,
    GrammarResponseFormat,
    GreedySamplingStrategy,
    LogProbConfig,
    Message,
    ResponseFormat,
    SamplingParams,
    TextTruncation,
    ToolChoice,
    ToolConfig,
    ToolDefinition,
    ToolResponseMessage,
    TopKSamplingStrategy,
    TopPSamplingStrategy,
    UserMessage,
)
from llama_stack.models.llama.datatypes import BuiltinTool, ToolCall
from llama_stack.providers.utils.inference.openai_compat import convert_tooldef_to_openai_tool
from PIL import Image, UnidentifiedImageError

from ...engines.base import Request
from ...errors import InvalidRequest


def chat(
    *,
    model: str,
    messages: list[Message],
    sampling_params: SamplingParams | None,
    tools: list[ToolDefinition] | None,
    tool_config: ToolConfig,
    response_format: ResponseFormat | None,
    logprobs: LogProbConfig | None,
) -> Request:
    """A chat completion request from the parameters of the legacy ``chat_completion``."""
    if not messages:
        raise InvalidRequest("messages: there must be at least one.")
    request: Request = {"model": model, "messages": [_message(message) for message in messages]}
    request |= _sampling(sampling_params) | _response_format(response_format)
    if tools:
        request["tools"] = [_tool(tool) for tool in tools]
        request["tool_choice"] = _tool_choice(tool_config.tool_choice)
    if logprobs is not None:
        request["logprobs"] = True
        if logprobs.top_k:
            request["top_logprobs"] = logprobs.top_k
    return request


def completion(
    *,
    model: str,
    content: InterleavedContent,
    sampling_params: SamplingParams | None,
    response_format: ResponseFormat | None,
    logprobs: LogProbConfig | None,
) -> Request:
    """A text completion request from the parameters of the legacy ``completion``."""
    request: Request = {"model": model, "prompt": _only_text(content, "A text completion")}
    request |= _sampling(sampling_params) | _response_format(response_format)
    if logprobs is not None:
        request["logprobs"] = logprobs.top_k or 1
    return request


def embedding(*, model: str, contents: list[Any], dimensions: int | None, truncation: TextTruncation | None) -> Request:
    """An embedding request from the parameters of the legacy ``embeddings``."""
    if truncation not in (None, TextTruncation.none):
        raise InvalidRequest(
            f"text_truncation '{truncation.value}' cannot be honoured: no vendor behind LiteLLM has it. "
            "Cut the texts before they are sent, or use 'none' to get an error for one that is too long."
        )
    texts = [_only_text(content, "An embedding") for content in contents]
    request: Request = {"model": model, "input": texts}
    return {**request, "dimensions": dimensions} if dimensions else request


def _sampling(params: SamplingParams | None) -> Request:
    if params is None:
        return {}
    request: Request = {}
    match params.strategy:
        case GreedySamplingStrategy():
            request["greedy"] = True
        case TopPSamplingStrategy(temperature=temperature, top_p=top_p):
            request |= {"temperature": temperature, "top_p": top_p}
        case TopKSamplingStrategy(top_k=top_k):
            request["top_k"] = top_k
    if params.max_tokens:
        request["max_tokens"] = params.max_tokens
    if params.repetition_penalty not in (None, 1.0):
        request["repetition_penalty"] = params.repetition_penalty
    if params.stop:
        request["stop"] = params.stop
    return {key: value for key, value in request.items() if value is not None}


def _response_format(wanted: ResponseFormat | None) -> Request:
    if wanted is None:
        return {}
    if isinstance(wanted, GrammarResponseFormat):
        raise InvalidRequest("response_format 'grammar' is not supported. Use 'json_schema'.")
    schema = wanted.json_schema
    # OpenAI wants a name of its own alphabet; pydantic's schemas bring a title.
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(schema.get("title") or "response"))[:64]
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}}


def _tool(definition: ToolDefinition) -> dict[str, Any]:
    tool: dict[str, Any] = convert_tooldef_to_openai_tool(definition)
    # A function without parameters still needs an object schema with Anthropic and others.
    tool["function"].setdefault("parameters", {"type": "object", "properties": {}})
    return tool


def _tool_choice(choice: ToolChoice | str | None) -> Any:
    if isinstance(choice, ToolChoice):
        return choice.value
    if choice is None or choice in ("auto", "required", "none"):
        return choice or "auto"
    return {"type": "function", "function": {"name": choice}}


def _message(message: Message) -> dict[str, Any]:
    if isinstance(message, CompletionMessage):
        out: dict[str, Any] = {"role": "assistant", "content": _content(message.content)}
        if message.tool_calls:
            out["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
        return out
    if isinstance(message, ToolResponseMessage):
        return {"role": "tool", "tool_call_id": message.call_id, "content": _content(message.content)}
    if isinstance(message, UserMessage) and message.context is not None:
        return {"role": "user", "content": _content(_items(message.content) + _items(message.context))}
    return {"role": message.role, "content": _content(message.content)}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    name = call.tool_name.value if isinstance(call.tool_name, BuiltinTool) else call.tool_name
    arguments = call.arguments_json or (
        call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    )
    return {"id": call.call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _items(content: InterleavedContent) -> list[Any]:
    return list(content) if isinstance(content, list) else [content]


def _content(content: InterleavedContent) -> str | list[dict[str, Any]]:
    """Text as one string, which every vendor takes in every role; parts only where an image is among them."""
    items = _items(content)
    if not any(isinstance(item, ImageContentItem) for item in items):
        return "\n".join(_text(item) for item in items)
    return [
        {"type": "image_url", "image_url": {"url": _image_url(item)}}
        if isinstance(item, ImageContentItem)
        else {"type": "text", "text": _text(item)}
        for item in items
    ]


def _text(item: Any) -> str:
    return item.text if isinstance(item, TextContentItem) else str(item)


def _only_text(content: InterleavedContent, what: str) -> str:
    items = _items(content)
    if any(isinstance(item, ImageContentItem) for item in items):
        raise InvalidRequest(f"{what} takes text only, not images.")
    return "\n".join(_text(item) for item in items)


def _image_url(item: ImageContentItem) -> str:
    """An image as a URL, or as a ``data:`` URL with the type that its bytes show."""
    if item.image.url is not None:
        return str(item.image.url.uri)
    try:
        raw = base64.b64decode(item.image.data or "", validate=True)
        kind = (Image.open(io.BytesIO(raw)).format or "png").lower()
    except (ValueError, UnidentifiedImageError):
        raise InvalidRequest("An image's `data` is not the base64 of a picture.") from None
    return f"data:image/{kind};base64,{item.image.data}"
