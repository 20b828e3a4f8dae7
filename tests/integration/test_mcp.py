"""An MCP server over streamable HTTP as a tool group, with shields around the turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from llama_stack_client import Agent

from tests.differences import needs
from tests.mcp_server import running_mcp_server
from tests.stack import Stack

pytestmark = needs("tool groups")


@pytest.fixture(scope="module")
def mcp_url() -> Iterator[str]:
    with running_mcp_server() as url:
        yield url


@pytest.fixture
def toolgroup(stack: Stack, mcp_url: str, word: str) -> Iterator[str]:
    group = f"mcp::notes-{word}"
    client = stack.client()
    client.toolgroups.register(toolgroup_id=group, provider_id="model-context-protocol", mcp_endpoint={"uri": mcp_url})
    yield group
    client.toolgroups.unregister(group)


def save(stack: Stack, toolgroup: str, title: str, text: str) -> None:
    stack.client().tool_runtime.invoke_tool(tool_name="save_note", kwargs={"title": title, "text": text})


def fetched(stack: Stack, title: str) -> str:
    return str(stack.client().tool_runtime.invoke_tool(tool_name="fetch_note", kwargs={"title": title}).content)


def test_an_agent_fetches_with_one_tool_and_saves_with_another(
    stack: Stack, model: str, toolgroup: str, word: str
) -> None:
    assert {tool.identifier for tool in stack.client().tools.list(toolgroup_id=toolgroup)} == {
        "fetch_note",
        "save_note",
        "show_headers",
    }
    save(stack, toolgroup, f"from-{word}", f"the text {word}")
    agent: Any = Agent(
        stack.client(),
        model=model,
        instructions="x",
        tools=[toolgroup],
        input_shields=["llama-guard"],
        output_shields=["llama-guard"],
    )
    session = agent.create_session(f"mcp-{word}")
    text = (
        f'[[call fetch_note {{"title": "from-{word}"}}]] then '
        f'[[call save_note {{"title": "to-{word}", "text": "copy of $result"}}]]'
    )
    turn: Any = agent.create_turn([{"role": "user", "content": text}], session_id=session, stream=False)
    steps = [step.step_type for step in turn.steps]
    assert steps == [
        "shield_call",
        "inference",
        "tool_execution",
        "inference",
        "tool_execution",
        "inference",
        "shield_call",
    ]
    assert f"copy of the text {word}" in fetched(stack, f"to-{word}")
    assert f"saved to-{word}" in turn.output_message.content


def test_a_shield_stops_the_turn_before_any_tool(stack: Stack, toolgroup: str, word: str) -> None:
    agent: Any = Agent(
        stack.client(), model="litellm/gpt", instructions="x", tools=[toolgroup], input_shields=["llama-guard"]
    )
    session = agent.create_session(f"mcp-{word}")
    text = f'poison: [[call save_note {{"title": "bad-{word}", "text": "x"}}]]'
    turn: Any = agent.create_turn([{"role": "user", "content": text}], session_id=session, stream=False)
    assert "tool_execution" not in [step.step_type for step in turn.steps]
    assert "there is no note" in fetched(stack, f"bad-{word}")
