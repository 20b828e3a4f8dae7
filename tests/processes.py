"""What every server that tests start needs: a program, a port, and an environment that steers nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
"""Where the programs of the environment are that runs the tests."""


_BOOT_SECONDS = 90


class Server:
    """A program that listens on a port of this machine, in a process of its own."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        log_file: Path,
        ready: str,
        *,
        statuses: Collection[int] = (200,),
    ) -> None:
        """It runs in the folder of its log, and is up when ``ready`` is answered with one of the ``statuses``."""
        self.log_file = log_file
        self._command, self._env, self._ready, self._statuses = list(command), dict(env), ready, statuses
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything that it has written so far."""
        return self.log_file.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers; one that does not raises RuntimeError with its log."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdout=log, stderr=log, cwd=self.log_file.parent
            )
        deadline = time.monotonic() + _BOOT_SECONDS
        while not self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._command[0]} ended with {self._process.returncode}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self._command[0]} was not up after {_BOOT_SECONDS} s:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(self._ready, timeout=2, trust_env=False).status_code in self._statuses
        except httpx.HTTPError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM, *, seconds: float = 20) -> int:
        """End it; its exit status, and 0 when it was never started. Raises TimeoutExpired when it had to be killed."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a crash does: it says nothing to whom it talks with.

        The processes that it has started end with it: left alone, OGX's go on and take time from later tests.
        """
        assert self._process is not None
        started = descendants(self._process.pid)
        self._process.kill()
        self._process.wait()
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


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


def processor_time(pid: int) -> float:
    """The seconds that the threads of a process have worked so far, of a clock that Linux has for each process."""
    # As clock_getcpuclockid(3) names it, which Python has for a thread of its own alone.
    return time.clock_gettime(~pid << 3 | 2)


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, thread.read_text().split())
    return children + [later for child in children for later in descendants(child)]


def open_files(pid: int) -> list[str]:
    """What a process holds open, by name; a file that it closes while we look is not held."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(entry))
    return names
