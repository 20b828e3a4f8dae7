"""The server that this run of the tests is for: the one that is installed in its environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from llama_stack_provider_litellm.cli import lines
from llama_stack_provider_litellm.config import Mode
from tests.processes import ROOT

_installed = lines.installed()
assert _installed is not None, "the tests need a server: `make test` installs one"
LINE, RELEASE = _installed

HOST = LINE.name if LINE.name != "ogx" else "ogx14" if RELEASE.startswith("1.4.") else "ogx15"
"""What `make test HOST=…` calls it."""
OPENAI = LINE.openai
"""Where it has OpenAI's API by itself."""
HEADER = LINE.header
"""Where it takes provider data from."""


def run_config(mode: Mode = "embedded") -> Path:
    """The shipped run config."""
    return ROOT / "run_configs" / LINE.folder / lines.RUN_CONFIGS[mode]


def changed_run_config(folder: Path, change: Callable[[dict[str, Any]], None], mode: Mode = "embedded") -> Path:
    """The shipped run config after a ``change`` to what it holds, as a file in ``folder``."""
    config = yaml.safe_load(run_config(mode).read_text())
    change(config)
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def command(config: Path) -> list[str]:
    """What starts it on a run config, without the port: the command of its own, as users enter it."""
    program, *arguments = LINE.run.split()
    return [str(Path(sys.executable).with_name(program)), *arguments, str(config), *LINE.options]


def models(url: str) -> dict[str, dict[str, Any]]:
    """What the server at ``url`` says of each of its models, by the model's id."""
    return LINE.models(httpx.get(f"{url}/v1/models", timeout=30).json()["data"])


def words_of(answer: httpx.Response) -> str:
    """What the server says of a request that it refuses."""
    body = answer.json()
    told: str = body["detail"] if LINE.name == "0.2" else body["error"]["message"]
    return told


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status and the words of an error, whether it has come as an answer or in a stream's last event."""
    if answer.status_code != 200:
        return answer.status_code, words_of(answer)
    error = last_event(answer)["error"]
    if LINE.name == "0.2":
        status, _, told = error["message"].partition(": ")
        return int(status), told
    return int(error["code"]), error["message"]


def last_event(answer: httpx.Response) -> dict[str, Any]:
    """What the last event of a stream holds."""
    last = [event for event in answer.text.splitlines() if event.startswith("data: ")][-1]
    data: dict[str, Any] = json.loads(last.removeprefix("data: "))
    return data


def told_by_status(stream: bool) -> bool:
    """Whether an error before the first chunk is an answer with its status and headers, and not a stream's event."""
    return not stream or LINE.name != "0.2"
