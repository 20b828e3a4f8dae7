"""A Llama Stack server as a child process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ..errors import LiteLLMProviderError
from .lines import LINES, Line

_BOOT_SECONDS = 120
_STOP_SECONDS = 15
_TAIL_LINES = 30
# With the logger's name and a category before the words, or with the package's name before and the category behind.
_OUR_WARNING = re.compile(r"WARNING\s.*? llama_stack_provider_litellm\S*(?: \w+)?: (.*?)(?:\s+category=\w+)?\s*$")


class ServerError(LiteLLMProviderError):
    """The server did not start."""


class Server:
    """Starts a server on entering, stops it on leaving, passes Ctrl-C and SIGTERM on to it.

    With ``log_file`` the server's output goes there, without it to this process's own.
    """

    def __init__(
        self, line: Line, *, run_config: Path, port: int, log_file: Path | None, environment: Mapping[str, str]
    ) -> None:
        self.url = f"http://{_reachable(environment.get('LLAMA_STACK_HOST', ''))}:{port}"
        # Where 0.2 has OpenAI's API: with this package the others have it there too, and one app fits all.
        self.openai_url = self.url + LINES["0.2"].openai
        self._port = port
        self.log_file = log_file
        own = {name: os.path.expanduser(value) for name, value in line.environment.items()}
        self._environment = {**own, **environment}
        self._line = line
        options = ["--port", str(port), *line.options]
        self._command = [sys.executable, "-m", *line.module, str(run_config), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def __enter__(self) -> Server:
        _check_free(self._port)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._pass_on)
        # A group of its own: the terminal's Ctrl-C reaches it once, through us.
        options: dict[str, Any] = {"env": self._environment, "start_new_session": True}
        if self.log_file is None:
            self._process = subprocess.Popen(self._command, **options)
        else:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            with self.log_file.open("wb") as log:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, **options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.poll() is None and not self._stopping:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # What is left of its workers would keep the port.
        self._signal_group(signal.SIGKILL)

    def wait_until_ready(self) -> None:
        """Return when the server answers. Raises ServerError, with the end of its log, when it does not."""
        deadline = time.monotonic() + _BOOT_SECONDS
        while self._running().poll() is None and time.monotonic() < deadline and not self._stopping:
            try:
                self._get("/v1/health")
                return
            except urllib.error.HTTPError:
                # It is up, and asks who calls, or lets this caller do no more.
                return
            except OSError:
                time.sleep(0.1)
        if self._stopping:
            raise SystemExit(130)
        raise ServerError(f"Llama Stack did not start.{self._log_tail()}")

    def models(self) -> dict[str, dict[str, Any]]:
        """What the server says of each of the models that it lists, by the model's id.

        Raises ServerError where it does not show them: to nobody whom it does not know, over a quota, or for a fault.
        """
        try:
            found = self._get("/v1/models")
        except urllib.error.HTTPError as exc:
            if exc.code in (401, 403):
                raise ServerError(f"The server asks who calls (status {exc.code}): its models are not shown.") from None
            why = f"{self.log_file} says why" if self.log_file else "its messages above say why"
            raise ServerError(f"The server does not show its models (status {exc.code}): {why}.") from None
        return self._line.models(found["data"])

    def warnings(self) -> list[str]:
        """What this package warned of while the server started, one line each."""
        if self.log_file is None:
            return []
        # The host's log folds its lines; what continues a line is indented.
        lines = re.sub(r"\s*\n\s{9}", " ", self.log_file.read_text(errors="replace")).splitlines()
        return [match[1].strip() for line in lines if (match := _OUR_WARNING.match(line))]

    def wait(self) -> None:
        """Return when the server has ended. Raises ServerError when nobody asked it to."""
        status = self._running().wait()
        if not self._stopping:
            raise ServerError(f"Llama Stack ended by itself, with status {status}.{self._log_tail()}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server has not been started")
        return self._process

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        again, self._stopping = self._stopping, True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            if again:
                # Who is impatient does not wait for streams: a server's workers hear of it only so.
                self._signal_group(signal.SIGINT)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._running().pid, number)

    def _get(self, path: str) -> Any:
        # Loopback never goes through the environment's HTTP proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + path, timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as exc:
            # It holds the connection, and is of use for its status alone.
            exc.close()
            raise

    def _log_tail(self) -> str:
        if self.log_file is None:
            return " Its messages are above."
        lines = self.log_file.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return f" The end of {self.log_file}:\n" + "\n".join(lines)


def _reachable(host: str) -> str:
    """Where a server that listens at ``host`` is asked from this machine; the shipped run configs take loopback."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 (where it listens, not where it is asked)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def port_refusal(port: int) -> tuple[str, str] | None:
    """Why no server can listen on the port, and the mend; None when one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            other = port + 1 if port < 65535 else port - 1
            return (
                f"Port {port} cannot be used: {exc.strerror}.",
                f"Stop what listens there, or choose another: --port {other}, or LLAMA_STACK_PORT={other}.",
            )
    return None


def _check_free(port: int) -> None:
    if refusal := port_refusal(port):
        raise ServerError(" ".join(refusal))
