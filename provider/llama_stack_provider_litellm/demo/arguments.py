"""Fill a JSON schema from a message: the arguments of a tool call, or a structured answer."""

import re
from collections.abc import Mapping
from typing import Any

from .finder import Finder, role
from .lexical import identifier_stems, stem, words

_DEPTH = 6


class Filler:
    """Fills one schema with what `finder` finds; `carried`, an earlier call's result, is the main text."""

    def __init__(self, finder: Finder, carried: str | None = None) -> None:
        self._finder, self._carried = finder, carried
        self._definitions: Mapping[str, Any] = {}

    def fill(self, schema: Mapping[str, Any], *, everything: bool = False) -> dict[str, Any]:
        """An object for `schema`: its required fields, and the optional ones that the message speaks of.

        With `everything` the optional ones too, as a structured answer has them.
        """
        self._definitions = schema.get("$defs") or schema.get("definitions") or {}
        return self._object(schema, everything, 0)

    def _object(self, schema: Mapping[str, Any], everything: bool, depth: int) -> dict[str, Any]:
        properties = {name: self._resolve(part) for name, part in (schema.get("properties") or {}).items()}
        required = set(properties) if everything else set(schema.get("required") or ())
        filled: dict[str, Any] = {}
        body = self._body_of(properties, required) if self._carried is not None and depth == 0 else None
        if body:
            filled[body], self._carried = self._carried, None
        # Fields that say what they want choose first: a free text takes what is left.
        for name in sorted(properties, key=lambda name: _rank(name, properties[name])):
            if name in filled:
                continue
            value = self._value(name, properties[name], name in required, everything, depth)
            if value is not None:
                filled[name] = value
        return {name: filled[name] for name in properties if name in filled}

    def _value(self, name: str, schema: Mapping[str, Any], needed: bool, everything: bool, depth: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"], needed)
        match _kind(schema):
            case "integer" | "number" as kind:
                return self._number(name, schema, kind, needed)
            case "boolean":
                return self._flag(name, schema, needed)
            case "array":
                return self._list(name, schema, needed, everything, depth)
            case "object":
                if depth > _DEPTH or not (needed or self._finder.mentions(name)):
                    return {} if needed else None
                return self._object(schema, everything, depth + 1)
            case "null":
                return None
        return self._string(name, schema, needed)

    def _resolve(self, schema: Any) -> Mapping[str, Any]:
        for _ in range(_DEPTH):
            if not isinstance(schema, Mapping):
                return {}
            if "$ref" in schema:
                schema = self._definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {})
            elif options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
                chosen: Mapping[str, Any] = next((option for option in options if option.get("type") != "null"), {})
                schema = {**{key: value for key, value in schema.items() if not key.endswith("Of")}, **chosen}
            else:
                return schema
        return {}

    def _body_of(self, properties: Mapping[str, Mapping[str, Any]], required: set[str]) -> str | None:
        strings = [name for name, part in properties.items() if _kind(part) == "string" and not part.get("enum")]
        for wanted in ("body", "query"):
            if found := next((name for name in strings if role(name) == wanted), None):
                return found
        unlabelled = [name for name in strings if role(name) != "label"]
        return next((name for name in reversed(unlabelled or strings) if name in required), None)

    def _choice(self, options: list[Any], needed: bool) -> Any:
        for text in (self._finder.clause, self._finder.whole):
            said = {stem(word) for word in words(text)}
            matching = [option for option in options if said >= (identifier_stems(str(option)) or {""})]
            if matching:
                return max(matching, key=lambda option: len(str(option)))
        return options[0] if needed else None

    def _number(self, name: str, schema: Mapping[str, Any], kind: str, needed: bool) -> int | float | None:
        value = self._finder.number(name, any_number=needed or self._finder.mentions(name))
        if value is None:
            return schema.get("default", 0) if needed else None
        value = max(value, schema.get("minimum", value))
        value = min(value, schema.get("maximum", value))
        return int(value) if kind == "integer" or value.is_integer() else value

    def _flag(self, name: str, schema: Mapping[str, Any], needed: bool) -> bool | None:
        said = words(self._finder.clause)
        at = next((at for at, word in enumerate(said) if stem(word) in identifier_stems(name)), None)
        if at is None:
            return bool(schema.get("default", False)) if needed else None
        return not {"not", "no", "without", "never", "false", "off"} & set(said[max(at - 2, 0) : at + 2])

    def _list(self, name: str, schema: Mapping[str, Any], needed: bool, everything: bool, depth: int) -> Any:
        if not (needed or self._finder.mentions(name)):
            return None
        items = self._resolve(schema.get("items") or {})
        if _kind(items) in ("integer", "number"):
            whole = _kind(items) == "integer"
            values = self._finder.numbers()
            return [int(value) if whole or value.is_integer() else value for value in values]
        if _kind(items) == "object":
            return [self._object(items, everything, depth + 1)] if depth <= _DEPTH else []
        if options := items.get("enum"):
            said = {stem(word) for word in words(self._finder.whole)}
            return [option for option in options if said >= identifier_stems(str(option))]
        if quoted := self._finder.quotations():
            return quoted
        listed = self._finder.after_name(name)
        parts = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", listed.strip(" .?!:"))
        return [part for part in parts if part]

    def _string(self, name: str, schema: Mapping[str, Any], needed: bool) -> str | None:
        value = self._finder.stated(name, schema.get("format") or "")
        if value is None and (needed or self._finder.mentions(name)):
            value = self._finder.leftover(name)
        if value is None and needed:
            value = schema.get("default") or self._finder.whole
        return value


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    return str(kind or ("object" if "properties" in schema else "string"))


def _rank(name: str, schema: Mapping[str, Any]) -> int:
    if _kind(schema) != "string" or schema.get("enum"):
        return 1
    return 2 if role(name) in ("body", "query") else 0
