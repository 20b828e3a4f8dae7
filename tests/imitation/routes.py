"""What the imitation knows: its routes, how it shall behave, and the record of what came."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Hashable
from typing import Any

from . import errors, faults, wire
from .directives import STREAM_ONLY, DirectiveError, Directives, parse
from .models import LISTS, find

_GZIP = re.compile(rb"(?i)\r\naccept-encoding:[^\r]*\bgzip\b")
_KEPT = 1000
_KEPT_BODY = 65536
_POSTS = {
    "/chat/completions": (wire.chat, "messages"),
    "/completions": (wire.text, "prompt"),
    "/embeddings": (wire.embeddings, "input"),
    "/rerank": (wire.rerank, "query"),
}
_GETS = {
    **LISTS,
    "/health/readiness": b'{"status":"healthy","db":"Not connected"}',
    "/health/liveliness": b'"I\'m alive!"',
}


class Request:
    """A request, and what became of it: ``running``, ``answered``, ``cut`` by us, ``left`` by the client."""

    __slots__ = ("body", "closes", "head", "key", "method", "number", "of_test", "outcome", "path", "query")

    def __init__(self, head: bytes, body: bytes, number: int) -> None:
        self.head = head
        self.body = body
        self.number = number
        self.outcome = "running"
        self.method, target, _ = head[: head.find(b"\r\n")].decode("latin-1").split(" ", 2)
        self.path, _, self.query = target.partition("?")
        self.of_test = self.path.startswith("/_")
        lower = head.lower()
        self.closes = b"\r\nconnection: close\r\n" in lower
        at = lower.find(b"\r\nauthorization: bearer ")
        self.key = "" if at < 0 else head[at + 24 : head.find(b"\r\n", at + 24)].decode("latin-1").strip()

    def told(self) -> dict[str, Any]:
        """What `Imitation.seen` says of it. A body that is too large to keep is null."""
        lines = self.head.decode("latin-1").split("\r\n")[1:-1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body: Any = None
        if len(self.body) <= _KEPT_BODY:
            try:
                body = json.loads(self.body)
            except ValueError:
                body = self.body.decode(errors="replace") or None
        came = {"method": self.method, "path": self.path, "query": self.query, "headers": headers, "body": body}
        return {**came, "key": self.key, "outcome": self.outcome, "connection": self.number}


class State:
    """What the connections share."""

    def __init__(self) -> None:
        self.behaviour: dict[str, str] = {}
        self.open: set[Hashable] = set()
        self.clear()

    def clear(self) -> None:
        """Forget what was; the connections that are open stay counted as open."""
        self.behaviour.clear()
        self.acted: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.requests: deque[Request] = deque(maxlen=_KEPT)
        self.made = 0
        self.most = len(self.open)

    def reply(self, request: Request) -> tuple[wire.Reply, Directives]:
        """The answer to a request, and what shall go wrong with it."""
        path = request.path
        if request.of_test:
            return self._of_test(path, request.body), {}
        self.keys[request.key] += 1
        self.requests.append(request)
        path = path.removeprefix("/v1")
        refusal = None if path.startswith("/health/") else errors.of_key(request.key)
        try:
            reply, text, model = (refusal, "", "") if refusal else self._called(request, path)
            said = self._directives(self.behaviour.get(path, "") + text)
            if said:
                reply = faults.in_place(reply, said, model)
            elif reply.packs and _GZIP.search(request.head):
                reply = reply.packed()
            if not reply.stream and (odd := STREAM_ONLY & said.keys()):
                raise DirectiveError(f"{sorted(odd)} can be said of a stream only")
        except DirectiveError as error:
            return errors.error(400, f"imitation: {error}", "invalid_request_error"), {}
        return reply, said

    def _called(self, request: Request, path: str) -> tuple[wire.Reply, str, str]:
        """The answer of a route, the words of its request, and its model."""
        if request.method == "GET" and path in _GETS:
            return wire.plain(_GETS[path]), "", ""
        if request.method != "POST" or path not in _POSTS:
            return errors.detail(405 if path in _POSTS or path in _GETS else 404), "", ""
        answer, what = _POSTS[path]
        try:
            body = json.loads(request.body)
        except ValueError as error:
            return errors.error(400, f"Invalid JSON payload: {error}", "invalid_request_error", "request_body"), "", ""
        if what not in body:
            return errors.missing(path, what), "", ""
        group, text = str(body.get("model")), _text(body[what])
        model = find(group)
        if model is None:
            return errors.unknown_model(group), text, group
        if b"[[slow " not in request.body:
            return answer(wire.Ask(model, group, text, request.key, body)), text, group
        more = int(parse(text).get("slow", 0))
        return answer(wire.Ask(model, group, text, request.key, body, more)), text, group

    def _directives(self, text: str) -> Directives:
        if "[[" not in text:
            return {}
        said = parse(text)
        if "times" in said:
            self.acted[text] += 1
            return said if self.acted[text] <= int(said["times"]) else {}
        return said

    def _of_test(self, path: str, body: bytes) -> wire.Reply:
        if path == "/_clear":
            self.clear()
        elif path == "/_behave":
            told = json.loads(body)
            self.behaviour[told["path"].removeprefix("/v1")] = told["words"]
        elif path != "/_seen":
            return errors.detail(404)
        requests = [request.told() for request in self.requests]
        counts = {"open": len(self.open), "made": self.made, "most": self.most}
        return wire.plain(errors.compact({"keys": self.keys, "requests": requests, "connections": counts}))


def _text(said: Any) -> str:
    """The words of a prompt, an input, a query or a conversation's last message of the user."""
    if isinstance(said, str):
        return said
    if not isinstance(said, list):
        return ""
    if said and isinstance(said[0], dict) and "role" in said[0]:
        return next((_text(message.get("content")) for message in reversed(said) if message["role"] == "user"), "")
    return "".join(str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in said)
