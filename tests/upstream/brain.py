"""Decides the reply, whatever the vendor: everything it says comes from the request.

The order: a guard or judge model gives its verdict; then directives; then a forced tool; then a
search tool for a question; then an instance of the asked-for schema; else an echo of what arrived.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

from . import directives, lexical, verdicts
from .directives import Call, Fault, Modifiers, Say, Script
from .schema import Json, instance

_MODEL_VERDICTS = ("guard", "judge")


@dataclass(frozen=True)
class Message:
    """One message; `role` is user, assistant or tool, `images` are 12-digit digests, `calls` tool names."""

    role: str
    text: str = ""
    images: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tool:
    """A tool that the request offers; `parameters` is its JSON schema."""

    name: str
    parameters: Json
    description: str = ""


@dataclass(frozen=True)
class Ask:
    """A request without its vendor's form.

    `force` is a tool's name, ``*`` for any tool, or None when the model is free. `max_tokens` counts
    words. `style` is the first word of an echo: ``echo`` for chat, ``text`` for legacy completions.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    force: str | None = None
    schema: Json | None = None
    json_object: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    style: str = "echo"

    @property
    def question(self) -> str:
        """The text of the last user message."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def turn(self) -> tuple[Message, ...]:
        """What came after the last user message."""
        last = max((i for i, m in enumerate(self.messages) if m.role == "user"), default=-1)
        return self.messages[last + 1 :]

    @property
    def rounds(self) -> int:
        """How many assistant messages with tool calls this turn already has."""
        return sum(1 for m in self.turn if m.calls)

    @property
    def verdict_only(self) -> bool:
        """Whether the model judges other conversations, so that directives in them are not for it."""
        return any(name in self.model for name in _MODEL_VERDICTS)


@dataclass(frozen=True)
class ToolCall:
    """A tool call in a reply; each wire gives the id its vendor's prefix. `arguments` of None are no arguments."""

    name: str
    arguments: Json | None
    id: str = field(default_factory=lambda: uuid4().hex[:24])

    @property
    def json(self) -> str:
        """The arguments as text, the empty one for none."""
        return "" if self.arguments is None else json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Reply:
    """What to answer. `finish` is stop, length, tool_calls or content_filter; usage is in words (tokens of this world).

    `thinking` precedes the text and counts in `completion_tokens`; `cached` of `prompt_tokens` come from the
    cache; with `empty` a stream also has chunks without content.
    """

    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    stop_sequence: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: int = 0
    empty: bool = False

    @property
    def reasoning_tokens(self) -> int:
        """The words of the reasoning."""
        return len(self.thinking.split())


def modifiers_of(ask: Ask) -> Modifiers:
    """What the last user message asks for besides its answer."""
    return Modifiers() if ask.verdict_only else directives.parse(ask.question).modifiers


def fault_of(ask: Ask) -> Fault | None:
    """The fault that the last user message asks for at this point of the turn."""
    script = directives.parse(ask.question)
    return script.fault(ask.model, ask.rounds, only_addressed=ask.verdict_only)


def decide(ask: Ask, fault: Fault | None = None) -> Reply:
    """The reply to `ask`; a `fault` that streams gets a text of as many words as it needs chunks."""
    prompt = len(ask.system.split()) + sum(len(m.text.split()) for m in ask.messages)
    if fault is not None and fault.kind == "refuse":
        reply = Reply(_said(ask), finish="content_filter")
    elif fault is not None:
        words = _echo(ask).split()
        count = fault.chunks or max(4, len(words))
        reply = _limit(ask, Reply(" ".join(islice(cycle(words), count))))
    else:
        answer = _answer(ask)
        reply = _limit(ask, Reply(answer)) if isinstance(answer, str) else Reply(calls=answer, finish="tool_calls")
    modifiers = modifiers_of(ask)
    said = reply.text + " ".join(f"{c.name} {c.json} " for c in reply.calls)
    # Legacy completions have no place for reasoning.
    reply = replace(reply, thinking=modifiers.think if ask.style == "echo" else "")
    return replace(
        reply,
        prompt_tokens=prompt,
        completion_tokens=reply.reasoning_tokens + len(said.split()),
        cached=min(modifiers.cached, prompt),
        empty=modifiers.empty,
    )


def pieces(text: str) -> list[str]:
    """`text` word by word, white space kept in front of each word, as tokens usually have it."""
    return re.findall(r"\s*\S+(?:\s+$)?", text) or ([text] if text else [])


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list, one per line."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if _is_text(part))


def result_text(content: Any) -> str:
    """The text of a tool result, which a host may also wrap as JSON text parts inside a string."""
    text = text_of(content)
    try:
        inner = json.loads(text) if text.lstrip().startswith(("[", "{")) else None
    except ValueError:
        return text
    parts = inner if isinstance(inner, list) else [inner]
    return text_of(parts) if parts and all(_is_text(part) for part in parts) else text


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _answer(ask: Ask) -> str | tuple[ToolCall, ...]:
    if "guard" in ask.model:
        return verdicts.guard(ask.question)
    if "judge" in ask.model:
        return verdicts.judge(ask.question)
    script = directives.parse(ask.question)
    if script.chain():
        step = _step(ask, script)
        if isinstance(step, Say):
            return step.text.replace("$result", _last_result(ask))
        if step is not None:
            return _call(ask, step)
        return _final(ask, script, _done(ask))
    forced = _forced(ask, script)
    if forced:
        return forced
    results = [m for m in ask.turn if m.role == "tool"]
    search = next((t for t in ask.tools if t.name.endswith("search")), None)
    if search and not ask.turn and script.shown.rstrip().endswith("?"):
        return (ToolCall(search.name, {"query": script.shown}),)
    if results and any(name.endswith("search") for m in ask.turn for name in m.calls):
        retrieved = "\n".join(m.text for m in results)
        return _final(ask, script, f"found: {lexical.best_sentences(script.shown, retrieved)}")
    return _final(ask, script, _done(ask) if results else _echo(ask))


def _step(ask: Ask, script: Script) -> Say | tuple[Call, ...] | None:
    """The step of the chain that this round of the turn has reached."""
    chain = script.chain()
    return chain[ask.rounds] if ask.rounds < len(chain) else None


def _said(ask: Ask) -> str:
    """What ``[[say]]`` makes a refused answer say before the filter acts."""
    step = _step(ask, directives.parse(ask.question))
    return step.text.replace("$result", _last_result(ask)) if isinstance(step, Say) else ""


def _call(ask: Ask, calls: tuple[Call, ...]) -> str | tuple[ToolCall, ...]:
    offered = {tool.name for tool in ask.tools}
    missing = next((call.name for call in calls if call.name not in offered), None)
    if missing:
        return f"no tool {missing}"
    result = _last_result(ask)
    return tuple(ToolCall(call.name, _fill(call.arguments, result)) for call in calls)


def _fill(value: Any, result: str) -> Any:
    """`value` with ``$result`` replaced in every string, at any depth."""
    if isinstance(value, str):
        return value.replace("$result", result)
    if isinstance(value, list):
        return [_fill(item, result) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, result) for key, item in value.items()}
    return value


def _last_result(ask: Ask) -> str:
    """The results that answered the turn's latest calls."""
    last = max((i for i, m in enumerate(ask.turn) if m.calls), default=-1)
    return " | ".join(m.text for m in ask.turn[last + 1 :] if m.role == "tool")


def _done(ask: Ask) -> str:
    return "done: " + " | ".join(m.text for m in ask.turn if m.role == "tool")


def _forced(ask: Ask, script: Script) -> tuple[ToolCall, ...]:
    """A forced tool is called once in a turn; a host that keeps forcing it would otherwise never end."""
    made = {name for m in ask.turn for name in m.calls}
    if ask.force is None or not ask.tools or ask.force in made or (ask.force == "*" and made):
        return ()
    tool = next((t for t in ask.tools if ask.force in ("*", t.name)), None)
    text = script.rest or " ".join(m.text for m in ask.turn)
    return (ToolCall(tool.name, instance(tool.parameters, text)),) if tool else ()


def _final(ask: Ask, script: Script, text: str) -> str:
    """`text`, or what the response format makes of the user's words (of `text` when there are none)."""
    if ask.schema is not None:
        return json.dumps(instance(ask.schema, script.rest or text), ensure_ascii=False)
    return json.dumps({"reply": text}, ensure_ascii=False) if ask.json_object else text


def _echo(ask: Ask) -> str:
    images = [digest for m in ask.messages for digest in m.images]
    turns = sum(1 for m in ask.messages if m.role == "user")
    question = ask.question if ask.verdict_only else directives.parse(ask.question).shown
    text = f"{ask.style}[{ask.model}]: {question}"
    text += f" | system: {ask.system}" if ask.system else ""
    text += f" | images: {len(images)} {' '.join(images)}" if images else ""
    return text + (f" | turns: {turns}" if turns > 1 else "")


def _limit(ask: Ask, reply: Reply) -> Reply:
    """Cuts at the first stop string, then at `max_tokens` words."""
    text, hit = reply.text, None
    places = [(text.find(stop), stop) for stop in ask.stop if stop and stop in text]
    if places:
        place, hit = min(places)
        text = text[:place]
    words = list(re.finditer(r"\S+", text))
    if ask.max_tokens is not None and len(words) > ask.max_tokens:
        end = words[ask.max_tokens - 1].end() if ask.max_tokens > 0 else 0
        return replace(reply, text=text[:end], finish="length")
    return replace(reply, text=text, stop_sequence=hit)
