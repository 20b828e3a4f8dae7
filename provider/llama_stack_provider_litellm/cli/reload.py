"""``llama-stack-litellm reload``: let the running stack read its LiteLLM config again."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import click

from .. import storage
from .console import err, out

_SECONDS = 30


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
def reload(as_json: bool) -> None:
    """Let the running stack read its LiteLLM config again.

    It does so by itself when the file changes; this waits until it has, and says what came of it. The exit
    status is 1 when the config cannot be used: the stack goes on with the models that it had. Of a server with several
    workers one answers; the others follow the file within seconds.
    """
    pid = storage.running_pid()
    if pid is None:
        raise click.ClickException(
            f"No stack runs from {storage.folder()}. Start one with `llama-stack-litellm up`, or set SQLITE_STORE_DIR "
            "to the folder of the one that runs."
        )
    asked = time.time_ns()
    os.kill(pid, signal.SIGHUP)
    with err.status("Reading the config…"):
        outcome = _outcome(pid, asked)
    if as_json:
        click.echo(json.dumps({key: outcome[key] for key in ("error", "added", "changed", "removed")}, indent=2))
    elif outcome["error"] is None:
        for kind in ("added", "changed", "removed"):
            for name in outcome[kind]:
                out.print(f"{kind} [bold]{name}[/bold]", highlight=False)
        out.print("The stack serves the config as it is now.")
    if outcome["error"] is not None:
        raise click.ClickException(f"{outcome['error']}\nThe stack goes on with the models that it had.")


def _outcome(pid: int, asked: int) -> dict[str, Any]:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        now = storage.read_json(storage.reload_file())
        if now.get("began", 0) >= asked:
            return now
        if storage.running_pid() != pid:
            raise click.ClickException("The stack ended.")
        time.sleep(0.05)
    raise click.ClickException(f"The stack (process {pid}) has not answered in {_SECONDS} s; its log may say why.")
