"""The server lines that this package serves, as the command line needs to know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..config import Mode
from .checks import releases

Name = Literal["0.2", "0.7", "ogx"]

RUN_CONFIGS: dict[Mode, str] = {"embedded": "run.yaml", "proxy": "proxy.yaml", "auto": "auto.yaml"}
"""The file of each mode's run config, in the folder of its line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A generation of the server."""

    name: Name
    distribution: str
    """What is installed of it: a distribution's name."""
    release: str
    """The release that is tested, in words."""
    openai: str
    """Where it has OpenAI's API by itself."""
    header: str
    """The header that it takes provider data from."""
    folder: str
    """Where its run configs are, below `run_configs`."""
    run: str
    """The command that starts it, before the run config's path."""
    module: tuple[str, ...]
    """The same, as a module for Python's `-m` with its arguments."""
    logging: str
    """The variable that says what it logs."""
    options: tuple[str, ...] = ()
    """What the command takes after the run config's path."""
    builds: bool = False
    """Whether it has `llama stack build`."""
    workers: bool = True
    """Whether several processes can serve."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Variables that it starts with unless they are set; a ~ in a value is the user's home."""

    def command(self, run_config: str) -> str:
        """The command line that starts it on a run config, for a user to enter."""
        return " ".join((self.run, run_config, "--port 8321", *self.options))

    def models(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """What the server says of each of its models (the ``data`` of ``/v1/models``), by the model's id."""
        if self.name == "0.2":
            return {row["identifier"]: {"model_type": row["model_type"], **row["metadata"]} for row in rows}
        return {row["id"]: row["custom_metadata"] for row in rows}


LINES: dict[Name, Line] = {
    line.name: line
    for line in (
        Line(
            name="0.2",
            distribution="llama-stack",
            release="Llama Stack 0.2.24",
            openai="/v1/openai/v1",
            header="X-LlamaStack-Provider-Data",
            folder=".",
            run="llama stack run",
            # The server itself: `llama stack run` makes a folder named None where it is started.
            module=("llama_stack.core.server.server",),
            logging="LLAMA_STACK_LOGGING",
            builds=True,
            # It serves in the process that has read the config.
            workers=False,
        ),
        Line(
            name="0.7",
            distribution="llama-stack",
            release="Llama Stack 0.7.3",
            openai="/v1",
            header="X-LlamaStack-Provider-Data",
            folder="llama-stack-0.7",
            run="llama stack run",
            module=("llama_stack.cli.llama", "stack", "run"),
            logging="LLAMA_STACK_LOGGING",
        ),
        Line(
            name="ogx",
            distribution="ogx",
            release="OGX 1.x",
            openai="/v1",
            header="X-OGX-Provider-Data",
            folder="ogx",
            run="ogx run",
            module=("llama_stack_provider_litellm.hosts.ogx", "run"),
            logging="OGX_LOGGING",
            # Without a certificate it starts only when told to.
            options=("--insecure",),
            # Its default. Not told so, it moves ~/.llama there when it first starts, with all that 0.2 and 0.7 keep.
            environment={"OGX_CONFIG_DIR": "~/.ogx"},
        ),
    )
}


def installed() -> tuple[Line, str] | None:
    """The line that is installed, with its release; None for none. OGX goes first, as where this package is loaded."""
    if version := releases.installed("ogx"):
        return LINES["ogx"], version
    if version := releases.installed("llama-stack"):
        return LINES["0.2" if version.startswith("0.2.") else "0.7"], version
    return None
