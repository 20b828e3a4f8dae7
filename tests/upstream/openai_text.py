"""OpenAI's other endpoints: legacy completions, embeddings; and the rerank shapes near them.

Formats: OpenAI API reference, "Create completion" and "Create embeddings"; Cohere "Rerank" v1 and v2,
Jina "Reranker" and vLLM's ``/rerank``, as LiteLLM's ``cohere``, ``jina_ai`` and ``hosted_vllm`` adapters
send and read them. One rerank body carries the fields of all three, because Cohere and Jina share a path.
"""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from . import lexical
from .brain import Ask, Message, Reply, decide, pieces
from .directives import Fault
from .openai_wire import OpenAIErrors, usage
from .schema import Json
from .wire import BadRequest, Frame, about, as_list, bounded, required, sse


class Completions(OpenAIErrors):
    """POST /v1/completions."""

    def read(self, body: Json) -> Ask:
        required(body, "model", "prompt")
        bounded(body, "n", 1, 128)
        bounded(body, "logprobs", 0, 5)
        return _asks(body)[-1]

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        choices, total = [], Reply()
        for i, reply in enumerate(self._replies(body, fault)):
            tokens = pieces(reply.text)
            finish = {"logprobs": _legacy_logprobs(body, tokens), "finish_reason": reply.finish}
            choices.append({"index": i, "text": reply.text, **finish})
            total = _sum(total, reply)
        return {**_envelope(body), "choices": choices, "usage": usage(total)}

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        envelope, total = _envelope(body), Reply()
        for i, reply in enumerate(self._replies(body, fault)):
            for piece in pieces(reply.text):
                choice = {"index": i, "text": piece, "logprobs": _legacy_logprobs(body, [piece])}
                yield Frame(sse({**envelope, "choices": [{**choice, "finish_reason": None}]}), chunk=True)
                if reply.empty:
                    yield Frame(sse({**envelope, "choices": []}))
            last = {"index": i, "text": "", "logprobs": None, "finish_reason": reply.finish}
            yield Frame(sse({**envelope, "choices": [last]}))
            total = _sum(total, reply)
        if (body.get("stream_options") or {}).get("include_usage"):
            yield Frame(sse({**envelope, "choices": [], "usage": usage(total)}))
        yield Frame(b"data: [DONE]\n\n")

    def _replies(self, body: Json, fault: Fault | None) -> Iterator[Reply]:
        """The replies in the order of the choices: all `n` of the first prompt, then of the second."""
        for ask in _asks(body):
            reply = decide(ask, fault)
            suffix = f" | suffix: {body['suffix']}" if body.get("suffix") else ""
            prefix = ask.question if body.get("echo") else ""
            for k in range(body.get("n") or 1):
                counted = 0 if k else reply.prompt_tokens
                done = reply.completion_tokens + len(suffix.split())
                yield Reply(
                    prefix + reply.text + suffix,
                    finish=reply.finish,
                    prompt_tokens=counted,
                    completion_tokens=done,
                    cached=0 if k else reply.cached,
                    empty=reply.empty,
                )


class Embeddings(OpenAIErrors):
    """POST /v1/embeddings."""

    def read(self, body: Json) -> Ask:
        required(body, "model", "input")
        bounded(body, "dimensions", 1, 4096)
        return Ask(body["model"], tuple(Message("user", text) for text in _texts(body["input"])))

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        dimension = body.get("dimensions") or lexical.DIMENSION
        vectors = [lexical.embed(m.text, dimension) for m in ask.messages]
        encoded: list[Any] = list(vectors)
        if body.get("encoding_format") == "base64":
            encoded = [base64.b64encode(struct.pack(f"<{dimension}f", *v)).decode() for v in vectors]
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(encoded)]
        tokens = sum(len(m.text.split()) for m in ask.messages)
        counts = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": counts}

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        raise BadRequest("embeddings cannot be streamed")


class Rerank(OpenAIErrors):
    """POST /rerank (vLLM), /v1/rerank (Cohere v1, Jina) and /v2/rerank (Cohere v2)."""

    name = "rerank"

    def read(self, body: Json) -> Ask:
        required(body, "model", "query", "documents")
        return Ask(body["model"], (Message("user", body["query"]),))

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        documents = [d if isinstance(d, str) else str(d.get("text", "")) for d in body["documents"]]
        scores = [lexical.overlap(body["query"], text) for text in documents]
        order = sorted(range(len(documents)), key=lambda i: (-scores[i], i))[: body.get("top_n")]
        shown = body.get("return_documents") is not False
        results = [
            {
                "index": i,
                "relevance_score": scores[i],
                **({"document": {"text": documents[i]}} if shown else {}),
            }
            for i in order
        ]
        tokens = sum(len(text.split()) for text in [body["query"], *documents])
        return {
            "id": uuid4().hex,
            "model": body["model"],
            "results": results,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        }

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        raise BadRequest("rerank cannot be streamed")

    def error(self, status: int, message: str) -> Json:
        """Cohere's ``message`` and Jina's ``detail``; vLLM repeats OpenAI's body."""
        return {**super().error(status, message), "message": message, "detail": message}

    def fault_error(self, fault: Fault, ask: Ask) -> Json:
        return self.error(fault.status, f"rerank refused with {fault.status}: '{about(ask)}'")


def _envelope(body: Json) -> Json:
    identity = {"id": f"cmpl-{uuid4().hex}", "object": "text_completion"}
    return {**identity, "created": int(time.time()), "model": body["model"]}


def _asks(body: Json) -> list[Ask]:
    return [
        Ask(
            model=body["model"],
            messages=(Message("user", text),),
            max_tokens=body.get("max_tokens"),
            stop=tuple(as_list(body.get("stop"))),
            style="text",
        )
        for text in _texts(body["prompt"])
    ]


def _texts(value: Any) -> list[str]:
    """Texts from a string, a list of strings, a token array or a list of token arrays."""
    if isinstance(value, str):
        return [value]
    if value and all(isinstance(item, int) for item in value):
        return [" ".join(map(str, value))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in value]


def _legacy_logprobs(body: Json, tokens: list[str]) -> Json | None:
    if body.get("logprobs") is None:
        return None
    values = [-len(token) / 100 for token in tokens]
    offsets = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
    top = [
        {t if k == 0 else f"{t}~{k}": value - k for k in range(body["logprobs"])}
        for t, value in zip(tokens, values, strict=True)
    ]
    return {"tokens": tokens, "token_logprobs": values, "top_logprobs": top, "text_offset": offsets}


def _sum(total: Reply, reply: Reply) -> Reply:
    prompt = total.prompt_tokens + reply.prompt_tokens
    completion = total.completion_tokens + reply.completion_tokens
    return Reply(prompt_tokens=prompt, completion_tokens=completion, cached=total.cached + reply.cached)
