"""An agent that uses the tools of an MCP server; start examples/mcp_server.py first."""

import os
import uuid

from llama_stack_client import Agent, LlamaStackClient

client = LlamaStackClient(base_url=os.environ.get("LLAMA_STACK_URL", "http://localhost:8321"))

client.toolgroups.register(
    toolgroup_id="mcp::notes",
    provider_id="model-context-protocol",
    mcp_endpoint={"uri": os.environ.get("MCP_URL", "http://127.0.0.1:8000/mcp")},
)
agent = Agent(
    client,
    model=os.environ.get("MODEL", "litellm/demo-chat"),
    instructions="Use your tools.",
    tools=["mcp::notes"],
)
session_id = agent.create_session(f"mcp-{uuid.uuid4()}")
turn = agent.create_turn(
    [{"role": "user", "content": 'Fetch the text of the note with the title "shopping".'}],
    session_id=session_id,
    stream=False,
)
print([step.step_type for step in turn.steps])
print(turn.output_message.content)
