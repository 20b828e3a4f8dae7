"""The group of commands, which imports each when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from llama_stack_provider_litellm.cli import main

COMMANDS = ("up", "models", "check", "reload", "doctor", "usage")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_there_and_in_the_help(command: str) -> None:
    runner = CliRunner()
    assert runner.invoke(main, [command, "--help"]).exit_code == 0
    assert f"\n  {command} " in runner.invoke(main, ["--help"]).output


def test_a_command_that_is_none() -> None:
    done = CliRunner().invoke(main, ["cure"])
    assert done.exit_code == 2
    assert "No such command 'cure'" in done.output


def test_the_group_imports_nothing_that_may_be_broken() -> None:
    code = "import sys, llama_stack_provider_litellm.cli, llama_stack_provider_litellm.cli.doctor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "click" in loaded
    assert not loaded & {"litellm", "llama_stack", "mcp", "watchfiles", "openai", "aiohttp"}
