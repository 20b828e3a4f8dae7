"""A small MCP server over streamable HTTP for mcp_agent.py, at http://127.0.0.1:8000/mcp."""

import contextlib
import os

from mcp.server.fastmcp import FastMCP

server = FastMCP("notes", host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), log_level="CRITICAL")
notes = {"shopping": "Apples, bread and a ball of string."}


@server.tool()
def fetch_note(title: str) -> str:
    """Fetch the text of a note."""
    return notes.get(title, f"There is no note called {title}.")


with contextlib.suppress(KeyboardInterrupt):
    server.run(transport="streamable-http")
