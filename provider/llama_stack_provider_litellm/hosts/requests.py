"""The host's parameters as OpenAI request bodies.

Field by field, at every depth at which LiteLLM looks for orders: what a caller adds to a tool, a message
or an option never reaches the Router, so nothing in a request can redirect a configured key. The one
free form is a JSON schema, which LiteLLM hands on as data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from ..engines.base import Request
from ..errors import InvalidRequest

_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")
# https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
_THINKING_FIELDS = ("type", "thinking", "signature", "data")


def chat(*, model: str, messages: list[Any], **options: Any) -> Request:
    """A chat completion request from the parameters of ``openai_chat_completion``."""
    if not messages:
        raise InvalidRequest("messages: there must be at least one.")
    request = _given(options)
    request["model"] = model
    request["messages"] = [_message(message) for message in messages]
    for field, reduce in _REDUCED.items():
        if field in request:
            request[field] = reduce(request[field])
    return request


def completion(*, model: str, prompt: Any, guided_choice: list[str] | None, **options: Any) -> Request:
    """A text completion request from the parameters of ``openai_completion``."""
    request = _given(options)
    if guided_choice:
        # vLLM's extension travels where LiteLLM puts a vendor's own parameters.
        request["guided_choice"] = guided_choice
    if "stream_options" in request:
        request["stream_options"] = _stream_options(request["stream_options"])
    return {**request, "model": model, "prompt": prompt}


def embedding(*, model: str, input: Any, **options: Any) -> Request:
    """An embedding request from the parameters of ``openai_embeddings``."""
    return {**_given(options), "model": model, "input": input}


def rerank(*, model: str, query: Any, documents: list[Any], top_n: int | None) -> Request:
    """A rerank request (the shape that Cohere, Jina and LiteLLM share)."""
    request: Request = {"model": model, "query": _text(query), "documents": [_text(item) for item in documents]}
    return {**request, "top_n": top_n} if top_n is not None else request


def _given(options: dict[str, Any]) -> Request:
    return {key: _plain(value) for key, value in options.items() if value is not None}


def _plain(value: Any) -> Any:
    """A host type as the JSON it came from. Host types drop fields that they do not know, but for a few from 0.7 on."""
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value


def _message(message: Any) -> Any:
    """A message; of what its type keeps beside its own fields, the model's thoughts alone: some want them back."""
    plain = _plain(message)
    for name in getattr(message, "model_extra", None) or ():
        value = plain.pop(name, None)
        if value is not None and name in _THOUGHTS:
            plain[name] = _THOUGHTS[name](value)
    return plain


def _reasoning_content(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("messages: `reasoning_content` must be a string.")
    return value


def _thinking_blocks(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(block, dict) for block in value):
        raise InvalidRequest("messages: `thinking_blocks` must be a list of objects.")
    return [{name: block[name] for name in _THINKING_FIELDS if name in block} for block in value]


def _tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_tool(tool) for tool in tools]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise InvalidRequest(f"tools: only tools of type 'function' can be offered, not '{tool.get('type')}'.")
    return {"type": "function", "function": _function(tool.get("function"))}


def _function(function: Any) -> dict[str, Any]:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidRequest("tools: each function needs a `name`.")
    schema = function.get("parameters") or {}
    if not isinstance(schema, dict) or not isinstance(schema.get("properties") or {}, dict):
        raise InvalidRequest(
            f"tools: the `parameters` of '{function['name']}' must be a JSON schema, an object whose `properties` are "
            "one too."
        )
    return {field: function[field] for field in _FUNCTION_FIELDS if function.get(field) is not None}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, str):
        return choice
    function = choice.get("function") if isinstance(choice, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidRequest('tool_choice: must be a word or {"type": "function", "function": {"name": …}}.')
    return {"type": "function", "function": {"name": function["name"]}}


def _function_call(choice: Any) -> Any:
    if isinstance(choice, dict):
        if not isinstance(choice.get("name"), str):
            raise InvalidRequest("function_call: the object needs a `name`.")
        return {"name": choice["name"]}
    return choice


def _stream_options(options: dict[str, Any]) -> dict[str, Any]:
    return {"include_usage": bool(options.get("include_usage"))}


def _response_format(wanted: Any) -> Any:
    if not isinstance(wanted, dict):
        raise InvalidRequest("response_format: must be an object with a `type`.")
    schema = wanted.get("json_schema")
    if not isinstance(schema, dict):
        return {"type": wanted.get("type")}
    if not isinstance(schema.get("schema"), dict):
        raise InvalidRequest("response_format: `json_schema` needs a `schema`, an object.")
    known = {field: schema[field] for field in ("name", "description", "schema", "strict") if field in schema}
    return {"type": wanted.get("type"), "json_schema": known}


def _text(item: Any) -> str:
    """The text of a rerank item; LiteLLM's rerank takes text only."""
    if isinstance(item, str):
        return item
    text = getattr(item, "text", None)
    if not isinstance(text, str):
        raise InvalidRequest("rerank: only text can be ranked.")
    return text


_THOUGHTS: dict[str, Callable[[Any], Any]] = {
    "reasoning_content": _reasoning_content,
    "thinking_blocks": _thinking_blocks,
}
_REDUCED: dict[str, Callable[[Any], Any]] = {
    "tools": _tools,
    "tool_choice": _tool_choice,
    "functions": lambda functions: [_function(function) for function in functions],
    "function_call": _function_call,
    "stream_options": _stream_options,
    "response_format": _response_format,
}
