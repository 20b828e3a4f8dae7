"""The command and its subcommands."""

from __future__ import annotations

import click

from .. import __version__
from .check import check
from .models import models
from .reload import reload
from .up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llama-stack-litellm")
def main() -> None:
    """Llama Stack on any LiteLLM model."""


main.add_command(up)
main.add_command(models)
main.add_command(check)
main.add_command(reload)
