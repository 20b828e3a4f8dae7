"""Find in a message what belongs into a field of a given name: `Paris` for `city`, an address for `url`."""

import re
from collections import Counter
from collections.abc import Collection, Iterator

from .lexical import STOPWORDS, identifier_stems, is_question, stem, stems, words

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?!\w)")
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|`([^`]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]*[^\s\"'<>.,;:!?)\]]", re.I)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?\b")
_PATH = re.compile(r"(?<!\S)(?:[~.\w-]*/)*[\w-]+\.[a-z][a-z0-9]{0,4}(?![\w/])|(?<!\S)[~.]?(?:/[\w.-]+)+")
_NAMED = (
    r"\b(?:as|named|called|titled|under|entitled)\s+"
    r"(?:(?:the|a|an|new|note|file|document|name|title|key|named|called|titled)\s+)*"
)
_BARE = r"([\w./-]*\w)"
_PLACE = re.compile(
    r"\b(?:in|at|for|near|around|to|from|of)\s+(?:the\s+)?([A-Z][\w'\u2019-]*(?:[\s-]+[A-Z][\w'\u2019-]*)*)"
)
_LOWER_PLACE = re.compile(r"\b(?:in|at|for|near)\s+(?:the\s+)?([^\W\d_][\w'\u2019-]*)")
_CAPITAL = re.compile(r"(?<!^)(?<![.!?]\s)\b([A-Z][\w'\u2019-]*(?:\s+[A-Z][\w'\u2019-]*)*)")
_TOPIC = re.compile(
    r"\b(?:about|for|regarding|on|of)\s+(?:the\s+)?(.+?)(?=\s+(?:in|at|for|as|with|to|by)\s|[.?!,]|$)", re.I
)

_PATTERNS = (
    (frozenset({"url", "uri", "link", "href", "endpoint", "website"}), URL),
    (frozenset({"email", "mail", "recipient"}), _EMAIL),
    (frozenset({"date", "day", "datetim", "deadlin"}), _DATE),
    (frozenset({"path", "fil", "filenam"}), _PATH),
)
_ROLES = {
    **dict.fromkeys(map(stem, ("name", "title", "key", "filename", "file", "path", "id", "label")), "label"),
    **dict.fromkeys(map(stem, ("text", "content", "body", "value", "data", "message", "input", "note")), "body"),
    **dict.fromkeys(map(stem, ("query", "question", "prompt", "search", "q")), "query"),
    **dict.fromkeys(map(stem, ("city", "location", "place", "country", "town", "region", "destination")), "place"),
}


def role(name: str) -> str:
    """What a field of this name is for: `label`, `body`, `query`, `place` or nothing of these."""
    parts = [stem(word) for word in words(name.replace("_", " "))]
    return next((_ROLES[part] for part in reversed(parts) if part in _ROLES), "")


class Finder:
    """Reads one message for the fields of one call; what has gone into one field is not used for the next.

    `clause` is the part of the message that asks for the call, `whole` the message; `known` holds stems that
    ask for the call and so are no argument of it.
    """

    def __init__(self, clause: str, whole: str, known: Collection[str] = frozenset()) -> None:
        self.clause, self.whole = clause, whole
        self._known = frozenset(known)
        self._used: set[str] = set()
        self._numbers_taken: Counter[str] = Counter()

    def mentions(self, name: str) -> bool:
        """Whether the clause speaks of the field."""
        return bool(identifier_stems(name) & set(stems(self.clause)))

    def number(self, name: str, *, any_number: bool) -> float | None:
        """A number beside the field's name; with `any_number` else the next one that is free."""
        spaced, number = _spaced(name), NUMBER.pattern
        beside = (rf"\b{spaced}\b\s*(?:[:=]|is\b|of\b|to\b)?\s*({number})", rf"({number})\s+{spaced}s?\b")
        patterns = [re.compile(pattern, re.I) for pattern in beside] + ([NUMBER] if any_number else [])
        for pattern in patterns:
            for text in (self.clause, self.whole):
                for found in pattern.finditer(text):
                    # By place: in "add 4 and 4" there are two.
                    if self._numbers_taken[_value(found)] <= _before(found, text):
                        self._numbers_taken[_value(found)] += 1
                        return float(_value(found))
        return None

    def numbers(self) -> list[float]:
        """All numbers of the clause."""
        return [float(value) for value in _values(NUMBER, self.clause)]

    def quotations(self) -> list[str]:
        """All free quotations of the clause."""
        found = [value for value in _values(_QUOTED, self.clause) if value not in self._used]
        self._used.update(found)
        return found

    def after_name(self, name: str) -> str:
        """What follows the field's name, or a colon, else the clause."""
        found = re.search(rf"\b{_spaced(name)}\b\W*(.+)", self.clause, re.I | re.S)
        return found[1] if found else self.clause.partition(":")[2] or self.clause

    def stated(self, name: str, form: str = "") -> str | None:
        """What the message gives to a text field by its name or its form (`uri`, `date` …)."""
        hints = identifier_stems(name) | {stem(form.lower())}
        for wanted, pattern in _PATTERNS:
            if hints & wanted and (found := self._next(pattern, self.clause, self.whole)):
                return found
        kind = role(name)
        if found := self._labelled(name, _QUOTED.pattern):
            return found
        if kind not in ("body", "query") and (found := self._labelled(name, _BARE)):
            return found
        if kind == "label":
            return self._take(re.search(_NAMED + f"(?:{_QUOTED.pattern}|{_BARE})", self.clause, re.I))
        if kind == "place":
            return (
                self._next(_PLACE, self.clause)
                or self._next(_CAPITAL, self.clause)
                or self._next(_PLACE, self.whole)
                or self._next(_LOWER_PLACE, self.clause)
                or self._next(_CAPITAL, self.whole)
            )
        return None

    def leftover(self, name: str) -> str | None:
        """What no other field has claimed."""
        kind = role(name)
        # A question is asked as a whole, whatever it quotes.
        if kind == "query" and is_question(self.clause):
            return None
        if found := self._next(_QUOTED, self.clause, self.whole):
            return found
        if kind == "body":
            return self.clause.partition(": ")[2].strip() or None
        if kind == "query":
            return None
        return (
            self._next(URL, self.clause, self.whole)
            or self._next(_CAPITAL, self.clause)
            or self._take(_TOPIC.search(self.clause))
            or self._unknown_word()
        )

    def _unknown_word(self) -> str | None:
        """The last telling word that does not ask for the call: `zorp` in `fetch the page zorp`."""
        for word in reversed(re.findall(_BARE, self.clause)):
            if self._free(word) and not self._known & set(stems(word)):
                self._used.add(word)
                return str(word)
        return None

    def _labelled(self, name: str, pattern: str) -> str | None:
        """A value that stands after the field's name: `city: Paris`, `city=Paris`, `the city "Paris"`."""
        for joint in (r"\s*[:=]\s*", r"\s+(?:is\s+|of\s+|to\s+)?"):
            for found in re.finditer(rf"\b{_spaced(name)}\b{joint}({pattern})", self.clause, re.I):
                value = next((group for group in found.groups()[1:] if group is not None), found[1])
                if self._free(value):
                    self._used.add(value)
                    return value
        return None

    def _next(self, pattern: re.Pattern[str], *texts: str) -> str | None:
        for text in texts:
            for value in _values(pattern, text):
                if self._free(value):
                    self._used.add(value)
                    return value
        return None

    def _take(self, found: re.Match[str] | None) -> str | None:
        value = _value(found) if found else None
        if value is None or not self._free(value):
            return None
        self._used.add(value)
        return value

    def _free(self, value: str) -> bool:
        return value not in self._used and any(word not in STOPWORDS for word in words(value))


def _before(found: re.Match[str], text: str) -> int:
    """How often the same number stands in `text` before this one."""
    at = found.start(1) if found.re.groups else found.start()
    return list(_values(NUMBER, text[:at])).count(_value(found))


def _spaced(name: str) -> str:
    return r"[\s_-]".join(re.escape(part) for part in re.split(r"[_\s-]+", name) if part)


def _values(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    return (_value(found) for found in pattern.finditer(text))


def _value(found: re.Match[str]) -> str:
    return next((group for group in found.groups() if group is not None), found.group())
