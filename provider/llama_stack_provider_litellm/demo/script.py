"""One demo model's reply to one request: a pure function, with no litellm in it.

A request is what an OpenAI-compatible server would get. Tokens are counted as words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .chat import ToolCall, chat
from .guard import guard
from .judge import judge
from .messages import Message, count_words

MODELS = ("chat", "guard", "judge")
"""What comes after `demo/` for chat; `demo/embedding` is :func:`.lexical.embed`."""

__all__ = ["MODELS", "Reply", "ToolCall", "pieces", "reply"]

_PIECE = re.compile(r"\s*\S+(?:\s+$)?")


@dataclass(frozen=True)
class Reply:
    """What a model says, and why it stopped: `stop`, `length` or `tool_calls`."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def reply(model: str, messages: Sequence[Message], options: Mapping[str, Any] | None = None) -> Reply:
    """The reply of `model` (one of :data:`MODELS`).

    `options` are OpenAI's request fields; those that mean nothing to a script (temperature …) are ignored.

    Raises:
        KeyError: there is no such demo model.
    """
    options = options or {}
    text = ""
    calls: tuple[ToolCall, ...] = ()
    if model == "chat":
        answer = chat(messages, options)
        text, calls = answer.text, answer.tool_calls
    elif model == "guard":
        text = guard(messages)
    elif model == "judge":
        text = judge(messages)
    else:
        raise KeyError(model)
    spoken = Reply(text, calls, "tool_calls" if calls else "stop", count_words(messages), 0)
    spoken = _limited(spoken, options)
    used = len(spoken.text.split()) + sum(1 + len(call.arguments.split()) for call in calls)
    return replace(spoken, completion_tokens=used)


def pieces(text: str) -> Iterator[str]:
    """`text` word by word, each with the space before it: joined, they are `text` again."""
    return (found.group() for found in _PIECE.finditer(text))


def _limited(spoken: Reply, options: Mapping[str, Any]) -> Reply:
    stop = options.get("stop") or ()
    for mark in (stop,) if isinstance(stop, str) else stop:
        spoken = replace(spoken, text=spoken.text.partition(mark)[0])
    limit = options.get("max_completion_tokens") or options.get("max_tokens")
    words = list(pieces(spoken.text))
    if limit and len(words) > limit:
        return replace(spoken, text="".join(words[:limit]), finish_reason="length")
    return spoken
