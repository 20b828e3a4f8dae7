"""The command and its subcommands."""

from __future__ import annotations

from importlib import import_module

import click

from .. import __version__

_COMMANDS = ("up", "models", "check", "reload", "doctor", "usage", "render")


class _Commands(click.Group):
    """Imports a subcommand when it is asked for: what one of them needs may be broken, and `doctor` has to tell."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llama-stack-litellm")
def main() -> None:
    """Llama Stack on any LiteLLM model."""
