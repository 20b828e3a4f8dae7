"""Which host is installed, and what callers need to know of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ...config import Mode
from .finding import Finding
from .releases import installed, line_of

# The header that a host takes provider data from, by its distribution's name.
_HEADERS = {"llama-stack": "X-LlamaStack-Provider-Data", "ogx": "X-OGX-Provider-Data"}


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
    return next((Host(name, version) for name in _HEADERS if (version := installed(name))), None)


def header(mode: Mode, port: int) -> Finding:
    """The header in which a caller says who asks, for this host, with an example to copy."""
    host = installed_host()
    if host is None:
        words = " or ".join(f"{name} (with {host_name})" for host_name, name in _HEADERS.items())
        return Finding("callers", "note", f"A request says who asks in the header {words}.")
    data: dict[str, object] = {"litellm_user": "ann", "litellm_tags": ["team-a"]}
    if mode != "embedded":
        data["litellm_api_key"] = "<virtual key>"
    name = _HEADERS[host.name]
    example = f"curl -H '{name}: {json.dumps(data)}' http://127.0.0.1:{port}/v1/models"
    return Finding("callers", "note", f"A request says who asks in the header {name}, in JSON. For example:\n{example}")
