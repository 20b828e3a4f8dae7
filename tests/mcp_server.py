"""An MCP server over streamable HTTP, as a process of its own: one tool fetches, one saves, one tells who asks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from typing import Any

import httpx

from tests.processes import ROOT, free_port

# mcp 2, which OGX 1.5 asks for, has another name for it, and takes the address when it runs.
IS_MCP_2 = metadata.version("mcp").startswith("2.")
_module: Any = import_module("mcp.server.mcpserver" if IS_MCP_2 else "mcp.server.fastmcp")
Server = _module.MCPServer if IS_MCP_2 else _module.FastMCP
Context = _module.Context

NOTES: dict[str, str] = {}


def build() -> Any:
    """The server, not yet running."""
    server = Server("notes", log_level="ERROR")

    def fetch_note(title: str) -> str:
        """Fetch the text of a note by its title."""
        return NOTES.get(title, f"there is no note called {title}")

    def save_note(title: str, text: str) -> str:
        """Save a text as a note under a title."""
        NOTES[title] = text
        return f"saved {title}"

    def show_headers(ctx: Context) -> str:  # type: ignore[valid-type]
        """Show the HTTP headers of the request."""
        request: Any = ctx.request_context.request  # type: ignore[attr-defined]
        return json.dumps(dict(request.headers))

    for function in (fetch_note, save_note, show_headers):
        server.add_tool(function)
    return server


@contextmanager
def running(command: list[str], port: int, **env: str) -> Iterator[str]:
    """The address of the MCP server that ``command`` starts on ``port``."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env})
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(url, timeout=2)
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def running_mcp_server() -> Iterator[str]:
    """The address of this module's server, to be given to the stack."""
    port = free_port()
    with running([sys.executable, "-m", "tests.mcp_server", "--port", str(port)], port) as url:
        yield url


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    address = {"host": "127.0.0.1", "port": parser.parse_args().port}
    notes = build()
    if not IS_MCP_2:
        notes.settings.host, notes.settings.port = address.values()
    notes.run(transport="streamable-http", **(address if IS_MCP_2 else {}))
