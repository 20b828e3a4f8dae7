"""OpenAI-shaped chat messages, read defensively: the demo models see whatever a host sends."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

type Message = Mapping[str, Any]


@dataclass(frozen=True)
class ToolResult:
    """What one tool call answered."""

    name: str
    text: str


@dataclass(frozen=True)
class Turn:
    """The conversation since the user last spoke."""

    text: str
    """The user's words."""
    images: int
    earlier: tuple[str, ...]
    """What was said before, system messages left out."""
    called: tuple[str, ...]
    """Names of the tools called in this turn, in order."""
    results: tuple[ToolResult, ...]


def content_text(content: Any) -> str:
    """The text of a message's content, which is a string, a list of parts or nothing."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = [part if isinstance(part, str) else part.get("text") or "" for part in content]
        return "\n".join(part for part in parts if part)
    return str(content)


def last_text(messages: Sequence[Message]) -> str:
    """The text of the last message."""
    return content_text(messages[-1].get("content")) if messages else ""


def read_turn(messages: Sequence[Message]) -> Turn:
    """Find the user's last message and what has happened since."""
    start = next((at for at in reversed(range(len(messages))) if messages[at].get("role") == "user"), -1)
    user = messages[start].get("content") if start >= 0 else ""
    calls = [call for message in messages[start + 1 :] for call in message.get("tool_calls") or ()]
    names = {call.get("id"): call["function"]["name"] for call in calls}
    return Turn(
        text=content_text(user).strip(),
        images=_images(user),
        earlier=tuple(
            content_text(message.get("content"))
            for message in messages[: max(start, 0)]
            if message.get("role") in ("user", "assistant")
        ),
        called=tuple(call["function"]["name"] for call in calls),
        results=tuple(
            ToolResult(
                name=names.get(message.get("tool_call_id")) or message.get("name") or "tool",
                text=content_text(message.get("content")).strip(),
            )
            for message in messages[start + 1 :]
            if message.get("role") == "tool"
        ),
    )


def count_words(messages: Sequence[Message]) -> int:
    """Words in all messages, tool calls included: the demo models' prompt tokens."""
    total = 0
    for message in messages:
        total += len(content_text(message.get("content")).split())
        for call in message.get("tool_calls") or ():
            total += len(json.dumps(call["function"], default=str).split())
    return total


def _images(content: Any) -> int:
    if not isinstance(content, list):
        return 0
    return sum(isinstance(part, dict) and part.get("type") in ("image_url", "image") for part in content)
