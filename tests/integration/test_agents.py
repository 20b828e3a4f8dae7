"""Agents (the turns API) whose every inner call runs on a LiteLLM model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_stack_client import Agent
from llama_stack_client.lib.agents.client_tool import client_tool

from tests.stack import Stack
from tests.upstream.process import Upstream


@client_tool
def weather(city: str) -> str:
    """The weather in a city.

    :param city: the city's name
    """
    return f"sun over {city}"


@client_tool
def now() -> str:
    """The time."""
    return "noon"


def turn(agent: Any, session: str, text: str, **options: Any) -> Any:
    """A turn, streamed, to its end."""
    return agent.create_turn([{"role": "user", "content": text}], session_id=session, stream=False, **options)


def test_a_session_with_a_client_tool_goes_on_after_a_restart(stack: Stack, model: str, word: str) -> None:
    agent: Any = Agent(
        stack.client(),
        model=model,
        instructions="You are terse.",
        tools=[weather],
        enable_session_persistence=True,
    )
    session = agent.create_session(f"session-{word}")

    first = turn(agent, session, f"hello {word}")
    assert f"hello {word} | system: You are terse." in first.output_message.content
    second = turn(agent, session, f'[[call weather {{"city": "{word}1"}}]] & [[call weather {{"city": "{word}2"}}]]')
    assert second.output_message.content == f'done: "sun over {word}1" | "sun over {word}2"'

    stack.restart()
    third = turn(agent, session, "and now?")
    # The upstream counts the user's turns that the stack sent it: the two from before are there.
    assert third.output_message.content.endswith("turns: 3")
    turns = stack.client().agents.session.retrieve(session, agent_id=agent.agent_id).turns
    assert len(turns) == 3
    assert turns[0].input_messages[0].content == f"hello {word}"


def test_a_streamed_turn_shows_its_steps(stack: Stack, model: str, word: str) -> None:
    agent: Any = Agent(stack.client(), model=model, instructions="x", tools=[weather])
    session = agent.create_session(f"session-{word}")
    message: Any = [{"role": "user", "content": f'[[call weather {{"city": "{word}"}}]]'}]
    events = [chunk.event.payload for chunk in agent.create_turn(message, session_id=session)]
    steps = [event.step_type for event in events if event.event_type == "step_complete"]
    assert steps == ["inference", "tool_execution", "inference"]
    assert events[-1].event_type == "turn_complete"


@pytest.mark.parametrize("plan", ["[[call now]]", "[[call now {}]]"])
def test_a_tool_without_arguments(stack: Stack, model: str, word: str, plan: str) -> None:
    # LiteLLM fails on a Gemini call that has no arguments (tests/wire/test_reasoning.py).
    plan = "[[call now {}]]" if model == "litellm/gemini" else plan
    agent: Any = Agent(stack.client(), model=model, instructions="x", tools=[now])
    assert turn(agent, agent.create_session(f"session-{word}"), plan).output_message.content == 'done: "noon"'


def test_the_caller_reaches_an_agents_inner_calls(stack: Stack, upstream: Upstream, word: str) -> None:
    header = {"X-LlamaStack-Provider-Data": json.dumps({"litellm_user": f"user-{word}", "litellm_tags": ["t"]})}
    agent: Any = Agent(stack.client(default_headers=header), model="litellm/gpt", instructions="x", tools=[weather])
    session = agent.create_session(f"session-{word}")
    turn(agent, session, f'[[call weather {{"city": "{word}"}}]]')
    calls = [call["body"] for call in upstream.calls() if word in json.dumps((call["body"] or {}).get("messages"))]
    assert len(calls) == 2, "before and after the tool"
    assert {body["user"] for body in calls} == {f"user-{word}"}
