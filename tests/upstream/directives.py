"""The directive language: what a test writes into a prompt to steer the reply.

A directive is ``[[name ...]]`` inside the last user message. Directives joined with `` & `` are one
step (parallel tool calls), steps joined with `` then `` follow one another in a chain. Anything in
double brackets whose name is not known is ordinary text, so documents may contain ``[[links]]``; a
known name with arguments that do not parse raises `DirectiveError`, so that a typing mistake in a
test is seen at once.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

FAULTS = ("error", "hang", "slow", "break", "midstream-error")
_OPENING = re.compile(r"\[\[(error|hang|slow|break|midstream-error|call|say)(?=\s|\]\])")
_JOINER = re.compile(r"\s+(&|then)\s+(?=\[\[)")


class DirectiveError(ValueError):
    """A known directive whose arguments cannot be read."""


@dataclass(frozen=True)
class Fault:
    """How the upstream shall misbehave instead of, or while, answering.

    `model` limits the fault to models whose name contains it, `times` to that many requests with
    this very text: retries and fallbacks need a fault that ends.
    """

    kind: str
    status: int = 0
    variant: str = ""
    retry_after: str | None = None
    chunks: int = 0
    model: str = ""
    times: int | None = None


@dataclass(frozen=True)
class Call:
    """One tool call that the model shall make."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Say:
    """A text that the model shall answer exactly."""

    text: str


Calls = tuple[Call, ...]
Step = Fault | Say | Calls
Chain = tuple[Step, ...]


@dataclass(frozen=True)
class Script:
    """All directives of one message, and the text that is left without them."""

    chains: tuple[Chain, ...]
    rest: str

    def fault(self, model: str, step: int, *, only_addressed: bool = False) -> Fault | None:
        """The fault that stands at `step` (tool-call rounds already made) for `model`, if any.

        With `only_addressed`, faults without ``model=`` are passed over: a guard or a judge reads the
        conversation of another model, whose directives are not meant for it.
        """
        for chain in self.chains:
            rounds = 0
            for item in chain:
                if isinstance(item, tuple):
                    rounds += 1
                elif isinstance(item, Fault) and rounds == step and item.model in model:
                    if only_addressed and not item.model:
                        continue
                    return item
        return None

    def chain(self) -> tuple[Say | Calls, ...]:
        """The chain to follow, faults left out; one that begins with calls goes before one that says."""
        plain = [tuple(s for s in chain if not isinstance(s, Fault)) for chain in self.chains]
        plain = [chain for chain in plain if chain]
        return next((c for c in plain if isinstance(c[0], tuple)), plain[0] if plain else ())


def parse(text: str) -> Script:
    """Reads every directive in `text`. Raises `DirectiveError` for one that is malformed."""
    chains: list[list[Step]] = []
    rest: list[str] = []
    joiner, position = "", 0
    while opening := _OPENING.search(text, position):
        if not joiner:
            rest.append(text[position : opening.start()])
        step, end = _directive(opening.group(1), text, opening.end())
        _append(chains, step, joiner)
        joined = _JOINER.match(text, end)
        known = joined and _OPENING.match(text, joined.end())
        joiner, position = (joined.group(1), joined.end()) if joined and known else ("", end)
    rest.append(text[position:])
    return Script(tuple(tuple(chain) for chain in chains), " ".join(" ".join(rest).split()))


def _append(chains: list[list[Step]], step: Step, joiner: str) -> None:
    if not joiner:
        chains.append([step])
    elif joiner == "then":
        chains[-1].append(step)
    else:
        previous = chains[-1][-1]
        if not isinstance(previous, tuple) or not isinstance(step, tuple):
            raise DirectiveError("only [[call ...]] directives can be joined with &")
        chains[-1][-1] = previous + step


def _directive(name: str, text: str, start: int) -> tuple[Step, int]:
    """Reads one directive whose arguments begin at `start`; returns it and where it ends."""
    if name == "call":
        return _call(text, start)
    end = text.find("]]", start)
    if end < 0:
        raise DirectiveError(f"[[{name} ... has no ]]")
    arguments = text[start:end]
    if name == "say":
        return Say(arguments[1:]), end + 2
    return _fault(name, arguments.split()), end + 2


def _call(text: str, start: int) -> tuple[Step, int]:
    # The JSON is decoded rather than cut at the first "]]": nested lists end in it as well.
    head = re.compile(r"\s+([^\s\]{]+)\s*").match(text, start)
    if head is None:
        raise DirectiveError("[[call needs a tool name")
    arguments: Any = {}
    position = head.end()
    if not text.startswith("]]", position):
        try:
            arguments, position = json.JSONDecoder().raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise DirectiveError(f"[[call {head.group(1)}: {error}") from None
    closing = re.compile(r"\s*\]\]").match(text, position)
    if closing is None or not isinstance(arguments, dict):
        raise DirectiveError(f"[[call {head.group(1)} needs one JSON object and then ]]")
    return (Call(head.group(1), arguments),), closing.end()


def _fault(kind: str, words: list[str]) -> Fault:
    options = dict(word.split("=", 1) for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    unknown = set(options) - {"retry-after", "model", "times"}
    wanted = {"error": (1, 2), "slow": (1, 1)}.get(kind, (0, 0))
    if unknown or not wanted[0] <= len(plain) <= wanted[1]:
        raise DirectiveError(f"[[{kind} {' '.join(words)}]] is not understood")
    try:
        number = int(plain[0]) if plain else 0
        times = int(options["times"]) if "times" in options else None
    except ValueError:
        raise DirectiveError(f"[[{kind} {' '.join(words)}]] needs a number") from None
    variant = plain[1] if len(plain) == 2 else ""
    if variant not in ("", "context", "content"):
        raise DirectiveError(f"[[error]] knows context and content, not {variant}")
    return Fault(
        kind=kind,
        status=number if kind == "error" else 0,
        variant=variant,
        retry_after=options.get("retry-after"),
        chunks=number if kind == "slow" else 0,
        model=options.get("model", ""),
        times=times,
    )
