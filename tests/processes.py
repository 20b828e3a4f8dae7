"""What every server that tests start needs: a program, a port, and an environment that steers nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def required(program: str | Path, what: str) -> str:
    """The path of a program; without it the test is skipped, or fails where REQUIRE_SERVICES is set."""
    found = shutil.which(program)
    if found is None:
        why = f"{program} is not installed ({what}; make services)"
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail(why)
        pytest.skip(why)
    return found


def clean_environment(folder: Path) -> dict[str, str]:
    """This process's environment without what would steer the server, and with its storage in ``folder``."""
    steering = (
        "LITELLM_",
        "LLAMA_STACK_",
        "OPENAI_",
        "ANTHROPIC_",
        "SAFETY_MODEL",
        "TELEMETRY_",
        "OTEL_",
        "PYTHONPATH",
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(steering)}
    return {
        **kept,
        "SQLITE_STORE_DIR": str(folder / "store"),
        "FILES_STORAGE_DIR": str(folder / "files"),
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1,localhost",
    }


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def memory(pid: int) -> float:
    """Resident memory in MiB, as Linux tells it."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files(pid: int) -> list[str]:
    """What a process holds open, by name; a file that it closes while we look is not held."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(entry))
    return names
