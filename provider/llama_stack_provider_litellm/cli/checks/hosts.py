"""Which host is installed, and what callers need to know of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ...config import Mode
from .. import lines
from .finding import Finding
from .releases import line_of


@dataclass(frozen=True, slots=True)
class Host:
    """A Llama Stack, under the one or the other of its names."""

    name: str
    version: str

    @property
    def line(self) -> str:
        """``llama-stack 0.2`` for each of its 0.2 releases."""
        return f"{self.name} {line_of(self.version)}"


def installed_host() -> Host | None:
    """The host that is installed, by its metadata."""
    found = lines.installed()
    return Host(found[0].distribution, found[1]) if found else None


def header(mode: Mode, port: int) -> Finding:
    """The header in which a caller says who asks, for this host, with an example to copy."""
    found = lines.installed()
    if found is None:
        headers = {line.distribution: line.header for line in lines.LINES.values()}
        words = " or ".join(f"{name} (with {host_name})" for host_name, name in headers.items())
        return Finding("callers", "note", f"A request says who asks in the header {words}.")
    data: dict[str, object] = {"litellm_user": "ann", "litellm_tags": ["team-a"]}
    if mode != "embedded":
        data["litellm_api_key"] = "<virtual key>"
    name = found[0].header
    example = f"curl -H '{name}: {json.dumps(data)}' http://127.0.0.1:{port}/v1/models"
    return Finding("callers", "note", f"A request says who asks in the header {name}, in JSON. For example:\n{example}")
