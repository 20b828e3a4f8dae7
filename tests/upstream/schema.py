"""Builds an instance of a JSON schema from the words and numbers of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, cycle, repeat
from typing import Any

Json = dict[str, Any]
_DEEPEST = 8


def instance(schema: Json, text: str) -> Any:
    """A value that fits `schema`: strings are the successive words of `text` (again from the start when
    they run out, numbers left out), integers and numbers the numbers found in it (0 when they run out),
    an enum the first option that occurs in it, a boolean whether it says true or yes, an array one item.
    """
    return _Builder(schema, text).build(schema, 0)


class _Builder:
    def __init__(self, root: Json, text: str) -> None:
        self.root = root
        self.text = text
        words = re.findall(r"[^\W\d_][\w'-]*", text)
        self.words: Iterator[str] = cycle(words) if words else repeat("")
        self.numbers: Iterator[str] = chain(re.findall(r"-?\d+(?:\.\d+)?", text), repeat("0"))

    def build(self, schema: Json, depth: int) -> Any:
        schema = self._resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choose(schema["enum"])
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        if kind == "object":
            if depth > _DEEPEST:
                return {}
            return {name: self.build(part, depth + 1) for name, part in schema.get("properties", {}).items()}
        if kind == "array":
            # A schema that contains itself ends here instead of never.
            count = 0 if depth > _DEEPEST else max(1, int(schema.get("minItems", 1)))
            return [self.build(schema.get("items") or {}, depth + 1) for _ in range(count)]
        return self._scalar(kind)

    def _scalar(self, kind: str) -> Any:
        match kind:
            case "integer":
                return int(float(next(self.numbers)))
            case "number":
                return float(next(self.numbers))
            case "boolean":
                return bool(re.search(r"\b(true|yes)\b", self.text, re.IGNORECASE))
            case "null":
                return None
        return next(self.words)

    def _resolve(self, schema: Json) -> Json:
        """Follows references and takes the first alternative that is not null."""
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                target: Any = self.root
                for key in schema["$ref"].removeprefix("#").strip("/").split("/"):
                    target = target[key] if key else target
                schema = target
                continue
            options = schema.get("anyOf") or schema.get("oneOf")
            if options:
                schema = next((o for o in options if o.get("type") != "null"), options[0])
            elif schema.get("allOf"):
                schema = {k: v for part in schema["allOf"] for k, v in self._resolve(part).items()}
            else:
                break
        return schema

    def _choose(self, options: list[Any]) -> Any:
        present = (o for o in options if re.search(rf"\b{re.escape(str(o))}\b", self.text, re.IGNORECASE))
        return next(present, options[0])
