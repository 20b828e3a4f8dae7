"""Anthropic messages.

Formats: Anthropic API reference, "Messages" and "Streaming Messages" (events message_start,
content_block_start/delta/stop, ping, message_delta, message_stop, error), "Errors" for the error types.
Refuses what the real API refuses: no max_tokens, tool results without their calls and the reverse, and
reasoning that comes back changed ("Extended thinking", preserving thinking blocks).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

from .brain import Ask, Message, Reply, Tool, ToolCall, decide, pieces, result_text, text_of
from .directives import Fault
from .schema import Json
from .wire import BadRequest, Frame, about, as_list, digest, required, size, slices, sse

_TYPES = {
    400: ("invalid_request_error", "Invalid request"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the API"),
    403: ("permission_error", "Your API key does not have permission to use the specified resource"),
    404: ("not_found_error", "model"),
    408: ("timeout_error", "The request took too long to arrive"),
    409: ("conflict_error", "The resource was changed by another request"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    422: ("invalid_request_error", "The request could not be processed"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit"),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_STOP = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class Messages:
    """POST /v1/messages."""

    name = "anthropic"

    def read(self, body: Json) -> Ask:
        required(body, "model", "messages", "max_tokens")
        _check_tool_answers(body["messages"])
        _check_signatures(body["messages"])
        form = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
        tools, force = _tools(body)
        return Ask(
            model=body["model"],
            messages=tuple(m for message in body["messages"] for m in _split(message)),
            system=text_of(body.get("system")),
            tools=tools,
            force=force,
            schema=form.get("schema"),
            max_tokens=body["max_tokens"],
            stop=tuple(as_list(body.get("stop_sequences"))),
        )

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        reply = decide(ask, fault)
        content: list[Json] = []
        if reply.thinking:
            content.append(_thinking(reply.thinking, _signature(reply.thinking)))
        content += [{**_tool_use(call), "input": call.arguments or {}} for call in reply.calls]
        if reply.text:
            content.append({"type": "text", "text": reply.text})
        return {**_envelope(body), "content": content, **_stop(reply), "usage": _usage(reply)}

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        reply = decide(ask, fault)
        start = {**_envelope(body), "content": [], "stop_reason": None, "stop_sequence": None}
        # The first count is an estimate; message_delta brings the whole.
        start["usage"] = {**_usage(replace(reply, thinking="")), "output_tokens": 1}
        yield _event("message_start", message=start)
        yield _event("ping")
        for index, (opening, deltas) in enumerate(_blocks(reply)):
            yield from _block(index, opening, deltas, empty=reply.empty)
        yield _event("message_delta", delta=_stop(reply), usage=_output(reply))
        yield _event("message_stop")

    def error(self, status: int, message: str) -> Json:
        kind = _TYPES.get(status, _TYPES[500 if status >= 500 else 400])[0]
        return {
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": f"req_{uuid4().hex}",
        }

    def fault_error(self, fault: Fault, ask: Ask) -> Json:
        if fault.variant == "context":
            count = f"{size(ask)} tokens > {size(ask) - 1} maximum"
            return self.error(400, f"prompt is too long: {count}, beginning at '{about(ask)}'")
        if fault.variant == "content":
            return self.error(400, f"Output blocked by content filtering policy, because of '{about(ask)}'")
        phrase = _TYPES.get(401 if fault.variant == "key" else fault.status, _TYPES[500])[1]
        # The word comes first: LiteLLM blots out what follows "x-api-key" in a message.
        return self.error(fault.status, f"'{about(ask)}': {phrase}")

    def error_frame(self, message: str) -> bytes:
        return sse(self.error(529, message), "error")


def _event(event: str, *, chunk: bool = False, **data: Any) -> Frame:
    return Frame(sse({"type": event, **data}, event), chunk)


def _blocks(reply: Reply) -> Iterator[tuple[Json, list[Json]]]:
    """Every content block as it opens, with the deltas that fill it."""
    if reply.thinking:
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(reply.thinking)]
        yield _thinking("", ""), [*deltas, {"type": "signature_delta", "signature": _signature(reply.thinking)}]
    if reply.text:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(reply.text)]
    for call in reply.calls:
        parts = [] if call.arguments is None else ["", *slices(call.json)]
        yield {**_tool_use(call), "input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]


def _block(index: int, opening: Json, deltas: list[Json], *, empty: bool) -> Iterator[Frame]:
    # Reasoning is not counted, so that a stream which breaks does so in the answer.
    counted = opening["type"] != "thinking"
    yield _event("content_block_start", index=index, content_block=opening)
    for delta in deltas:
        yield _event("content_block_delta", chunk=counted, index=index, delta=delta)
        if empty:
            yield _event("ping")
        if empty and delta["type"] == "text_delta":
            yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": ""})
    yield _event("content_block_stop", index=index)


def _thinking(text: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


def _signature(thinking: str) -> str:
    return "sig" + digest(thinking, encoded=False)


def _envelope(body: Json) -> Json:
    return {"id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "model": body["model"]}


def _tool_use(call: ToolCall) -> Json:
    return {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name}


def _stop(reply: Reply) -> Json:
    reason = "stop_sequence" if reply.stop_sequence else _STOP[reply.finish]
    return {"stop_reason": reason, "stop_sequence": reply.stop_sequence}


def _usage(reply: Reply) -> Json:
    # Unlike the others, Anthropic leaves what came from the cache out of the input.
    cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": reply.cached}
    return {"input_tokens": reply.prompt_tokens - reply.cached, **cache, **_output(reply)}


def _output(reply: Reply) -> Json:
    details = {"output_tokens_details": {"thinking_tokens": reply.reasoning_tokens}} if reply.thinking else {}
    return {"output_tokens": reply.completion_tokens, **details}


def _tools(body: Json) -> tuple[tuple[Tool, ...], str | None]:
    # Server tools (web search, ...) have a type and no schema; the model cannot be told to call them.
    tools = tuple(
        Tool(t["name"], t["input_schema"], t.get("description") or "")
        for t in body.get("tools") or ()
        if "input_schema" in t
    )
    choice = body.get("tool_choice") or {}
    match choice.get("type"):
        case "none":
            return (), None
        case "tool":
            return tools, choice["name"]
        case "any":
            return tools, "*"
    return tools, None


def _split(message: Json) -> Iterator[Message]:
    """A message in the brain's terms: tool results, which Anthropic puts in user messages, stand alone."""
    blocks = message["content"]
    if isinstance(blocks, str):
        yield Message(message["role"], blocks)
        return
    for block in blocks:
        if block["type"] == "tool_result":
            yield Message("tool", result_text(block.get("content")))
    rest = [b for b in blocks if b["type"] != "tool_result"]
    if rest or not blocks:
        images = tuple(_image(b["source"]) for b in rest if b["type"] == "image")
        calls = tuple(b["name"] for b in rest if b["type"] == "tool_use")
        yield Message(message["role"], text_of(rest), images, calls)


def _image(source: Json) -> str:
    encoded = source["type"] == "base64"
    return digest(source["data"] if encoded else source["url"], encoded=encoded)


def _check_tool_answers(messages: list[Json]) -> None:
    if messages[0]["role"] != "user":
        raise BadRequest("messages: first message must use the user role")
    waiting: set[str] = set()
    for message in [*messages, {"role": "user", "content": []}]:
        blocks = message["content"] if isinstance(message["content"], list) else []
        answered = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
        if answered - waiting:
            raise BadRequest(f"unexpected tool_use_id found in tool_result blocks: {', '.join(answered - waiting)}")
        if waiting - answered:
            raise BadRequest(f"tool_use ids without tool_result blocks after them: {', '.join(waiting - answered)}")
        waiting = {b["id"] for b in blocks if b["type"] == "tool_use"}


def _check_signatures(messages: list[Json]) -> None:
    blocks = (b for m in messages if isinstance(m["content"], list) for b in m["content"])
    for block in blocks:
        if block["type"] == "thinking" and block.get("signature") != _signature(block["thinking"]):
            raise BadRequest("Invalid `signature` in `thinking` block")
