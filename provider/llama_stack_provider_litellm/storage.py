"""The folder where a running stack keeps its data, and what it tells other processes there."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

_STORE = "~/.llama/distributions/litellm"


def folder() -> Path:
    """``SQLITE_STORE_DIR``, or the default that the run configs have too."""
    return Path(os.environ.get("SQLITE_STORE_DIR") or _STORE).expanduser()


def pid_file() -> Path:
    """Holds the process id of the server that serves from this folder."""
    return folder() / "litellm.pid"


def reload_file() -> Path:
    """Holds what came of the last reload, as JSON: ``number``, ``error``, ``added``, ``changed``, ``removed``."""
    return folder() / "litellm.reload.json"


def write(path: Path, content: str) -> None:
    """Write a file so that a reader finds the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(content, encoding="utf-8")
    part.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty for none."""
    with suppress(FileNotFoundError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def running_pid() -> int | None:
    """The process id of the server that serves from this folder, if it runs."""
    try:
        pid = int(pid_file().read_text(encoding="utf-8"))
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return pid
