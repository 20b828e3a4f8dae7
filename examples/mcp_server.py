"""A small MCP server over streamable HTTP for the examples, at http://127.0.0.1:8000/mcp."""

import contextlib
import os
from importlib import metadata

address = {"host": "127.0.0.1", "port": int(os.environ.get("PORT", "8000"))}
# mcp 2 has another name for it, and takes the address when it runs.
if metadata.version("mcp").startswith("2."):
    from mcp.server.mcpserver import MCPServer

    server, at = MCPServer("notes", log_level="CRITICAL"), address
else:
    from mcp.server.fastmcp import FastMCP

    server, at = FastMCP("notes", log_level="CRITICAL", **address), {}
notes = {"shopping": "Apples, bread and a ball of string."}


@server.tool()
def fetch_note(title: str) -> str:
    """Fetch the text of a note."""
    return notes.get(title, f"There is no note called {title}.")


with contextlib.suppress(KeyboardInterrupt):
    server.run(transport="streamable-http", **at)
