"""What the server needs of the machine: a port, a folder."""

from __future__ import annotations

import http.client
import tempfile
import urllib.request

from ... import storage
from ..server import port_refusal
from .finding import Finding

_SECONDS = 2.0


def port(number: int) -> list[Finding]:
    """Whether the port is free, or the stack of this storage folder has it."""
    pid = storage.running_pid()
    running = f"A stack runs from {storage.folder()} (process {pid})"
    refusal = port_refusal(number)
    if refusal is None:
        free = Finding("port", "ok", f"Port {number} is free.")
        return [free, *([Finding("port", "note", f"{running}, on another port.")] if pid else [])]
    if not _is_stack(number):
        return [Finding("port", "error", *refusal)]
    if pid:
        return [Finding("port", "note", f"{running}, and a stack answers on port {number}.")]
    what, mend = refusal
    return [Finding("port", "error", f"{what} Another stack answers there.", mend)]


def _is_stack(number: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{number}/v1/health", timeout=_SECONDS) as answer:
            return b'"OK"' in answer.read(1000)
    except (OSError, http.client.HTTPException):
        return False


def folder() -> Finding:
    """Whether the stack can keep its data."""
    path = storage.folder()
    mend = "Give it to the user who starts the stack, or set SQLITE_STORE_DIR to a folder of theirs."
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    why = f"{nearest} is a file"
    if nearest.is_dir():
        try:
            with tempfile.TemporaryFile(dir=nearest):
                why = ""
        except OSError as exc:
            why = f"nothing can be written in {nearest}: {exc.strerror}"
    if why:
        return Finding("storage", "error", f"The storage folder {path} cannot be used: {why}.", mend)
    return Finding("storage", "ok", f"{path} can be used.")
