"""Starts the imitation as a process of its own, so that its traffic is real and its time is not the test's."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sockets import reserve

if TYPE_CHECKING:
    # The server imports this package too, and has no use for what makes certificates.
    from tests.certificates import Pair

_ROOT = Path(__file__).parents[2]
_POLL = 0.01


class Imitation:
    """An imitation of a LiteLLM Proxy that can be ended and started again at the same address."""

    def __init__(self, port: int, tls: Pair | None) -> None:
        self._place = reserve(port)
        self.port: int = self._place.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._tls = tls
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers. It has forgotten what it has seen and how to behave."""
        command = [sys.executable, "-m", "tests.imitation.server", "--port", str(self.port)]
        if self._tls:
            command += ["--cert", str(self._tls.cert), "--key", str(self._tls.key)]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        # It says its port when it listens.
        if not self._process.stdout.readline():
            self.stop()
            raise RuntimeError("the imitation of a LiteLLM Proxy ended at once; its error is above")

    def stop(self) -> None:
        """End it with all its connections; from then on its port refuses. Calling it again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def close(self) -> None:
        """End it, and give its port back."""
        self.stop()
        self._place.close()

    def seen(self) -> dict[str, Any]:
        """What came since the start or the last `clear`.

        ``keys``: how many requests came with each key. ``requests``: the last 1,000, the oldest first (``method``,
        ``path``, ``query``, ``headers``, ``body``, ``key``, the number of its ``connection``, and ``outcome``: running,
        answered, cut or left).
        ``connections``: how many are ``open``, were ``made``, and the ``most`` that were open at once; those without
        a request are not counted.
        """
        seen: dict[str, Any] = self._request("GET", "/_seen")
        return seen

    def wait_for(
        self, matches: Callable[[dict[str, Any]], bool], count: int = 1, seconds: float = 10.0
    ) -> list[dict[str, Any]]:
        """The requests that match, once there are `count`. Raises `TimeoutError` when they do not come."""
        deadline = time.monotonic() + seconds
        while True:
            requests = self.seen()["requests"]
            found = [request for request in requests if matches(request)]
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                came = [(request["path"], request["outcome"]) for request in requests]
                raise TimeoutError(f"no {count} matching requests within {seconds} s; came: {came}")
            time.sleep(_POLL)

    def clear(self) -> None:
        """Forget all requests and how to behave, and count connections anew."""
        self._request("POST", "/_clear")

    def behave(self, path: str, words: str) -> None:
        """From now on, answer every request for a path as if its prompt said `words` too; "" ends it.

        With or without ``/v1``: ``behave("/health/readiness", "[[gone 502]]")``.
        """
        self._request("POST", "/_behave", {"path": path, "words": words})

    def _request(self, method: str, path: str, said: Any = None) -> Any:
        # http.client never goes through a proxy that the environment may name.
        connection: http.client.HTTPConnection
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(said))
            return json.load(connection.getresponse())
        finally:
            connection.close()


@contextmanager
def imitation_proxy(port: int = 0, tls: Pair | None = None) -> Iterator[Imitation]:
    """A started imitation, ended at the end; with `tls` it speaks HTTPS with that certificate.

    With `port` 0 the system gives a free one, which stays this imitation's while it is stopped.
    """
    imitation = Imitation(port, tls)
    try:
        imitation.start()
        yield imitation
    finally:
        imitation.close()
