"""Gemini's generateContent and streamGenerateContent, and its embeddings.

Formats: Gemini API reference, "Generating content" (GenerateContentResponse, Candidate, UsageMetadata,
LogprobsResult) and "Embeddings"; guides "Thinking" (thought parts and signatures) and "Safety settings"
(promptFeedback). The app puts the path's model into the body, and `stream` for the streaming method.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from . import lexical
from .brain import Ask, Message, Reply, ToolCall, decide, pieces
from .directives import Fault
from .gemini_errors import GeminiErrors
from .gemini_read import field, read_request, settings, signature
from .schema import Json
from .wire import BadRequest, Frame, required, sse

_FINISH = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_RATINGS = [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}]


class GenerateContent(GeminiErrors):
    """POST /v1beta/models/{model}:generateContent and :streamGenerateContent?alt=sse."""

    def read(self, body: Json) -> Ask:
        return read_request(body)

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        reply = decide(ask, fault)
        if _prompt_is_blocked(fault):
            return {**_block(reply), **_envelope(body)}
        parts = [_thought(reply.thinking)] if reply.thinking else []
        # A candidate that safety stopped has no content at all.
        if reply.finish != "content_filter":
            parts += [{"text": reply.text}] if reply.text else []
            parts += _call_parts(body, reply)
        candidate: Json = {**({"content": _content(parts)} if parts else {}), **_finish(reply)}
        if logprobs := _logprobs(body, pieces(reply.text)):
            candidate["logprobsResult"] = logprobs
        count = _count(body)
        candidates = [{**candidate, "index": i} for i in range(count)]
        return {"candidates": candidates, "usageMetadata": _usage(reply, count), **_envelope(body)}

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        reply = decide(ask, fault)
        envelope = _envelope(body)
        if _prompt_is_blocked(fault):
            yield _frame({**_block(reply), **envelope})
            return
        # Every chunk counts what was used so far; what the answer needs is known at its end.
        so_far = _usage(Reply(prompt_tokens=reply.prompt_tokens, cached=reply.cached), 0)
        indices = range(_count(body))

        def chunk(candidate: Json, usage: Json = so_far, counted: bool = False) -> Iterator[Frame]:
            for i in indices:
                data = {"candidates": [{**candidate, "index": i}], "usageMetadata": usage, **envelope}
                yield _frame(data, counted and i == 0)

        def blanks() -> Iterator[Frame]:
            """A chunk whose content has no parts, and one that has nothing but the usage."""
            if reply.empty:
                yield from chunk({"content": _content([])})
                yield _frame({"usageMetadata": so_far, **envelope})

        yield from blanks()
        for piece in pieces(reply.thinking):
            # Not counted, so that a stream which breaks does so in the answer.
            yield from chunk({"content": _content([_thought(piece)])})
            yield from blanks()
        for piece in pieces(reply.text):
            logprobs = _logprobs(body, [piece])
            extra = {"logprobsResult": logprobs} if logprobs else {}
            yield from chunk({"content": _content([{"text": piece}]), **extra}, counted=True)
            yield from blanks()
        for part in _call_parts(body, reply):
            yield from chunk({"content": _content([part])}, counted=True)
            yield from blanks()
        last = {} if reply.finish == "content_filter" else {"content": _content([{"text": ""}])}
        yield from chunk({**last, **_finish(reply)}, _usage(reply, len(indices)))


class EmbedContent(GeminiErrors):
    """POST /v1beta/models/{model}:embedContent."""

    def read(self, body: Json) -> Ask:
        required(body, "content")
        return Ask(body["model"], (Message("user", _embedded_text(body)),))

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        return {"embedding": _embedding(body)}

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        raise BadRequest("embeddings cannot be streamed")


class BatchEmbedContents(EmbedContent):
    """POST /v1beta/models/{model}:batchEmbedContents."""

    def read(self, body: Json) -> Ask:
        required(body, "requests")
        if any(request["model"] != f"models/{body['model']}" for request in body["requests"]):
            raise BadRequest("* BatchEmbedContentsRequest.model: must match the model of every request")
        return Ask(body["model"], tuple(Message("user", _embedded_text(r)) for r in body["requests"]))

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        return {"embeddings": [_embedding(request) for request in body["requests"]]}


def _frame(data: Json, chunk: bool = False) -> Frame:
    # Google ends its lines with CR LF.
    return Frame(sse(data).replace(b"\n\n", b"\r\n\r\n"), chunk)


def _envelope(body: Json) -> Json:
    return {"modelVersion": body["model"], "responseId": uuid4().hex[:22]}


def _content(parts: list[Json]) -> Json:
    return {"parts": parts, "role": "model"}


def _thought(text: str) -> Json:
    return {"text": text, "thought": True}


def _finish(reply: Reply) -> Json:
    rated = {"safetyRatings": _RATINGS} if reply.finish == "content_filter" else {}
    return {"finishReason": _FINISH[reply.finish], **rated}


def _prompt_is_blocked(fault: Fault | None) -> bool:
    return fault is not None and fault.kind == "refuse" and fault.variant == "prompt"


def _block(reply: Reply) -> Json:
    counts = {"promptTokenCount": reply.prompt_tokens, "totalTokenCount": reply.prompt_tokens}
    return {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": _RATINGS}, "usageMetadata": counts}


def _call_parts(body: Json, reply: Reply) -> list[Json]:
    parts: list[Json] = [{"functionCall": _call(body, call)} for call in reply.calls]
    if parts and reply.thinking:
        # Of parallel calls only the first is signed.
        parts[0]["thoughtSignature"] = signature(reply.thinking)
    return parts


def _call(body: Json, call: ToolCall) -> Json:
    arguments = {} if call.arguments is None else {"args": call.arguments}
    # Calls have ids from Gemini 3 on.
    numbered = not body["model"].startswith(("gemini-1", "gemini-2"))
    return {**({"id": call.id} if numbered else {}), "name": call.name, **arguments}


def _usage(reply: Reply, count: int) -> Json:
    """Google counts reasoning beside the answer, where others count it within."""
    answer = (reply.completion_tokens - reply.reasoning_tokens) * count
    thoughts = reply.reasoning_tokens * count
    counts: Json = {
        "promptTokenCount": reply.prompt_tokens,
        "totalTokenCount": reply.prompt_tokens + answer + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": reply.prompt_tokens}],
    }
    if answer:
        counts["candidatesTokenCount"] = answer
    if reply.cached:
        counts["cachedContentTokenCount"] = reply.cached
        counts["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": reply.cached}]
    if thoughts:
        counts["thoughtsTokenCount"] = thoughts
    return counts


def _count(body: Json) -> int:
    return field(settings(body), "candidateCount") or 1


def _logprobs(body: Json, tokens: list[str]) -> Json | None:
    config = settings(body)
    if not field(config, "responseLogprobs"):
        return None
    top = [[_logprob(t, k) for k in range(config.get("logprobs") or 0)] for t in tokens]
    return {
        "chosenCandidates": [_logprob(token, 0) for token in tokens],
        "topCandidates": [{"candidates": row} for row in top],
    }


def _logprob(token: str, rank: int) -> Json:
    return {"token": f"{token}~{rank}" if rank else token, "tokenId": rank, "logProbability": -len(token) / 100 - rank}


def _embedded_text(body: Json) -> str:
    return "\n".join(part["text"] for part in body["content"]["parts"] if "text" in part)


def _embedding(body: Json) -> dict[str, Any]:
    return {"values": lexical.embed(_embedded_text(body), field(body, "outputDimensionality") or lexical.DIMENSION)}
