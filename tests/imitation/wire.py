"""The answers of a LiteLLM Proxy 1.106.2, in its own order of headers and fields.

The bytes are put together by hand: ``json.dumps`` and an object per header would cost half of the requests a second.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from json.encoder import encode_basestring
from typing import Any, NamedTuple
from uuid import uuid4

from .models import Model

VECTOR_SIZE = 64
_PACKED_FROM = 500
LAST = (
    b"vary: Origin\r\nx-frame-options: DENY\r\ncontent-security-policy: frame-ancestors 'none'\r\n"
    b"x-content-type-options: nosniff\r\n"
)
_SUM = (
    b"x-litellm-response-cost-original: %b\r\nx-litellm-response-cost-discount-amount: 0.0\r\n"
    b"x-litellm-response-cost-margin-amount: 0.0\r\nx-litellm-response-cost-margin-percent: 0.0\r\n"
    b"x-litellm-response-cost-input: %b\r\nx-litellm-response-cost-output: %b\r\n"
    b"x-litellm-response-cost-tool-usage: 0.0\r\nx-litellm-key-spend: %b\r\n"
)
_NO_SUM = _SUM % (b"0.0", b"0.0", b"0.0", b"0.0")
_NO_PRICE = b"x-litellm-key-spend: 0.0\r\n"
_DURATIONS = (
    b"x-litellm-response-duration-ms: 12.637853622436523\r\nx-litellm-overhead-duration-ms: 9.3627\r\n"
    b"x-litellm-callback-duration-ms: 0.0\r\nllm_provider-server: uvicorn\r\n"
)
_TRIES = b"x-litellm-model-group: %b\r\nx-litellm-attempted-retries: 0\r\nx-litellm-attempted-fallbacks: 0\r\n"
_JSON = b"content-type: application/json\r\n"
_EVENTS = b"cache-control: no-cache\r\nx-accel-buffering: no\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
_CHAT = (
    b'{"id":"chatcmpl-%b","created":%d,"model":%b,"object":"chat.completion","choices":[{"finish_reason":"stop",'
    b'"index":0,"message":{"content":%b,"role":"assistant","provider_specific_fields":{"refusal":null}},'
    b'"provider_specific_fields":{}}],"usage":{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d}}'
)
_TEXT = (
    b'{"id":"chatcmpl-%b","object":"text_completion","created":%d,"model":%b,"choices":[{"finish_reason":"stop",'
    b'"index":0,"text":%b,"logprobs":null}],"usage":{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d,'
    b'"completion_tokens_details":null,"prompt_tokens_details":null}}'
)
_USAGE = (
    b'"usage":{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d,'
    b'"completion_tokens_details":{"reasoning_tokens":0,"text_tokens":%d}%b}}'
)
_numbers = itertools.count(1)
_unique = uuid4().hex
_dated = (0, b"")


class Reply(NamedTuple):
    """An answer: its head without the lines on the body's length, and its body.

    A body in parts is sent chunked. The parts of a `stream` are the data of its events. What `packs` is compressed for
    clients that accept that: lists of models, and embeddings.
    """

    head: bytes
    body: bytes | Iterable[bytes]
    stream: bool = False
    packs: bool = False

    def packed(self) -> Reply:
        """The same answer, compressed."""
        if not isinstance(self.body, bytes) or len(self.body) < _PACKED_FROM:
            return self
        head = self.head.replace(b"vary: Origin\r\n", b"vary: Origin, Accept-Encoding\r\n")
        return Reply(head + b"content-encoding: gzip\r\n", gzip.compress(self.body))


class Ask(NamedTuple):
    """A request that an answer can be given to; a stream has so many pieces of text `more` than the echo."""

    model: Model
    group: str
    text: str
    key: str
    body: dict[str, Any]
    more: int = 0

    @property
    def answer(self) -> str:
        """The echo."""
        return f"echo: {self.text} by {self.key}"

    def tokens(self) -> tuple[int, int]:
        """Those of the prompt and of the answer: their words."""
        return len(self.text.split()) or 1, len(self.answer.split())


def date() -> bytes:
    """The date as HTTP has it."""
    global _dated
    now = int(time.time())
    if _dated[0] != now:
        _dated = now, formatdate(now, usegmt=True).encode()
    return _dated[1]


def call_id() -> bytes:
    """A new id, of this process alone."""
    return f"{next(_numbers):08x}-{_unique[8:12]}-{_unique[12:16]}-{_unique[16:20]}-{_unique[20:]}".encode()


def chat(ask: Ask) -> Reply:
    """``POST /v1/chat/completions``."""
    return _completion(ask, _CHAT, _chat_events)


def text(ask: Ask) -> Reply:
    """``POST /v1/completions``."""
    return _completion(ask, _TEXT, _text_events)


def embeddings(ask: Ask) -> Reply:
    """``POST /v1/embeddings``: alike texts have alike vectors, and no two callers' texts the same one."""
    given = ask.body["input"]
    texts = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    packed = ask.body.get("encoding_format") == "base64"
    rows = [
        {"embedding": _packed(vector) if packed else vector, "index": index, "object": "embedding"}
        for index, vector in enumerate(_vector(str(one)) for one in texts)
    ]
    used = sum(len(str(one).split()) for one in texts)
    usage = {"completion_tokens": 0, "prompt_tokens": used, "total_tokens": used}
    details = {"completion_tokens_details": None, "prompt_tokens_details": None}
    said = {"model": ask.group, "data": rows, "object": "list", "usage": {**usage, **details}}
    sums = _NO_SUM if ask.model.price else _NO_PRICE
    return Reply(_head(ask, sums) + LAST, json.dumps(said, separators=(",", ":")).encode(), packs=True)


def rerank(ask: Ask) -> Reply:
    """``POST /v1/rerank``: the score is the share of the query's words that a document has."""
    documents = [str(d.get("text", "")) if isinstance(d, dict) else str(d) for d in ask.body["documents"]]
    wanted = set(ask.text.split())
    scores = [len(wanted & set(document.split())) / (len(wanted) or 1) for document in documents]
    order = sorted(range(len(documents)), key=lambda index: -scores[index])[: ask.body.get("top_n") or len(documents)]
    results = [
        {"index": index, "relevance_score": scores[index], "document": {"text": documents[index]}} for index in order
    ]
    used = sum(len(document.split()) for document in documents) + len(ask.text.split())
    meta = {"billed_units": {"total_tokens": used}, "tokens": {"input_tokens": used}}
    said = {"id": f"{next(_numbers):08x}{_unique[8:]}", "results": results, "meta": meta}
    sums = b"x-litellm-response-cost: 0.0\r\nx-litellm-key-spend: 0.0\r\n"
    return Reply(_head(ask, sums) + LAST, json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())


def plain(body: bytes) -> Reply:
    """A list of models, or a health check."""
    return Reply(b"HTTP/1.1 200 OK\r\ndate: %b\r\n" % date() + _JSON + LAST, body, packs=True)


def _completion(ask: Ask, form: bytes, events: Any) -> Reply:
    prompt, completion = ask.tokens()
    head = b"%08x%b" % (next(_numbers), _unique[8:].encode())
    model = encode_basestring(ask.group).encode()
    if ask.body.get("stream"):
        # In a stream of plain text LiteLLM says less.
        sums = _NO_SUM if ask.model.price and form is _CHAT else _NO_PRICE
        return Reply(_head(ask, sums, _EVENTS) + LAST, events(ask, head, model), stream=True)
    answer = encode_basestring(ask.answer).encode()
    counts = (completion, prompt, prompt + completion)
    body = form % (head, int(time.time()), model, answer, *counts)
    return Reply(_head(ask, _sums(ask.model, prompt, completion)) + LAST, body)


def _sums(model: Model, prompt: int, completion: int) -> bytes:
    # Where LiteLLM knows no price it is silent.
    if model.price is None:
        return _NO_PRICE
    first, second = prompt * model.price[0], completion * model.price[1]
    total = repr(round(first + second, 12)).encode()
    parts = (total, repr(round(first, 12)).encode(), repr(round(second, 12)).encode(), total)
    return b"x-litellm-response-cost: %b\r\n" % total + _SUM % parts


def _head(ask: Ask, sums: bytes, kind: bytes = _JSON) -> bytes:
    model = ask.model
    return b"".join(
        (
            b"HTTP/1.1 200 OK\r\ndate: %b\r\n" % date(),
            kind,
            b"x-litellm-call-id: %b\r\n" % call_id(),
            f"x-litellm-model-id: {model.id}\r\nx-litellm-model-name: {model.name}\r\n".encode(),
            b"x-litellm-model-api-base: http://127.0.0.1:9/v1\r\nx-litellm-version: 1.106.2\r\n",
            sums,
            _DURATIONS,
            _TRIES % ask.group.encode(),
        )
    )


def _chat_events(ask: Ask, head: bytes, model: bytes) -> Iterator[bytes]:
    created = int(time.time())
    begin = b'{"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,' % (head, created, model)
    begin += b'"choices":[{"index":0,"delta":{'
    yield begin + b'"role":"assistant","content":""}}]}'
    for piece in _pieces(ask):
        yield begin + b'"content":%b}}]}' % encode_basestring(piece).encode()
    yield begin + b'},"finish_reason":"stop"}]}'
    if usage := _usage(ask):
        first = b'{"id":"chatcmpl-%b","created":%d,"model":%b,"object":"chat.completion.chunk",' % (
            head,
            created,
            model,
        )
        yield first + b'"choices":[{"index":0,"delta":{}}],' + usage
    yield b"[DONE]"


def _text_events(ask: Ask, head: bytes, model: bytes) -> Iterator[bytes]:
    created = int(time.time())
    begin = b'{"id":"chatcmpl-%b","object":"text_completion","created":%d,"model":%b,"choices":[{' % (
        head,
        created,
        model,
    )
    yield begin + b'"index":0,"text":""}]}'
    for piece in _pieces(ask):
        yield begin + b'"index":0,"text":%b}]}' % encode_basestring(piece).encode()
    yield begin + b'"finish_reason":"stop","index":0}]}'
    if usage := _usage(ask):
        yield begin + b'"index":0}],' + usage
    yield b"[DONE]"


def _pieces(ask: Ask) -> list[str]:
    first, *rest = ask.answer.split(" ")
    return [first, *(f" {word}" for word in rest), *(f" {number}" for number in range(1, ask.more + 1))]


def _usage(ask: Ask) -> bytes:
    if not (ask.body.get("stream_options") or {}).get("include_usage"):
        return b""
    prompt, completion = ask.tokens()
    cost = b""
    if ask.model.price:
        total = round(prompt * ask.model.price[0] + completion * ask.model.price[1], 12)
        cost = b',"cost":%b' % repr(total).encode()
    return _USAGE % (completion, prompt, prompt + completion, completion, cost)


def _vector(text: str) -> list[float]:
    vector = [0.0] * VECTOR_SIZE
    for word in text.split():
        place = zlib.crc32(word.encode())
        vector[place % VECTOR_SIZE] += 0.5 if place & 0x10000 else -0.5
    return vector


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
