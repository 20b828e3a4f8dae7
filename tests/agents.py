"""Agents of the Llama Stack client, on the turns API where the server has one, and else on the Responses API."""

from __future__ import annotations

from typing import Any

from llama_stack_client import Agent

from tests.line import LINE


def agent_on(client: Any, model: str, instructions: str, tools: list[Any] | None = None) -> Any:
    """An agent. Untyped: the client's releases do not agree about it."""
    # On the later lines a session is a conversation, which is always kept.
    more: Any = {"enable_session_persistence": True} if LINE.name == "0.2" else {}
    return Agent(client, model=model, instructions=instructions, tools=tools, **more)


def turn(agent: Any, session: str, text: str) -> str:
    """What the agent says to ``text``, in the end."""
    answer = agent.create_turn([{"role": "user", "content": text}], session_id=session, stream=False)
    said: str = answer.output_message.content if LINE.name == "0.2" else answer.output_text
    return said
