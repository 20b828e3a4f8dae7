"""Takes secrets out of text before anybody reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_MARK = "[redacted]"
# A configured value under such a key is a secret, and so is an environment variable of such a name.
_SECRET_KEY = re.compile(r"key|secret|password|passwd|token|credential|auth|cookie", re.I)
_SECRET_VARIABLE = re.compile(r"(?:_API_KEY|_KEY|_TOKEN|_SECRET\w*|_PASSWORD)$")
_HEADERS = frozenset({"headers", "extra_headers", "default_headers"})
# What looks like a key, wherever it comes from: a vendor may repeat what it was sent.
_SHAPES = re.compile(
    r"(?i:\b(bearer|basic)\s+)[^\s'\",;)}\]]+|\bsk-[A-Za-z0-9_-]{8,}|\bAIza[A-Za-z0-9_-]{35}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    # A key's hash, by which LiteLLM Proxy knows it.
    r"|(?<=api_key: )[0-9a-f]{64}\b"
)
# A shorter value would blot out innocent words.
_LEAST_LETTERS = 6


@lru_cache(maxsize=4096)
def without_keys(name: str) -> str:
    """A short text, over and over the same, without what looks like a key."""
    return _without_shapes(name)


def _without_shapes(text: str) -> str:
    return _SHAPES.sub(lambda found: f"{found[1]} {_MARK}" if found[1] else _MARK, text)


class Redactor:
    """Replaces the secrets of a configuration and of the environment, and what has the shape of one."""

    def __init__(self, *documents: Any) -> None:
        secrets = {secret for document in documents for secret in _secrets(document)}
        secrets |= {value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)}
        # Longest first: one secret may be a part of another.
        known = sorted((value for value in secrets if len(value) >= _LEAST_LETTERS), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(_MARK, text)
        return _without_shapes(text)


def _secrets(value: Any, *, secret: bool = False) -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            inside = secret or str(key).lower() in _HEADERS or bool(_SECRET_KEY.search(str(key)))
            yield from _secrets(item, secret=inside)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, secret=secret)
    elif secret and isinstance(value, str):
        yield value
