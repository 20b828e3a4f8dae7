"""Starts the test upstream as a process of its own, so that its traffic is real HTTP."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODELS = ("echo-1", "echo-2", "guard-1", "judge-1", "embed-1", "rerank-1")
_POLL = 0.02


@dataclass
class Upstream:
    """A running upstream. `url` is ``http://127.0.0.1:PORT``, without ``/v1``."""

    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """The port, for an upstream that shall come back at the same place."""
        return int(self.url.rsplit(":", 1)[1])

    def calls(self) -> list[dict[str, Any]]:
        """Every call received since the last clear, oldest first (fields: see `upstream.calls.Call`)."""
        calls: list[dict[str, Any]] = self._request("/_calls")
        return calls

    def wait_for(
        self, matches: Callable[[dict[str, Any]], bool], count: int = 1, seconds: float = 10.0
    ) -> list[dict[str, Any]]:
        """The calls that match, once there are `count`. Raises `TimeoutError` when they do not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [call for call in self.calls() if matches(call)]
            if len(found) >= count:
                return found
            time.sleep(_POLL)
        seen = [(call["path"], call["outcome"]) for call in self.calls()]
        raise TimeoutError(f"no {count} matching calls within {seconds} s; seen: {seen}")

    def clear(self) -> None:
        """Forgets all calls, and how often faults with ``times`` have acted."""
        self._request("/_clear", method="POST")

    def stop(self) -> None:
        """Ends the process; calling it again does nothing."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def _request(self, path: str, method: str = "GET") -> Any:
        # http.client never goes through a proxy that the environment may name.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            return json.load(connection.getresponse())
        finally:
            connection.close()


@contextmanager
def start_upstream(models: Sequence[str] = MODELS, port: int = 0) -> Iterator[Upstream]:
    """A running upstream, stopped at the end; `models` is what ``GET /v1/models`` lists.

    With `port` 0 the system gives a free one. Raises `RuntimeError` when the process ends at once and
    `TimeoutError` when it does not answer within 20 seconds.
    """
    package = Path(__file__).parent
    command = [sys.executable, "-m", f"{package.name}.app", "--port", str(port), "--models", ",".join(models)]
    process = subprocess.Popen(command, cwd=package.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    upstream = Upstream(f"http://127.0.0.1:{line.strip()}", process)
    try:
        if not line:
            raise RuntimeError(f"the test upstream ended with {process.wait()}; its error is above")
        _wait_until_up(upstream)
        yield upstream
    finally:
        upstream.stop()


def _wait_until_up(upstream: Upstream) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            upstream.calls()
            return
        except OSError:
            if time.monotonic() > deadline or upstream.process.poll() is not None:
                raise TimeoutError(f"the test upstream does not answer at {upstream.url}") from None
        time.sleep(_POLL)
