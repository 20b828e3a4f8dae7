"""What an answer is billed for: the tokens that its usage tells, whichever vendor's form that has."""

from __future__ import annotations

from .schema import Json

NONE = (0, 0)


def tokens(answer: Json) -> tuple[int, int]:
    """Those of the prompt, cached ones included, and of the answer, reasoning included."""
    if told := answer.get("usageMetadata"):
        return told["promptTokenCount"], told.get("candidatesTokenCount", 0) + told.get("thoughtsTokenCount", 0)
    told = answer.get("usage") or {}
    if "input_tokens" in told:
        cached = told.get("cache_read_input_tokens", 0) + told.get("cache_creation_input_tokens", 0)
        return told["input_tokens"] + cached, told["output_tokens"]
    return told.get("prompt_tokens", 0), told.get("completion_tokens", 0)
