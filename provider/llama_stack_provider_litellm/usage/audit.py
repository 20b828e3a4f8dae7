"""What was asked and answered in a call, as text (``audit: full``)."""

from __future__ import annotations

import json
import re
from typing import Any

from openai import BaseModel

from ..engines.messages import Message
from .call import Call

_NO_QUESTION = ("stream_options", "greedy")
# An image or a file within a text: what it says nobody can read.
_EMBEDDED = re.compile(r"(;base64,)[A-Za-z0-9+/=_-]{200,}")
# Deeper than any conversation; a question that is deeper still is not looked into.
_DEEPEST = 40
_LETTERS_PER_TOKEN = 6


def texts(call: Call) -> tuple[str, str]:
    """Question and answer of a call, each as JSON."""
    asked = {key: value for key, value in call.question.items() if key not in _NO_QUESTION}
    return _json(asked), _json(_answer(call.answer))


def size_of(call: Call) -> int:
    """About how many letters the question and the answer of a call hold, found quickly."""
    answered = (
        call.answer.letters if isinstance(call.answer, Pieces) else _LETTERS_PER_TOKEN * (call.output_tokens or 0)
    )
    return _letters(call.question) + answered


def _letters(value: Any, depth: int = 0) -> int:
    if isinstance(value, str):
        return len(value)
    if depth > _DEEPEST:
        return 0
    if isinstance(value, dict):
        return sum(_letters(item, depth + 1) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_letters(item, depth + 1) for item in value)
    return 8


class Pieces:
    """The text of a stream, gathered while it comes, without the chunks that brought it."""

    def __init__(self) -> None:
        self.letters = 0
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: Any) -> None:
        """Take in what a chunk brings."""
        if isinstance(chunk, Message):
            self._add_event(chunk.data)
            return
        for choice in chunk.choices:
            whole = self._choices.setdefault(choice.index, _Choice())
            # A chat's choice has a delta, a text completion's has the text itself.
            delta = getattr(choice, "delta", choice)
            for name in ("content", "text", "reasoning_content", "refusal"):
                text = getattr(delta, name, None)
                if text and isinstance(text, str):
                    whole.texts.setdefault(name, []).append(text)
                    # The list's entry and the string have their own weight.
                    self.letters += len(text) + 60
            for piece in getattr(delta, "tool_calls", None) or ():
                whole.add_call(piece)
                self.letters += len(getattr(piece.function, "arguments", None) or "") + 60
            whole.finish = choice.finish_reason or whole.finish

    def _add_event(self, event: dict[str, Any]) -> None:
        """Each block of a message is a choice of its own here."""
        if event.get("type") not in ("content_block_start", "content_block_delta"):
            return
        whole = self._choices.setdefault(event["index"], _Choice())
        for name, text in (event.get("delta") or event.get("content_block") or {}).items():
            if text and name != "type" and isinstance(text, str):
                whole.texts.setdefault(name, []).append(text)
                self.letters += len(text) + 60

    def together(self) -> list[dict[str, Any]]:
        """The choices, each with all that came of it: as far as it came."""
        return [{"index": index, **self._choices[index].together()} for index in sorted(self._choices)]


class _Choice:
    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.calls: list[dict[str, Any]] = []
        self.finish: str | None = None

    def add_call(self, piece: Any) -> None:
        call = next((call for call in reversed(self.calls) if call["index"] == piece.index), None)
        # Some vendors give every call the same index; a new id is a new call.
        if call is None or (piece.id and call["id"] and piece.id != call["id"]):
            call = {"index": piece.index, "id": piece.id, "name": None, "arguments": []}
            self.calls.append(call)
        call["id"] = call["id"] or piece.id
        if piece.function is not None:
            call["name"] = call["name"] or piece.function.name
            call["arguments"].append(piece.function.arguments or "")

    def together(self) -> dict[str, Any]:
        whole: dict[str, Any] = {name: "".join(pieces) for name, pieces in self.texts.items()}
        if self.calls:
            whole["tool_calls"] = [
                {"id": call["id"], "name": call["name"], "arguments": "".join(call["arguments"])} for call in self.calls
            ]
        return {**whole, "finish_reason": self.finish}


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _EMBEDDED.sub(lambda found: f"{found[1]}… ({len(found[0]):,} letters)", text)


def _answer(answer: Any) -> Any:
    if isinstance(answer, Pieces):
        return answer.together()
    if isinstance(answer, Message):
        return answer.data.get("content")
    if isinstance(answer, BaseModel):
        # Vectors are no text.
        return answer.model_dump(exclude_none=True).get("choices")
    return answer
