"""The ASGI application: routes, faults and the call log; run as a module it serves itself.

``python -m upstream.app --port 0 --models a,b`` prints the port it got as its first line and ends when
its standard input closes, so that it never outlives the test run that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from . import account
from .anthropic_wire import Messages
from .brain import Ask, fault_of, modifiers_of
from .calls import Call, Cut, Delivery, Log
from .directives import DirectiveError, Fault
from .gemini_wire import BatchEmbedContents, EmbedContent, GenerateContent
from .openai_text import Completions, Embeddings, Rerank
from .openai_wire import ChatCompletions
from .wire import BadRequest, Frame, Wire, about

_PAUSE = 0.05
_GAP = 0.001
_PIECE = 13
_CHUNKS_BEFORE_A_BREAK = 2


def create_app(models: tuple[str, ...]) -> Starlette:
    """The test upstream; `models` is only what it lists, any model name is answered."""
    log = Log()
    wires: dict[str, Wire] = {
        "/v1/chat/completions": ChatCompletions(),
        "/v1/completions": Completions(),
        "/v1/embeddings": Embeddings(),
        "/v1/messages": Messages(),
        "/rerank": Rerank(),
        "/v1/rerank": Rerank(),
        "/v2/rerank": Rerank(),
    }
    methods: dict[str, Wire] = {
        "generateContent": GenerateContent(),
        "streamGenerateContent": GenerateContent(),
        "embedContent": EmbedContent(),
        "batchEmbedContents": BatchEmbedContents(),
    }

    async def serve(request: Request) -> Delivery:
        wire = wires[request.url.path]
        call = await _record(log, request, wire.name)
        return attend(call, wire, call.body)

    async def serve_gemini(request: Request) -> Delivery:
        method = request.path_params["method"]
        wire = methods.get(method, methods["generateContent"])
        call = await _record(log, request, wire.name)
        if "x-goog-api-key" not in call.headers and "key" not in call.query:
            return _refuse(call, wire, 403, "Method doesn't allow unregistered callers. Please use API Key.")
        if method not in methods:
            return _refuse(call, wire, 404, f"{method} is not found for API version v1beta.")
        streams = method.startswith("stream")
        if streams and call.query.get("alt") != "sse":
            return _refuse(call, wire, 400, "The test upstream streams with alt=sse only.")
        # Google names the model and the streaming in the path.
        said = {"model": request.path_params["model"], "stream": streams}
        return attend(call, wire, {**call.body, **said} if isinstance(call.body, dict) else call.body)

    def attend(call: Call, wire: Wire, body: Any) -> Delivery:
        try:
            return _respond(log, call, wire, body)
        except (BadRequest, DirectiveError) as error:
            return _refuse(call, wire, 400, str(error))
        except Exception:
            # A request in an unforeseen form or a defect here: the trace belongs in the test's output.
            traceback.print_exc()
            return _refuse(call, wire, 500, f"test upstream failed: {traceback.format_exc(limit=-1)}")

    async def list_models(request: Request) -> JSONResponse:
        anthropic = "anthropic-version" in request.headers
        call = await _record(log, request, "anthropic" if anthropic else "openai")
        call.outcome, call.status = "answered", 200
        return JSONResponse(_model_list(models, anthropic))

    async def list_gemini(request: Request) -> JSONResponse:
        call = await _record(log, request, "gemini")
        call.outcome, call.status = "answered", 200
        does = {"supportedGenerationMethods": list(methods)}
        return JSONResponse({"models": [{"name": f"models/{m}", "displayName": m, **does} for m in models]})

    async def nothing(request: Request) -> JSONResponse:
        # A request that went astray shall be seen.
        call = await _record(log, request, "none")
        call.outcome, call.status = "error", 404
        return JSONResponse({"detail": "Not Found"}, 404)

    async def calls(request: Request) -> JSONResponse:
        return JSONResponse([asdict(call) for call in log.calls])

    async def clear(request: Request) -> JSONResponse:
        log.clear()
        return JSONResponse({})

    routes = [Route(path, serve, methods=["POST"]) for path in wires]
    routes += [Route("/v1/models", list_models), Route("/v1beta/models", list_gemini), Route("/_calls", calls)]
    routes.append(Route("/v1beta/models/{model:path}:{method}", serve_gemini, methods=["POST"]))
    routes.append(Route("/_clear", clear, methods=["POST"]))
    everything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[*routes, Route("/{rest:path}", nothing, methods=everything)])


async def _record(log: Log, request: Request, wire: str) -> Call:
    raw = await request.body()
    try:
        body: Any = json.loads(raw) if raw else None
    except ValueError:
        body = raw.decode(errors="replace")
    head, query = dict(request.headers), dict(request.query_params)
    call = Call(request.url.path, wire, head, body, time.time(), query=query)
    log.calls.append(call)
    return call


def _respond(log: Log, call: Call, wire: Wire, body: Any) -> Delivery:
    if not isinstance(body, dict):
        raise BadRequest("We could not parse the JSON body of your request.")
    try:
        ask = wire.read(body)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadRequest(f"Invalid body, a field is missing or has the wrong type: {error!r}") from error
    fault = _fault(log, ask)
    if fault and fault.kind == "hang":
        return Delivery(call, _never())
    if fault and fault.kind == "error":
        # Google says it in the body.
        headers = {"retry-after": fault.retry_after} if fault.retry_after and wire.name != "gemini" else {}
        return _failure(call, fault.status, wire.fault_error(fault, ask), headers)
    answer = wire.answer(body, ask, fault)
    call.tokens = account.tokens(answer)
    if body.get("stream"):
        frames = list(wire.frames(body, ask, fault))
        end = wire.error_frame(f"The stream broke at '{about(ask)}'")
        outcome = "error" if fault and fault.kind == "midstream-error" else "answered"
        parts = _stream(call, frames, fault, end)
        parts = _cut(parts) if modifiers_of(ask).bytes else parts
        return Delivery(call, parts, "text/event-stream", outcome=outcome)
    if fault and fault.kind == "midstream-error":
        return _failure(call, 500, wire.error(500, f"The request broke at '{about(ask)}'"))
    data = _encode(answer)
    return Delivery(call, _whole(data, fault), headers=_request_id(), length=len(data))


def _fault(log: Log, ask: Ask) -> Fault | None:
    """The fault that acts on this request; one with ``times`` is counted and ends."""
    fault = fault_of(ask)
    if fault is None or fault.times is None:
        return fault
    key = (ask.question, ask.rounds, fault.model)
    acted = log.acted.get(key, 0)
    if acted >= fault.times:
        return None
    log.acted[key] = acted + 1
    return fault


async def _stream(call: Call, frames: list[Frame], fault: Fault | None, end: bytes) -> AsyncIterator[bytes]:
    kind = fault.kind if fault else ""
    for frame in frames:
        if frame.chunk and call.chunks == _CHUNKS_BEFORE_A_BREAK and kind in ("break", "midstream-error"):
            if kind == "break":
                raise Cut
            yield end
            return
        yield frame.data
        call.chunks += frame.chunk
        if frame.chunk and kind == "slow":
            await asyncio.sleep(_PAUSE)


async def _cut(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in other pieces: each ends amid an event, and where a character has several bytes amid it."""
    held = b""
    async for part in parts:
        held += part
        start = 0
        for end in range(1, len(held)):
            if end - start >= _PIECE or held[end] & 0xC0 == 0x80:
                yield held[start:end]
                start = end
                # A client that is slower than the server would get the pieces put together again.
                await asyncio.sleep(_GAP)
        held = held[start:]
    yield held


async def _whole(data: bytes, fault: Fault | None) -> AsyncIterator[bytes]:
    if fault and fault.kind == "slow":
        await asyncio.sleep(_PAUSE * fault.chunks)
    if fault and fault.kind == "break":
        yield data[: len(data) // 2]
        raise Cut
    yield data


async def _never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


def _refuse(call: Call, wire: Wire, status: int, message: str) -> Delivery:
    return _failure(call, status, wire.error(status, message))


def _failure(call: Call, status: int, body: Any, headers: dict[str, str] | None = None) -> Delivery:
    data = _encode(body)
    head = {**_request_id(), **(headers or {})}
    return Delivery(call, _whole(data, None), status=status, headers=head, length=len(data), outcome="error")


def _request_id() -> dict[str, str]:
    identity = f"req_{uuid4().hex}"
    return {"x-request-id": identity, "request-id": identity}


def _encode(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _model_list(models: tuple[str, ...], anthropic: bool) -> dict[str, Any]:
    if anthropic:
        date = "2025-01-01T00:00:00Z"
        data = [{"type": "model", "id": m, "display_name": m, "created_at": date} for m in models]
        return {"data": data, "has_more": False, "first_id": models[0], "last_id": models[-1]}
    return {
        "object": "list",
        "data": [{"id": m, "object": "model", "created": 0, "owned_by": "test-upstream"} for m in models],
    }


def main() -> None:
    """Serves on the asked-for port (0 for a free one) until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", required=True)
    options = parser.parse_args()
    # The socket is bound here and handed over, so that nobody can take the port in between.
    sock = socket.create_server(("127.0.0.1", options.port), backlog=512)
    # asyncio does so itself only for sockets it has made; without it every answer waits 40 ms for an ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    app = create_app(tuple(options.models.split(",")))
    # Idle connections stay open: a client that reuses one just as it is closed would see a false error.
    config = uvicorn.Config(app, log_level="critical", timeout_keep_alive=600, lifespan="off")
    server = uvicorn.Server(config)

    def end_with_parent() -> None:
        sys.stdin.read()
        # Requests that hang on purpose must not hold up the end.
        server.should_exit = server.force_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    print(sock.getsockname()[1], flush=True)
    server.run(sockets=[sock])


if __name__ == "__main__":
    main()
