"""What the app needs of a vendor's wire format, and the parts that all of them share."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from . import directives
from .brain import Ask
from .directives import Fault
from .schema import Json


class BadRequest(ValueError):
    """A body that the real vendor would refuse with a 400."""


@dataclass(frozen=True)
class Frame:
    """One server-sent event; `chunk` marks those that carry content, which faults count and pace."""

    data: bytes
    chunk: bool = False


class Wire(Protocol):
    """One vendor endpoint. `name` is what the call log shows."""

    @property
    def name(self) -> str: ...

    def read(self, body: Json) -> Ask:
        """The request without its form. Raises `BadRequest`."""
        ...

    def answer(self, body: Json, ask: Ask, fault: Fault | None) -> Json:
        """The whole response body."""
        ...

    def frames(self, body: Json, ask: Ask, fault: Fault | None) -> Iterator[Frame]:
        """The response as server-sent events."""
        ...

    def error(self, status: int, message: str) -> Json:
        """An error body as the vendor words it."""
        ...

    def fault_error(self, fault: Fault, ask: Ask) -> Json:
        """The body for an ``[[error ...]]`` directive; its message repeats a word of the request."""
        ...

    def error_frame(self, message: str) -> bytes:
        """The event that ends a stream which broke in the middle."""
        ...


def about(ask: Ask) -> str:
    """A word of the request that error messages repeat: the user's first, or the model's name."""
    words = directives.parse(ask.question).rest.split()
    return words[0] if words else ask.model


def size(ask: Ask) -> int:
    """The prompt's words, which stand for tokens."""
    return len(ask.system.split()) + sum(len(m.text.split()) for m in ask.messages)


def sse(data: Json, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def digest(source: str, *, encoded: bool) -> str:
    """12 hex digits of the SHA-256 of an image: of its decoded bytes, or of its URL."""
    try:
        data = base64.b64decode(source, validate=True) if encoded else source.encode()
    except binascii.Error as error:
        raise BadRequest(f"invalid base64 image: {error}") from None
    return hashlib.sha256(data).hexdigest()[:12]


def slices(text: str, least: int = 3, longest: int = 12) -> list[str]:
    """`text` cut into at least `least` pieces (as far as it has characters), none over `longest`."""
    step = max(1, min(longest, len(text) // least))
    return [text[i : i + step] for i in range(0, len(text), step)]


def required(body: Json, *names: str) -> None:
    """Raises `BadRequest` unless every name is in the body."""
    for name in names:
        if body.get(name) in (None, "", []):
            raise BadRequest(f"Missing required parameter: '{name}'")


def bounded(body: Json, name: str, least: int, most: int) -> None:
    """Raises `BadRequest` for a number out of bounds, as vendors do: an answer of that size would fill the machine."""
    value = body.get(name)
    if value is not None and not (isinstance(value, int) and least <= value <= most):
        raise BadRequest(f"Invalid '{name}': expected an integer from {least} to {most}.")


def as_list(value: Any) -> list[Any]:
    """`value` itself if it is a list, nothing for None, else a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]
