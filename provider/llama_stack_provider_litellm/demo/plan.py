"""Which of the offered tools a message asks for, and in what order.

A message is cut into clauses (sentences, "and", "then"); a clause asks for a tool when it shares words with
the tool's name and description. A clause that refers back ("save it", "then …") waits for the result of the
one before.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .finder import URL, role
from .lexical import STOPWORDS, begins_as_question, identifier_stems, is_question, stem, words

SEARCH_TOOLS = frozenset({"knowledge_search", "file_search"})
"""Retrieval tools: called for every question that no other tool fits better."""

_SHIELDED = re.compile(r"\"[^\"]*\"|\u201c[^\u201d]*\u201d|`[^`]*`|(?<!\w)'[^'\n]*'(?!\w)|" + URL.pattern, re.I)
_CUT = re.compile(
    r"(?<=[.?!])\s+|;\s*|\n+|,?\s+(?:and\s+then|and\s+also|and|then|after\s+that)\s+|,\s*(?=then\b)", re.I
)
_REFERS_BACK = re.compile(
    r"\b(?:it|its|that|this|them|those|the (?:result|answer|text|content|page|document)s?)\b", re.I
)
_THEN = re.compile(r"\b(?:then|after that|afterwards)\b", re.I)
_LISTED = re.compile(r"^(?:(?:in|for|at|of|to|from)\s+)?([A-Z][\w'\u2019-]*(?:\s+[A-Z][\w'\u2019-]*){0,3})\W*$")
# Verbs that fit any tool: they do not make a message ask for one.
_WEAK = frozenset(
    map(stem, ("get", "set", "do", "make", "run", "call", "use", "give", "tell", "show", "tool", "function"))
)
_NAME_WEIGHT, _DESCRIPTION_WEIGHT, _WEAK_WEIGHT, _ENOUGH = 2.0, 1.0, 0.5, 2.0


@dataclass(frozen=True)
class Tool:
    """A function that the caller offers."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    weights: Mapping[str, float] = field(repr=False)

    @property
    def required(self) -> list[str]:
        """Names of the parameters that a call must have."""
        return list(self.parameters.get("required") or ())


@dataclass(frozen=True)
class Step:
    """One tool call that the message asks for."""

    tool: Tool
    clause: str
    """The part of the message that asks for it."""
    whole: str
    """Where to look for what the clause does not say."""
    waits: bool
    """Whether it needs the result of the step before."""


def read_tools(tools: Sequence[Mapping[str, Any]] | None) -> list[Tool]:
    """Tools in OpenAI's form (`{"type": "function", "function": {…}}`); others are left out."""
    functions = [tool["function"] for tool in tools or () if tool.get("type") == "function" and tool.get("function")]
    return [
        Tool(
            name=function["name"],
            description=function.get("description") or "",
            parameters=function.get("parameters") or {},
            weights=_weights(function["name"], function.get("description") or ""),
        )
        for function in functions
    ]


def plan(text: str, tools: Sequence[Tool]) -> list[Step]:
    """The calls that `text` asks for, in order; empty when it asks for none."""
    steps: list[Step] = []
    for clause, then in _clauses(text):
        last = steps[-1] if steps else None
        tool = _fitting(clause, tools) or _search(clause, tools, steps)
        if tool is not None:
            waits = last is not None and (then or bool(_REFERS_BACK.search(clause)) or _lacks_body(tool, clause))
            steps.append(Step(tool, clause, text, waits))
        elif last and (listed := _LISTED.match(clause)) and _takes_one_name(last.tool):
            named = f"in {listed[1]}"
            steps.append(Step(last.tool, named, named, waits=False))
        elif last:
            steps[-1] = replace(last, clause=f"{last.clause} and {clause}")
    if not steps and (tool := _fitting(text, tools)):
        return [Step(tool, text, text, waits=False)]
    if len(steps) == 1:
        return [replace(steps[0], clause=text)]
    # A search gets its own part of a message that asks for more than the search.
    return [replace(step, whole=step.clause) if step.tool.name in SEARCH_TOOLS else step for step in steps]


def best(text: str, tools: Sequence[Tool]) -> Tool:
    """The tool that fits best, for a caller who insists on a call."""
    closest = max(tools, key=lambda tool: _score(_stem_set(text), tool))
    return _fitting(text, tools) or _search(text, tools, ()) or closest


def _search(clause: str, tools: Sequence[Tool], steps: Sequence[Step]) -> Tool | None:
    """The retrieval tool, for a question; later clauses are questions only by their first word."""
    search = next((tool for tool in tools if tool.name in SEARCH_TOOLS), None)
    if search is None or search in (step.tool for step in steps):
        return None
    return search if begins_as_question(clause) or (not steps and is_question(clause)) else None


def _fitting(clause: str, tools: Sequence[Tool]) -> Tool | None:
    said = _stem_set(clause)
    shared = {found: sum(found in tool.weights for tool in tools) for found in said}
    candidates = [tool for tool in tools if _score(said, tool) >= _ENOUGH]
    # What every tool has says least; and among equals the one of whose name less was left unsaid.
    ranked = sorted(
        candidates,
        key=lambda tool: (
            -sum(weight / shared[found] for found, weight in tool.weights.items() if found in said),
            len(identifier_stems(tool.name) - said),
        ),
    )
    return ranked[0] if ranked else None


def _score(said: set[str], tool: Tool) -> float:
    return sum(weight for found, weight in tool.weights.items() if found in said)


def _weights(name: str, description: str) -> dict[str, float]:
    weights = {stem(word): _DESCRIPTION_WEIGHT for word in words(description) if word not in STOPWORDS}
    weights |= dict.fromkeys(identifier_stems(name), _NAME_WEIGHT)
    return {found: _WEAK_WEIGHT if found in _WEAK else weight for found, weight in weights.items()}


def _stem_set(text: str) -> set[str]:
    # A quotation is what the tool should work on, not what it should do.
    outside = _SHIELDED.sub(" ", text)
    return {stem(word) for word in words(outside) if word not in STOPWORDS}


def _lacks_body(tool: Tool, clause: str) -> bool:
    """Whether the tool wants a text that the clause does not hold, so that only a result can be meant."""
    wants = any(role(name) == "body" for name in tool.required)
    return wants and ": " not in clause and not _SHIELDED.search(clause)


def _takes_one_name(tool: Tool) -> bool:
    properties = tool.parameters.get("properties") or {}
    needed = [name for name in properties if name in tool.required] or list(properties)
    return (
        len(needed) == 1 and properties[needed[0]].get("type") == "string" and role(needed[0]) not in ("body", "query")
    )


def _clauses(text: str) -> list[tuple[str, bool]]:
    """Each clause, and whether a "then" stands before or in it."""
    shields = [found.span() for found in _SHIELDED.finditer(text)]
    clauses: list[tuple[str, bool]] = []
    start, joint = 0, ""
    for cut in _CUT.finditer(text):
        if any(begin < cut.end() and cut.start() < end for begin, end in shields):
            continue
        clauses.append((text[start : cut.start()].strip(), bool(_THEN.search(joint + text[start : cut.start()]))))
        start, joint = cut.end(), cut.group()
    clauses.append((text[start:].strip(), bool(_THEN.search(joint + " " + text[start:]))))
    return [(clause, waits) for clause, waits in clauses if clause]
