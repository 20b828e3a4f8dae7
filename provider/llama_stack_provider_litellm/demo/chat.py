"""The chat model: calls the offered tools, answers from results, fills schemas, else repeats the message."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import answers
from .arguments import Filler
from .finder import Finder
from .lexical import is_question
from .messages import Message, Turn, read_turn
from .plan import Step, Tool, best, plan, read_tools

LABEL = "(demo model, not an AI)"

_FAILED = re.compile(r"^\W*(?:error|failed|exception|traceback)\b", re.I)


@dataclass(frozen=True)
class ToolCall:
    """A call that the model asks for; `arguments` is a JSON object."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """Either a text or tool calls."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


def chat(messages: Sequence[Message], options: Mapping[str, Any]) -> Answer:
    """Answer the last message.

    `options` are OpenAI's; tools, tool_choice, parallel_tool_calls and response_format count.
    """
    turn = read_turn(messages)
    if calls := _calls(turn, options):
        return Answer(tool_calls=calls)
    if (schema := _schema(options.get("response_format"))) is not None:
        said = "\n".join([turn.text, *(result.text for result in turn.results)])
        filled = Filler(Finder(said, turn.text or said)).fill(schema, everything=True)
        return Answer(json.dumps(filled, ensure_ascii=False))
    if turn.results:
        return Answer(answers.from_results(turn.text, turn.results))
    return Answer(_repeat(turn))


def _calls(turn: Turn, options: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    tools, insists = _allowed(read_tools(options.get("tools")), options.get("tool_choice"))
    if not tools:
        return ()
    steps = plan(turn.text, tools)
    if not turn.results:
        # Only then: who insists in every round would never get an answer from the results.
        if insists and not steps:
            steps = [Step(best(turn.text, tools), turn.text, turn.text, waits=False)]
        return _ready(steps, turn, options)
    if _FAILED.match(turn.results[-1].text):
        return ()
    called = list(turn.called)
    pending = []
    for step in steps:
        if step.tool.name in called:
            called.remove(step.tool.name)
        else:
            pending.append(step)
    return _ready(pending, turn, options)


def _ready(steps: Sequence[Step], turn: Turn, options: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The first step, and those after it that need not wait for its result."""
    ready = list(steps[:1])
    for step in steps[1:]:
        if step.waits or options.get("parallel_tool_calls") is False:
            break
        ready.append(step)
    return tuple(dict.fromkeys(_call(step, turn) for step in ready))


def _call(step: Step, turn: Turn) -> ToolCall:
    carried = answers.main_text(turn.text, turn.results[-1]) if step.waits and turn.results else None
    filler = Filler(Finder(step.clause, step.whole, known=step.tool.weights), carried)
    return ToolCall(step.tool.name, json.dumps(filler.fill(step.tool.parameters), ensure_ascii=False))


def _allowed(tools: list[Tool], choice: Any) -> tuple[list[Tool], bool]:
    """The tools that `tool_choice` leaves, and whether one must be called."""
    if choice == "none":
        return [], False
    if isinstance(choice, Mapping):
        name = (choice.get("function") or {}).get("name")
        return [tool for tool in tools if tool.name == name], True
    return tools, choice in ("required", "any")


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    if not isinstance(response_format, Mapping):
        return None
    if response_format.get("type") == "json_object":
        return {"type": "object", "properties": {"text": {"type": "string"}}}
    if response_format.get("type") == "json_schema":
        return (response_format.get("json_schema") or {}).get("schema") or {}
    return None


def _repeat(turn: Turn) -> str:
    seen = f" and showed {turn.images} image{'s' if turn.images > 1 else ''}" if turn.images else ""
    reply = f'{LABEL} You said: "{turn.text}"{seen}.'
    if is_question(turn.text) and (found := answers.best_sentences(turn.text, "\n\n".join(turn.earlier), limit=1)):
        return f'{reply} Earlier in this conversation: "{found}"'
    return f"{reply} I can call the tools that you offer, answer from their results and fill a JSON schema."
