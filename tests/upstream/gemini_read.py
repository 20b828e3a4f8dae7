"""Reads Gemini requests: contents, tools and generation settings.

JSON in Google's APIs may name a field in camelCase or in snake_case, and LiteLLM mixes both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .brain import Ask, Message, Tool, result_text
from .schema import Json
from .wire import BadRequest, bounded, digest, required

_BODY = {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig"}
_BODY |= {"cachedContent", "serviceTier", "store", "model", "stream"}
_CONFIG = {"stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"}
_CONFIG |= {"candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty"}
_CONFIG |= {"frequencyPenalty", "responseLogprobs", "logprobs", "speechConfig", "thinkingConfig", "imageConfig"}
_CONFIG |= {"mediaResolution", "responseFormat", "enableEnhancedCivicAnswers"}
_SCHEMA_TYPES = {"OBJECT", "ARRAY", "STRING", "INTEGER", "NUMBER", "BOOLEAN", "NULL"}
_FUNCTION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")


def field(body: Json, name: str) -> Any:
    """The field `name` (camelCase), however it is spelled; None when it is missing."""
    value = body.get(name)
    return body.get(_snake(name)) if value is None else value


def read_request(body: Json) -> Ask:
    """A generateContent body without its form. Raises `BadRequest` for what the real API refuses."""
    required(body, "contents")
    _refuse_unknown(body, _BODY, "")
    config = settings(body)
    _refuse_unknown(config, _CONFIG, " at 'generation_config'")
    bounded(config, "logprobs", 0, 20)
    count = field(config, "candidateCount")
    if count is not None and not 1 <= count <= 8:
        raise BadRequest("The specified candidate count is outside the supported range: [1, 8].")
    contents = body["contents"]
    _check_tool_answers(contents)
    tools, force = _tools(body)
    schema = field(config, "responseJsonSchema") or field(config, "responseSchema")
    as_json = field(config, "responseMimeType") == "application/json"
    if schema and not as_json:
        raise BadRequest("response_schema needs the response_mime_type application/json")
    return Ask(
        model=body["model"],
        messages=tuple(message for content in contents for message in _split(content)),
        system=_text((field(body, "systemInstruction") or {}).get("parts") or []),
        tools=tools,
        force=force,
        schema=_plain(schema) if schema else None,
        json_object=as_json,
        max_tokens=field(config, "maxOutputTokens"),
        stop=tuple(field(config, "stopSequences") or ()),
    )


def settings(body: Json) -> Json:
    """The request's generationConfig."""
    config: Json = field(body, "generationConfig") or {}
    return config


def signature(thought: str) -> str:
    """What a part carries so that the model knows its own reasoning again."""
    return "sig" + digest(thought, encoded=False)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: "_" + letter.group().lower(), name)


def _refuse_unknown(body: Json, known: set[str], place: str) -> None:
    spelled = known | {_snake(name) for name in known}
    for name in body:
        if name not in spelled:
            message = f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
            raise BadRequest(message)


def _tools(body: Json) -> tuple[tuple[Tool, ...], str | None]:
    declarations = [d for tool in body.get("tools") or () for d in field(tool, "functionDeclarations") or ()]
    for index, declared in enumerate(declarations):
        if not _FUNCTION_NAME.fullmatch(declared["name"]):
            raise BadRequest(
                f"GenerateContentRequest.tools[0].function_declarations[{index}].name: Invalid function name. Must "
                "start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots "
                "(.), colons (:) or dashes (-), with a maximum length of 128."
            )
    tools = tuple(
        Tool(d["name"], _plain(field(d, "parametersJsonSchema") or d.get("parameters") or {}), d.get("description", ""))
        for d in declarations
    )
    config = field(field(body, "toolConfig") or {}, "functionCallingConfig") or {}
    mode, allowed = config.get("mode"), field(config, "allowedFunctionNames")
    if mode == "NONE":
        return (), None
    return tools, (allowed[0] if allowed else "*") if mode == "ANY" else None


def _plain(schema: Any) -> Any:
    """`schema` with Google's type names, which are in capitals, as JSON schema has them."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) and value in _SCHEMA_TYPES else _plain(value)
        for key, value in schema.items()
    }


def _split(content: Json) -> Iterator[Message]:
    """A content in the brain's terms: function responses, which come in user contents, stand alone."""
    parts = content.get("parts") or []
    for part in parts:
        if response := field(part, "functionResponse"):
            yield Message("tool", _result(response.get("response") or {}))
    rest = [part for part in parts if not field(part, "functionResponse")]
    if rest or not parts:
        role = "assistant" if content.get("role") == "model" else "user"
        calls = tuple(call["name"] for part in rest if (call := field(part, "functionCall")))
        yield Message(role, _text(rest), tuple(_images(rest)), calls)


def _result(response: Json) -> str:
    if len(response) == 1 and isinstance(text := next(iter(response.values())), str):
        return result_text(text)
    return result_text(json.dumps(response, ensure_ascii=False))


def _text(parts: list[Json]) -> str:
    # LiteLLM adds a blank to a content without text.
    texts = (part["text"] for part in parts if "text" in part and not part.get("thought"))
    return "\n".join(text for text in texts if text.strip())


def _images(parts: list[Json]) -> Iterator[str]:
    for part in parts:
        if data := field(part, "inlineData"):
            if not field(data, "mimeType"):
                raise BadRequest("inline_data needs a mime_type")
            yield digest(data["data"], encoded=True)
        elif file := field(part, "fileData"):
            yield digest(field(file, "fileUri"), encoded=False)


def _check_tool_answers(contents: list[Json]) -> None:
    waiting: list[Any] = []
    for content in contents:
        parts = content.get("parts") or []
        responses = [r for part in parts if (r := field(part, "functionResponse"))]
        if len(responses) != len(waiting):
            raise BadRequest(
                "Please ensure that the number of function response parts is equal to the number of function call "
                f"parts of the function call turn: {len(responses)} and {len(waiting)}."
            )
        asked = sorted((call["name"], call.get("id") or "") for call in waiting)
        if sorted((r["name"], r.get("id") or "") for r in responses) != asked:
            raise BadRequest(f"Function responses do not fit the calls: {asked}")
        waiting = [call for part in parts if (call := field(part, "functionCall"))]
    if waiting:
        raise BadRequest("Please ensure that a function call turn is followed by its function responses.")
