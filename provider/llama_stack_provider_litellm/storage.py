"""The folder where a running stack keeps its data, and what it tells other processes there."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_STORE = "~/.llama/distributions/litellm"


def folder() -> Path:
    """``SQLITE_STORE_DIR``, or the default that the run configs have too."""
    return Path(os.environ.get("SQLITE_STORE_DIR") or _STORE).expanduser()


def pid_file() -> Path:
    """Holds the process id of the server that serves from this folder."""
    return folder() / "litellm.pid"


def reload_file() -> Path:
    """Holds what came of the last reload, as JSON: ``began`` (ns), ``error``, ``added``, ``changed``, ``removed``."""
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


def claim() -> IO[str] | None:
    """Name this process as the one that serves from the folder, for as long as the file that is returned is open.

    None when another process does so already. The claim is a lock, which ends with its process however that ends: a
    number alone could by then be another process's.
    """
    pid_file().parent.mkdir(parents=True, exist_ok=True)
    file = pid_file().open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    reload_file().unlink(missing_ok=True)
    return file


def running_pid() -> int | None:
    """The process id of the server that serves from this folder, if one runs."""
    try:
        with pid_file().open(encoding="utf-8") as file:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            return int(file.read())
    except (OSError, ValueError):
        return None
