"""The judge: finds the expected and the given answer in a prompt and compares their words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .lexical import stem, stems, words
from .messages import Message, last_text

LABEL = "(demo judge, not an AI)"

_LABELS = {
    "expected": r"expected(?:[ _](?:answer|response|output|result))?|ground[ _]truth|target"
    r"|(?:gold|correct|true|reference|ideal)(?:[ _](?:target|answer|response))?",
    "answer": r"(?:predicted|generated|given|actual|candidate|submitted|(?:model|student|assistant)(?:'s)?)"
    r"[ _](?:answer|response|output)|prediction|candidate|submission|answer|response|output",
    "question": r"(?:input[ _])?(?:question|query)|user[ _]query|input",
}
_LABEL = (
    r"[ \t>*_#(\[]*(?:the[ ])?(?:"
    + "|".join(f"(?P<{key}>{names})" for key, names in _LABELS.items())
    + r")[ \t*_)\]]*:[*_]*[ \t]*"
)
# Where a template goes on after the last answer.
_INSTRUCTION = (
    r"\W*(?:reply|respond|return|rate|grade|score|judge|compare|give|output|provide|assign|evaluate|decide|say|write"
    r"|please|now|how|is (?:it|the|this|that)|does (?:it|the|this|that)|your|just|on a scale|use|end|finish)\b|```"
)
# A template has its labels at the beginnings of lines; only when it has none there, at those of sentences.
_LAYOUTS = tuple(
    (re.compile(rf"{begin}(?:{_LABEL})", re.I | re.M), re.compile(rf"{begin}(?:{_INSTRUCTION})", re.I | re.M))
    for begin in ("^", r"(?:^|(?<=[.,;!?]\s))")
)
_FIRST_WORD = re.compile(r"\S*")
_OPTION = re.compile(r"^\s*\(?([A-F])[):.]\s+(.+)$", re.M)
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|\u2013|to|and|\.\.)\s*(\d+(?:\.\d+)?)", re.I)
_SCORE_LABEL = re.compile(r"\b(final score|total rating|final rating|score|rating|grade|verdict)\s*(?::|=)", re.I)
_NOT_ATTEMPTED = re.compile(
    r"\b(?:don't know|do not know|not sure|cannot answer|can't answer|no idea|unable to)\b", re.I
)
_PAIRS = (("CORRECT", "INCORRECT"), ("PASS", "FAIL"), ("YES", "NO"), ("TRUE", "FALSE"))


@dataclass(frozen=True)
class Comparison:
    """How far an answer agrees with the expected one."""

    share: float
    """The share of the expected words that the answer has, 0 to 1."""
    exact: bool
    """Whether the answer has no word besides."""
    attempted: bool

    @property
    def verdict(self) -> str:
        """`correct`, `incorrect` or `not attempted`."""
        if not self.attempted:
            return "not attempted"
        return "correct" if self.share >= 0.8 else "incorrect"


def judge(messages: Sequence[Message]) -> str:
    """The verdict in the form that the prompt asks for: a letter, a word, or a line ending in `Score: N`."""
    prompt = last_text(messages)
    fields, frame = _read(prompt)
    if "expected" not in fields or "answer" not in fields:
        return f"{LABEL} The prompt holds no expected and generated answer to compare. {_score(0.0, frame)}"
    comparison = compare(fields["expected"], fields["answer"], fields.get("question", ""))
    options = dict(_OPTION.findall(frame))
    if letter := _letter(options, comparison):
        if re.search(r"\bjust\b|\bonly\b|no text around", frame, re.I) and "xplanation" not in frame:
            return letter
        return f"Answer: {letter}, Explanation: {LABEL.lower()} {_explain(comparison).lower()}"
    word = _word(frame, comparison)
    return f"{LABEL} {_explain(comparison)} {word or _score(comparison.share, frame)}"


def compare(expected: str, answer: str, question: str = "") -> Comparison:
    """Compare by stems. Words of the question prove nothing and are left out if others remain."""
    asked = set(stems(question))
    given = {stem(word) for word in words(answer)}
    wanted = set(stems(expected)) or {stem(word) for word in words(expected)}
    wanted = wanted - asked or wanted
    share = len(wanted & given) / len(wanted) if wanted else float(not given)
    if {word for word in wanted - given if word.isdigit()}:
        share /= 2
    attempted = bool(given) and (share > 0 or not _NOT_ATTEMPTED.search(answer))
    return Comparison(share, exact=not set(stems(answer)) - asked - wanted, attempted=attempted)


def _read(prompt: str) -> tuple[dict[str, str], str]:
    """The last labelled value of each kind, and the prompt without them."""
    for label_pattern, instruction_pattern in _LAYOUTS:
        fields: dict[str, tuple[int, int, int]] = {}
        labels = list(label_pattern.finditer(prompt))
        ends = [label.start() for label in labels[1:]] + [len(prompt)]
        for label, end in zip(labels, ends, strict=False):
            # An answer may itself begin like an instruction: its first word is always taken.
            after = _FIRST_WORD.match(prompt, label.end())
            if after and (instruction := instruction_pattern.search(prompt, after.end(), end)):
                end = instruction.start()
            fields[str(label.lastgroup)] = (label.start(), label.end(), end)
        if {"expected", "answer"} <= fields.keys():
            break
    frame = prompt
    for begin, _, end in sorted(fields.values(), reverse=True):
        frame = frame[:begin] + frame[end:]
    return {kind: prompt[begin:end].strip() for kind, (_, begin, end) in fields.items()}, frame


def _letter(options: dict[str, str], comparison: Comparison) -> str | None:
    """The option, if the prompt lists some, whose text is the verdict."""
    found = {text.strip().lower().rstrip("."): letter for letter, text in options.items()}
    plain = {re.sub(r"[^a-z]+", " ", text).strip(): letter for text, letter in found.items()}
    if comparison.verdict in plain:
        return plain[comparison.verdict]
    if "correct" in plain and "incorrect" in plain:
        return plain["incorrect"]
    # The closed question on factuality of autoevals, which Llama Stack's documentation uses.
    if comparison.share >= 0.8:
        wanted = "same details" if comparison.exact else "superset"
    else:
        wanted = "subset" if comparison.share > 0 and comparison.exact else "disagreement"
    return next((letter for text, letter in plain.items() if wanted in text), None)


def _word(frame: str, comparison: Comparison) -> str | None:
    if _RANGE.search(frame) or _SCORE_LABEL.search(frame):
        return None
    for good, bad in _PAIRS:
        asked = re.search(rf"\b{good}\b.*\b{bad}\b", frame, re.I | re.S)
        if asked:
            word = good if comparison.verdict == "correct" else bad
            return word if asked.group().startswith(good) else word.lower()
    return None


def _score(share: float, frame: str) -> str:
    label = _SCORE_LABEL.findall(frame)
    bounds = _RANGE.findall(frame)
    low, high = (float(bound) for bound in bounds[-1]) if bounds else (0.0, 10.0)
    value = low + share * (high - low)
    shown = f"{value:.2f}" if high - low <= 1 else f"{value:.0f}"
    return f"{label[-1] if label else 'Score'}: {shown}"


def _explain(comparison: Comparison) -> str:
    # No digits and no capitals but the first: the score is found by a pattern, and the first match counts.
    if not comparison.attempted:
        return "The answer does not try."
    amounts = ((1.0, "all"), (0.5, "most"), (0.001, "some"), (0.0, "none"))
    amount = next(amount for least, amount in amounts if comparison.share >= least)
    return f"The answer has {amount} of the expected words."
