"""What was asked and answered in a call, as text (``audit: full``)."""

from __future__ import annotations

import json
from typing import Any

from openai import BaseModel
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk

from .call import Call

_NO_QUESTION = ("stream_options", "greedy")


def texts(call: Call) -> tuple[str, str]:
    """Question and answer of a call, each as JSON."""
    asked = {key: value for key, value in call.question.items() if key not in _NO_QUESTION}
    return _json(asked), _json(_answer(call.answer))


def size_of(value: Any) -> int:
    """About how many letters a question holds, found quickly."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    return 8


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _answer(answer: Any) -> Any:
    if isinstance(answer, list):
        return _together(answer)
    if isinstance(answer, BaseModel):
        told = answer.model_dump(exclude_none=True)
        # Vectors are no text.
        return told.get("choices")
    return answer


def _together(chunks: list[Any]) -> list[dict[str, Any]]:
    """The choices of a stream, each with all that came of it: as far as it came."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            whole = choices.setdefault(choice.index, {"index": choice.index})
            if isinstance(chunk, ChatCompletionChunk):
                _add(whole, choice.delta.model_dump(exclude_none=True))
            elif isinstance(chunk, Completion):
                _add(whole, {"text": choice.text})
            if choice.finish_reason:
                whole["finish_reason"] = choice.finish_reason
    return [choices[index] for index in sorted(choices)]


def _add(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key == "tool_calls":
            calls = whole.setdefault(key, {})
            for piece in value:
                _add(calls.setdefault(piece.get("index", 0), {}), piece)
        elif isinstance(value, str) and key not in ("role", "type", "id"):
            whole[key] = whole.get(key, "") + value
        elif isinstance(value, dict):
            _add(whole.setdefault(key, {}), value)
        else:
            whole.setdefault(key, value)
