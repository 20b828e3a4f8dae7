"""OpenAI chat completions.

Formats: OpenAI API reference, "Create chat completion" and "Chat completion chunk object"; errors as in
the guide "Error codes", and from servers that are compatible with it; `reasoning_content` as in DeepSeek's
guide "Reasoning model" and vLLM's "Reasoning outputs". Refuses what the real API refuses: a tool message
without its call, a call without its answer, a tool name outside ``[a-zA-Z0-9_-]{1,64}``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any
from uuid import uuid4

from .brain import Ask, Message, Reply, Tool, decide, pieces, result_text, text_of
from .directives import Fault
from .schema import Json
from .wire import BadRequest, Frame, about, as_list, bounded, digest, required, size, slices, sse

_INVALID = "invalid_request_error"
_CODES = {
    400: (_INVALID, None, "Invalid request"),
    401: (_INVALID, "invalid_api_key", "Incorrect API key provided"),
    402: ("insufficient_quota", "insufficient_balance", "Insufficient balance"),
    403: ("permission_error", "permission_denied", "Your project does not have access to this"),
    404: (_INVALID, "model_not_found", "The model does not exist or you do not have access to it"),
    408: (_INVALID, "request_timeout", "The request took too long to arrive"),
    409: (_INVALID, "conflict", "The resource was changed by another request, try again"),
    413: (_INVALID, "request_too_large", "The request body is too large"),
    422: (_INVALID, None, "The request was well-formed but could not be processed"),
    429: ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached"),
    500: ("server_error", None, "The server had an error while processing your request"),
    502: ("server_error", None, "Bad gateway"),
    503: ("server_error", None, "The engine is currently overloaded, please try again later"),
    504: ("server_error", None, "The server did not answer in time"),
    529: ("server_error", "overloaded", "The servers are overloaded"),
}


class OpenAIErrors:
    """OpenAI's error bodies, shared by every endpoint of this vendor."""

    name = "openai"

    def error(self, status: int, message: str) -> Json:
        kind, code, _ = _CODES.get(status, _CODES[500 if status >= 500 else 400])
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def fault_error(self, fault: Fault, ask: Ask) -> Json:
        if fault.variant == "context":
            message = (
                f"This model's maximum context length is {size(ask) - 1} tokens. However, your messages "
                f"resulted in {size(ask)} tokens, beginning at '{about(ask)}'. Please reduce their length."
            )
            body = self.error(400, message)
            body["error"].update(param="messages", code="context_length_exceeded")
            return body
        if fault.variant == "content":
            message = f"Your request was rejected as a result of our safety system, because of '{about(ask)}'."
            body = self.error(400, message)
            body["error"]["code"] = "content_policy_violation"
            return body
        phrase = _CODES.get(401 if fault.variant == "key" else fault.status, _CODES[500])[2]
        return self.error(fault.status, f"{phrase}: '{about(ask)}'")

    def error_frame(self, message: str) -> bytes:
        return sse(self.error(500, message))


class ChatCompletions(OpenAIErrors):
    """POST /v1/chat/completions."""

    def read(self, body: Json) -> Ask:
        required(body, "model", "messages")
        bounded(body, "n", 1, 128)
        bounded(body, "top_logprobs", 0, 20)
        _check_tool_answers(body["messages"])
        system = [text_of(m.get("content")) for m in body["messages"] if m["role"] in ("system", "developer")]
        form = body.get("response_format") or {}
        tools, force = _tools(body)
        limit = body.get("max_completion_tokens")
        return Ask(
            model=body["model"],
            messages=tuple(_message(m) for m in body["messages"] if m["role"] not in ("system", "developer")),
            system="\n".join(system),
            tools=tools,
            force=force,
            schema=form["json_schema"].get("schema") or {} if form.get("type") == "json_schema" else None,
            json_object=form.get("type") == "json_object",
            max_tokens=body.get("max_tokens") if limit is None else limit,
            stop=tuple(as_list(body.get("stop"))),
        )

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        reply = decide(ask, fault)
        message: Json = {"role": "assistant", "content": None if reply.calls else reply.text, "refusal": None}
        if reply.thinking:
            message["reasoning_content"] = reply.thinking
        if reply.calls:
            message["tool_calls"] = [
                {"id": f"call_{c.id}", "type": "function", "function": {"name": c.name, "arguments": c.json}}
                for c in reply.calls
            ]
        logprobs = _logprobs(body, pieces(reply.text))
        choices = [
            {"index": i, "message": message, "logprobs": logprobs, "finish_reason": reply.finish}
            for i in range(body.get("n") or 1)
        ]
        return {**_envelope(body, "chat.completion"), "choices": choices, "usage": usage(reply, len(choices))}

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        reply = decide(ask, fault)
        envelope = _envelope(body, "chat.completion.chunk")
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        if with_usage:
            envelope["usage"] = None
        indices = range(body.get("n") or 1)

        def frame(
            delta: Json, finish: str | None = None, logprobs: Json | None = None, counted: bool = True
        ) -> Iterator[Frame]:
            content = counted and bool(delta) and "role" not in delta
            for i in indices:
                choice = {"index": i, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
                # Counted once, not once per choice: faults count chunks of content.
                yield Frame(sse({**envelope, "choices": [choice]}), content and i == 0)

        def blanks() -> Iterator[Frame]:
            """A chunk without choices, as Azure sends before a prompt's answer, and one whose delta is empty."""
            if reply.empty:
                yield Frame(sse({**envelope, "choices": []}))
                yield from frame({})

        yield from blanks()
        yield from frame({"role": "assistant", "content": None if reply.calls else ""})
        for piece in pieces(reply.thinking):
            # Not counted, so that a stream which breaks does so in the answer.
            yield from frame({"reasoning_content": piece}, counted=False)
            yield from blanks()
        for piece in pieces(reply.text):
            yield from frame({"content": piece}, logprobs=_logprobs(body, [piece]))
            yield from blanks()
        for call in _call_deltas(reply):
            yield from frame({"tool_calls": [call]})
            yield from blanks()
        yield from frame({}, reply.finish)
        if with_usage:
            yield Frame(sse({**envelope, "choices": [], "usage": usage(reply, len(indices))}))
        yield Frame(b"data: [DONE]\n\n")


def usage(reply: Reply, n: int = 1) -> Json:
    """OpenAI's usage block; the completion counts once for each of `n` choices."""
    completion = reply.completion_tokens * n
    counts: Json = {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": reply.prompt_tokens + completion,
    }
    if reply.cached:
        counts["prompt_tokens_details"] = {"cached_tokens": reply.cached}
    if reply.thinking:
        counts["completion_tokens_details"] = {"reasoning_tokens": reply.reasoning_tokens * n}
    return counts


def _envelope(body: Json, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": body["model"],
    }


def _call_deltas(reply: Reply) -> Iterator[Json]:
    """First every call's id and name, then the arguments' pieces, one of each call in turn."""
    for i, call in enumerate(reply.calls):
        opening = {"name": call.name, "arguments": ""}
        yield {"index": i, "id": f"call_{call.id}", "type": "function", "function": opening}
    for row in zip_longest(*(slices(call.json) for call in reply.calls)):
        for i, piece in enumerate(row):
            if piece is not None:
                yield {"index": i, "function": {"arguments": piece}}


def _logprobs(body: Json, tokens: list[str]) -> Json | None:
    if not body.get("logprobs"):
        return None
    return {"content": [_logprob(t, body.get("top_logprobs") or 0) for t in tokens], "refusal": None}


def _logprob(token: str, top: int) -> Json:
    def entry(text: str, value: float) -> Json:
        return {"token": text, "logprob": value, "bytes": list(text.encode())}

    value = -len(token) / 100
    alternatives = [entry(token if k == 0 else f"{token}~{k}", value - k) for k in range(top)]
    return {**entry(token, value), "top_logprobs": alternatives}


def _tools(body: Json) -> tuple[tuple[Tool, ...], str | None]:
    tools = []
    for tool in body.get("tools") or ():
        function = tool.get("function") or {}
        name = function.get("name", "")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            raise BadRequest(f"Invalid 'tools[].function.name': '{name}' does not match '^[a-zA-Z0-9_-]{{1,64}}$'")
        tools.append(Tool(name, function.get("parameters") or {}, function.get("description") or ""))
    choice = body.get("tool_choice")
    if choice == "none":
        return (), None
    if isinstance(choice, dict):
        return tuple(tools), choice["function"]["name"]
    return tuple(tools), "*" if choice == "required" else None


def _message(message: Json) -> Message:
    content = message.get("content")
    if message["role"] == "tool":
        return Message("tool", result_text(content))
    calls = tuple(c["function"]["name"] for c in message.get("tool_calls") or ())
    parts = content if isinstance(content, list) else []
    images = tuple(_image(p["image_url"]) for p in parts if p.get("type") == "image_url")
    return Message(message["role"], text_of(content), images, calls)


def _image(source: Any) -> str:
    url = source["url"] if isinstance(source, dict) else source
    encoded = re.match(r"data:[^,]*;base64,", url)
    return digest(url[encoded.end() :], encoded=True) if encoded else digest(url, encoded=False)


def _check_tool_answers(messages: list[Json]) -> None:
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise BadRequest(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message "
                    f"with 'tool_calls', which '{message.get('tool_call_id')}' is not."
                )
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            break
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
    if waiting:
        raise BadRequest(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. These did not have response messages: {', '.join(sorted(waiting))}"
        )
