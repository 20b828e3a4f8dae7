"""The directive language: what a test writes into a prompt to steer the reply.

A directive is ``[[name ...]]`` inside the last user message. Directives joined with `` & `` are one
step (parallel tool calls), steps joined with `` then `` follow one another in a chain. Anything in
double brackets whose name is not known is ordinary text, so documents may contain ``[[links]]``; a
known name with arguments that do not parse raises `DirectiveError`, so that a typing mistake in a
test is seen at once.

============================  =========================================================================
``[[say TEXT]]``              the answer is TEXT; ``$result`` is the latest tool results
``[[call NAME JSON]]``        a tool call; without JSON its arguments are empty, as each vendor sends that
``[[error STATUS VARIANT]]``  an error; the variants are context, content and key, or none
``[[refuse]]``                a content filter ends the answer, which is empty or what ``[[say]]`` says;
                              ``[[refuse prompt]]`` blocks the prompt itself where a vendor tells the two apart
``[[hang]]``                  no answer
``[[slow N]]``                N content chunks with pauses
``[[break]]``                 the connection ends amid the answer
``[[midstream-error]]``       the stream sends two content chunks, then an error
============================  =========================================================================

All but say and call take ``model=``, ``times=`` and ``retry-after=`` (see `Fault`). Modifiers change an
answer whatever else stands in the message; they are in no chain and an echo leaves them out:

==================  ===================================================================================
``[[think TEXT]]``  the answer begins with TEXT as reasoning
``[[cached N]]``    N of the prompt's tokens are reported as read from the cache
``[[empty]]``       the stream also sends chunks without content
``[[bytes]]``       the stream is sent in pieces that cut through characters and events
==================  ===================================================================================
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

FAULTS = ("error", "hang", "slow", "break", "midstream-error", "refuse")
MODIFIERS = ("think", "cached", "empty", "bytes")
_VARIANTS = {"error": ("", "context", "content", "key"), "refuse": ("", "prompt")}
_OPENING = re.compile(rf"\[\[({'|'.join((*FAULTS, *MODIFIERS, 'call', 'say'))})(?=\s|\]\])")
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
    """One tool call that the model shall make; `arguments` of None are sent as the vendor sends none."""

    name: str
    arguments: dict[str, Any] | None


@dataclass(frozen=True)
class Say:
    """A text that the model shall answer exactly."""

    text: str


@dataclass(frozen=True)
class Modifiers:
    """What the message's modifiers ask for; `cached` counts tokens."""

    think: str = ""
    cached: int = 0
    empty: bool = False
    bytes: bool = False


Calls = tuple[Call, ...]
Step = Fault | Say | Calls
Chain = tuple[Step, ...]


@dataclass(frozen=True)
class Script:
    """All directives of one message.

    `rest` is the text that is left without them, `shown` the text without the modifiers only.
    """

    chains: tuple[Chain, ...]
    rest: str
    shown: str
    modifiers: Modifiers

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
    shown, modifiers = _modifiers(text)
    chains: list[list[Step]] = []
    rest: list[str] = []
    joiner, position = "", 0
    while opening := _OPENING.search(shown, position):
        if not joiner:
            rest.append(shown[position : opening.start()])
        step, end = _directive(opening.group(1), shown, opening.end())
        _append(chains, step, joiner)
        joined = _JOINER.match(shown, end)
        known = joined and _OPENING.match(shown, joined.end())
        joiner, position = (joined.group(1), joined.end()) if joined and known else ("", end)
    rest.append(shown[position:])
    words = " ".join(" ".join(rest).split())
    return Script(tuple(tuple(chain) for chain in chains), words, shown, modifiers)


def _modifiers(text: str) -> tuple[str, Modifiers]:
    """`text` without its modifiers, and what they ask for."""
    found: dict[str, Any] = {}
    kept: list[str] = []
    position = 0
    while opening := _OPENING.search(text, position):
        name, end = opening.group(1), opening.end()
        if name not in MODIFIERS:
            end = _directive(name, text, end)[1]
            kept.append(text[position:end])
        else:
            before = text[position : opening.start()]
            if re.search(r"\]\]\s+(&|then)\s+$", "".join(kept) + before):
                raise DirectiveError(f"[[{name}]] cannot be joined to a chain")
            arguments, end = _until_closed(name, text, end)
            found[name] = _modifier(name, arguments.strip())
            kept.append(before)
            end += len(text[end:]) - len(text[end:].lstrip())
        position = end
    if not found:
        return text, Modifiers()
    return "".join([*kept, text[position:]]).strip(), Modifiers(**found)


def _modifier(name: str, argument: str) -> str | int | bool:
    if name == "think" and argument:
        return argument
    if name == "cached" and argument.isdecimal():
        return int(argument)
    if name in ("empty", "bytes") and not argument:
        return True
    raise DirectiveError(f"[[{name} {argument}]] is not understood")


def _until_closed(name: str, text: str, start: int) -> tuple[str, int]:
    end = text.find("]]", start)
    if end < 0:
        raise DirectiveError(f"[[{name} ... has no ]]")
    return text[start:end], end + 2


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
    arguments, end = _until_closed(name, text, start)
    if name == "say":
        return Say(arguments[1:]), end
    return _fault(name, arguments.split()), end


def _call(text: str, start: int) -> tuple[Step, int]:
    # The JSON is decoded rather than cut at the first "]]": nested lists end in it as well.
    head = re.compile(r"\s+([^\s\]{]+)\s*").match(text, start)
    if head is None:
        raise DirectiveError("[[call needs a tool name")
    arguments: Any = None
    position = head.end()
    if not text.startswith("]]", position):
        try:
            arguments, position = json.JSONDecoder().raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise DirectiveError(f"[[call {head.group(1)}: {error}") from None
    closing = re.compile(r"\s*\]\]").match(text, position)
    if closing is None or not isinstance(arguments, dict | None):
        raise DirectiveError(f"[[call {head.group(1)} needs one JSON object and then ]]")
    return (Call(head.group(1), arguments),), closing.end()


def _fault(kind: str, words: list[str]) -> Fault:
    options = dict(word.split("=", 1) for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    numbers = [plain.pop(0)] if kind in ("error", "slow") and plain else []
    variant = plain.pop(0) if plain else ""
    unknown = set(options) - {"retry-after", "model", "times"}
    if unknown or plain or variant not in _VARIANTS.get(kind, ("",)) or (kind in ("error", "slow") and not numbers):
        raise DirectiveError(f"[[{kind} {' '.join(words)}]] is not understood")
    try:
        number = int(numbers[0]) if numbers else 0
        times = int(options["times"]) if "times" in options else None
    except ValueError:
        raise DirectiveError(f"[[{kind} {' '.join(words)}]] needs a number") from None
    return Fault(
        kind=kind,
        status=number if kind == "error" else 0,
        variant=variant,
        retry_after=options.get("retry-after"),
        chunks=number if kind == "slow" else 0,
        model=options.get("model", ""),
        times=times,
    )
