"""The client's agents, whose every inner call runs on a LiteLLM model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_stack_client import Agent
from llama_stack_client.lib.agents.client_tool import client_tool

from tests.agents import agent_on, turn
from tests.differences import needs
from tests.line import HEADER
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


def test_a_session_with_a_client_tool_goes_on_after_a_restart(stack: Stack, model: str, word: str) -> None:
    agent = agent_on(stack.client(), model, "You are terse.", [weather])
    session = agent.create_session(f"session-{word}")

    assert f"hello {word} | system: You are terse." in turn(agent, session, f"hello {word}")
    second = turn(agent, session, f'[[call weather {{"city": "{word}1"}}]] & [[call weather {{"city": "{word}2"}}]]')
    assert second == f'done: "sun over {word}1" | "sun over {word}2"'

    stack.restart()
    # The upstream counts the user's turns that the stack sent it: the two from before are there.
    assert turn(agent, session, "and now?").endswith("turns: 3")


@needs("turns")
def test_the_turns_of_a_session_are_kept(stack: Stack, word: str) -> None:
    agent: Any = Agent(stack.client(), model="litellm/gpt", instructions="x", enable_session_persistence=True)
    session = agent.create_session(f"session-{word}")
    turn(agent, session, f"hello {word}")
    stack.restart()
    (kept,) = stack.client().agents.session.retrieve(session, agent_id=agent.agent_id).turns
    assert kept.input_messages[0].content == f"hello {word}"


@needs("turns")
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
    agent = agent_on(stack.client(), model, "x", [now])
    assert turn(agent, agent.create_session(f"session-{word}"), plan) == 'done: "noon"'


def test_the_caller_reaches_an_agents_inner_calls(stack: Stack, upstream: Upstream, word: str) -> None:
    header = {HEADER: json.dumps({"litellm_user": f"user-{word}", "litellm_tags": ["t"]})}
    agent = agent_on(stack.client(default_headers=header), "litellm/gpt", "x", [weather])
    session = agent.create_session(f"session-{word}")
    turn(agent, session, f'[[call weather {{"city": "{word}"}}]]')
    calls = [call["body"] for call in upstream.calls() if word in json.dumps((call["body"] or {}).get("messages"))]
    assert len(calls) == 2, "before and after the tool"
    assert {body["user"] for body in calls} == {f"user-{word}"}


@needs("turns")
def test_an_agent_without_a_strategy_runs_on_a_model_with_its_own_temperature(
    stack: Stack, upstream: Upstream, word: str
) -> None:
    for _ in range(2):
        agent = agent_on(stack.client(), "litellm/reasoner", f"Be brief. {word}")
        assert turn(agent, agent.create_session(word), "hi")
    first, second = [call["body"] for call in upstream.calls() if word in json.dumps(call["body"])]
    assert "temperature" not in first
    assert "temperature" not in second
    told = "Model 'reasoner': its vendor does not take `temperature: 0`; it is left out."
    assert " ".join(stack.log.split()).count(told) == 1
