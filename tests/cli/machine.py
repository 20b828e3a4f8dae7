"""A machine of its own for `llama-stack-litellm doctor`: what is installed, what is set, what listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.processes import ROOT

JSON = "application/json"
_MODELS = [
    {"model_name": "gpt", "litellm_params": {"model": "openai/gpt-4o-mini"}, "model_info": {"mode": "chat"}},
    {
        "model_name": "small",
        "litellm_params": {"model": "openai/text-embedding-3-small"},
        "model_info": {"mode": "embedding", "output_vector_size": 1536},
    },
    {"model_name": "unsized", "litellm_params": {"model": "openai/x"}, "model_info": {"mode": "embedding"}},
]
# What a LiteLLM Proxy answers.
READY = {
    "/health/readiness": (200, JSON, '{"status": "healthy", "db": "Not connected"}'),
    "/health/readiness/details": (200, JSON, '{"status": "healthy", "litellm_version": "1.106.2"}'),
    "/v1/models": (200, JSON, json.dumps({"data": [{"id": row["model_name"]} for row in _MODELS]})),
    "/v1/model/info": (200, JSON, json.dumps({"data": _MODELS})),
}

_PROGRAM = "from llama_stack_provider_litellm.cli import main; main(prog_name='llama-stack-litellm')"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Done:
    """What a run of the doctor has said."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON that it printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def of(self, subject: str, *severities: str) -> list[dict[str, str]]:
        """The findings of a subject, of these severities or of any."""
        found = [one for one in self.report["findings"] if one["subject"] == subject]
        return [one for one in found if not severities or one["severity"] in severities]

    def one(self, subject: str, severity: str, words: str) -> dict[str, str]:
        """The finding of a subject and a severity that holds these words."""
        found = [one for one in self.of(subject, severity) if words in one["what"]]
        assert len(found) == 1, self.report["findings"]
        return found[0]


class Machine:
    """A folder that holds what differs from this machine; nothing of this process's environment gets there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self._packages = folder / "packages"
        self._packages.mkdir()
        self._site: Path | None = None
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "SQLITE_STORE_DIR": str(self.store),
            # Where nothing listens.
            "OLLAMA_HOST": "127.0.0.1:9",
        }

    def install(self, name: str, version: str, *requires: str) -> None:
        """A distribution of which there is nothing but the metadata; it hides the real one."""
        about = self._packages / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        lines = [f"Requires-Dist: {line}" for line in requires]
        text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
        (about / "METADATA").write_text(f"{text}\n")

    def write(self, module: str, code: str) -> None:
        """A module that hides the real one."""
        (self._packages / f"{module}.py").write_text(code)

    def uninstall(self, *names: str) -> None:
        """Have none of these distributions, neither metadata nor modules."""
        self._site = self.folder / "site"
        self._site.mkdir()
        hidden = {file.parts[0] for name in names for file in metadata.files(name) or ()}
        for item in Path(sysconfig.get_path("purelib")).iterdir():
            if item.name not in hidden:
                (self._site / item.name).symlink_to(item)

    def doctor(self, *arguments: object, as_json: bool = True, **environment: str) -> Done:
        """Run it here."""
        path = [self._packages, *([self._site] if self._site else []), ROOT / "provider"]
        command = [sys.executable, *(["-S"] if self._site else []), "-c", _PROGRAM, "doctor", *map(str, arguments)]
        done = subprocess.run(
            [*command, *(["--json"] if as_json else [])],
            env={**self.environment, "PYTHONPATH": os.pathsep.join(map(str, path)), **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def served(routes: dict[str, tuple[int, str, str]], context: Any = None) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An HTTP server with a status, a media type and a body for each path, and the headers that it was asked with."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append({"path": path, **{name.lower(): value for name, value in self.headers.items()}})
            status, kind, body = routes.get(path, (404, "application/json", '{"detail": "Not Found"}'))
            self.send_response(status)
            if status == 302:
                self.send_header("location", body)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    # How often it looks whether it shall end, in seconds.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
