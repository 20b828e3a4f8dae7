"""A PostgreSQL on a free port, which can be stopped and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import free_port, required

_BOOT_SECONDS = 60
# The account that Debian's package makes. PostgreSQL does not run as root.
_ACCOUNT = "postgres"
# Debian keeps the programs of each release apart.
_PROGRAMS = Path("/usr/lib/postgresql")


class PostgreSQL:
    """A server of its own data, which takes every user at the loopback address with the password that it has."""

    def __init__(self, folder: Path, initdb: Path) -> None:
        self.port = free_port()
        self.password = f"pw-{os.urandom(8).hex()}"
        self.url = f"postgresql://{_ACCOUNT}@127.0.0.1:{self.port}/postgres"
        self._folder = folder
        self._programs = initdb.parent
        self._process: subprocess.Popen[bytes] | None = None
        secret = folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(folder, _ACCOUNT)
            shutil.chown(secret, _ACCOUNT)
        made = [initdb, "--pgdata", folder / "data", "--username", _ACCOUNT, "--auth", "scram-sha-256"]
        subprocess.run(self._as_user(*made, "--pwfile", secret, "--no-sync"), check=True, capture_output=True)

    def start(self) -> None:
        """Start it, at the same port each time, and wait until it answers."""
        settings = ["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]
        command = [self._programs / "postgres", "-D", self._folder / "data", "-p", self.port, *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._as_user(*command), stdout=log, stderr=log)
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + _BOOT_SECONDS
        while subprocess.run(ready).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text()[-3000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once: its clients' connections break."""
        if self._process is not None and self._process.poll() is None:
            # Its own word for a shutdown that waits for nobody.
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)

    def _as_user(self, *command: object) -> list[str]:
        words = [str(word) for word in command]
        return ["setpriv", f"--reuid={_ACCOUNT}", "--clear-groups", *words] if os.geteuid() == 0 else words


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A started PostgreSQL with empty tables."""
    found = sorted(_PROGRAMS.glob("*/bin/initdb")) or [Path(required("initdb", "Debian package postgresql"))]
    # Not pytest's folder: the other account may not look into it.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        server = PostgreSQL(folder, found[-1])
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def shared_postgresql() -> Iterator[PostgreSQL]:
    """One for all tests that do not stop it."""
    with postgresql() as server:
        yield server
