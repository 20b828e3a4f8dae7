"""A collector of OpenTelemetry metrics: it takes what a stack exports, and keeps it as it came."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Collector:
    """What has been exported, as OTLP's protobuf; names stand in it as they are."""

    def __init__(self, url: str) -> None:
        self.environment = {
            "TELEMETRY_SINKS": "otel_metric",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }
        """With these a stack exports to it, five times a second."""
        self.exported: list[bytes] = []

    def wait_for(self, words: bytes, seconds: float = 10) -> bytes:
        """The first export that holds ``words``; fails when none comes."""
        deadline = time.monotonic() + seconds
        while True:
            for export in list(self.exported):
                if words in export:
                    return export
            assert time.monotonic() < deadline, f"{words!r} in none of {len(self.exported)} exports"
            time.sleep(0.02)


@contextmanager
def collector() -> Iterator[Collector]:
    """A running collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.exported.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
