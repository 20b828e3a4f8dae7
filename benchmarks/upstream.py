"""The vendor of every contender: OpenAI's wire with canned answers, as fast as it goes.

``python -m benchmarks.upstream PORT``
"""

from __future__ import annotations

import array
import asyncio
import base64
import itertools
import json
import random
import sys
from functools import cache
from typing import Any

from aiohttp import web

CHUNKS = 200
"""Chunks with text in a streamed answer."""
DIMENSION = 1024
TEXTS = 256
"""Texts in one embedding request."""
BATCH = 128
"""As many Voyage takes in one."""
BATCH_SECONDS = 0.25
"""As long a vendor may take for so many: the model ``slow`` does."""
_USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
_ID = "chatcmpl-00000000"
"""Of each answer in the place of this another: the host keeps chats by their id."""
_HEAD = {"id": _ID, "created": 1, "model": "gpt-4o-mini"}
_ANSWER = "The capital of France is Paris, on the Seine."
_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def _chat(message: dict[str, Any], reason: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()


def _event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


_DONE = b"data: [DONE]\n\n"
_USAGE_EVENT = _event({}, None, usage=_USAGE).replace(b'{"index": 0, "delta": {}, "finish_reason": null}', b"")
WHOLE = {
    "text": _chat({"content": _ANSWER}, "stop"),
    "call": _chat({"content": None, "tool_calls": [_CALL]}, "tool_calls"),
}
EVENTS = {
    "text": [
        _event({"role": "assistant", "content": ""}),
        *(_event({"content": f"word{number} "}) for number in range(CHUNKS)),
        _event({}, "stop"),
    ],
    "call": [_event({"role": "assistant", "tool_calls": [{"index": 0, **_CALL}]}), _event({}, "tool_calls")],
}


_numbers = itertools.count()


def fresh_id() -> str:
    """The id of an answer."""
    return f"chatcmpl-{next(_numbers):08}"


@cache
def vectors(count: int, form: str) -> bytes:
    """The body of an answer with so many embeddings, as ``float`` or ``base64``."""
    rng = random.Random(count)
    rows = []
    for index in range(count):
        numbers = array.array("f", (rng.uniform(-0.1, 0.1) for _ in range(DIMENSION)))
        vector: Any = base64.b64encode(numbers.tobytes()).decode() if form == "base64" else numbers.tolist()
        rows.append({"object": "embedding", "index": index, "embedding": vector})
    usage = {"prompt_tokens": count, "total_tokens": count}
    return json.dumps({"object": "list", "data": rows, "model": "embed", "usage": usage}).encode()


def kind_of(body: dict[str, Any]) -> str:
    """``call`` for a chat that has to be answered with a tool call, ``text`` for any other."""
    asked = body.get("tools") and not any(message["role"] == "tool" for message in body["messages"])
    return "call" if asked else "text"


async def _chat_completions(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    kind, old, new = kind_of(body), _ID.encode(), fresh_id().encode()
    if not body.get("stream"):
        return web.Response(body=WHOLE[kind].replace(old, new), content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in EVENTS[kind]:
        await response.write(event.replace(old, new))
    if (body.get("stream_options") or {}).get("include_usage"):
        await response.write(_USAGE_EVENT)
    await response.write(_DONE)
    return response


async def _ready(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy"})


async def _models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in ("gpt", "embed")]})


async def _embeddings(request: web.Request) -> web.Response:
    body = await request.json()
    count = 1 if isinstance(body["input"], str) else len(body["input"])
    if body["model"] == "slow":
        await asyncio.sleep(BATCH_SECONDS)
    answer = vectors(count, body.get("encoding_format") or "float")
    return web.Response(body=answer, content_type="application/json")


def app() -> web.Application:
    """The server's routes."""
    made = web.Application(client_max_size=64 * 1024 * 1024)
    # So that the proxy engine takes it for a LiteLLM Proxy.
    made.router.add_get("/health/readiness", _ready)
    made.router.add_get("/v1/models", _models)
    made.router.add_post("/v1/chat/completions", _chat_completions)
    made.router.add_post("/v1/embeddings", _embeddings)
    return made


if __name__ == "__main__":
    web.run_app(app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
