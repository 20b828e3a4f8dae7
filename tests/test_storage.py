"""What a running stack tells other processes in its storage folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llama_stack_provider_litellm import storage

CLAIM = (
    "from llama_stack_provider_litellm import storage; claim = storage.claim(); print(claim is not None, flush=True)"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQLITE_STORE_DIR", str(tmp_path / "store"))
    return tmp_path / "store"


def test_nobody_serves_at_first() -> None:
    assert storage.running_pid() is None


def test_a_claim_names_this_process_until_it_is_closed() -> None:
    claim = storage.claim()
    assert claim is not None
    assert storage.running_pid() == os.getpid()
    claim.close()
    assert storage.running_pid() is None
    again = storage.claim()
    assert again is not None
    again.close()


def test_a_process_that_was_killed_serves_no_more_though_its_number_stands_there() -> None:
    """The number may be another process's by then, which a signal would end."""
    waiting = [sys.executable, "-c", f"{CLAIM}; input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert storage.running_pid() == process.pid
        assert storage.claim() is None, "one at a time"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert storage.pid_file().read_text() == str(process.pid)
    assert storage.running_pid() is None


def test_a_file_is_written_as_a_whole(folder: Path) -> None:
    storage.write(folder / "deep" / "x.json", '{"a": 1}')
    assert storage.read_json(folder / "deep" / "x.json") == {"a": 1}
    assert [path.name for path in (folder / "deep").iterdir()] == ["x.json"]


@pytest.mark.parametrize("content", [None, "", "{", "[1]"])
def test_what_is_no_object_is_empty(folder: Path, content: str | None) -> None:
    if content is not None:
        storage.write(folder / "x.json", content)
    assert storage.read_json(folder / "x.json") == {}
