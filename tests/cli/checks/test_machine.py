"""What the doctor says of the port and of the storage folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.machine import Machine, served
from tests.processes import ROOT, free_port

CLAIM = (
    "from llama_stack_provider_litellm import storage; claim = storage.claim(); print(claim is not None, flush=True); "
    "input()"
)
HEALTHY = {"/v1/health": (200, "application/json", '{"status":"OK"}')}


@contextmanager
def stack_in(machine: Machine) -> Iterator[int]:
    """A process that names itself in the storage folder as a stack does; its number."""
    environment = {**os.environ, "SQLITE_STORE_DIR": str(machine.store), "PYTHONPATH": str(ROOT / "provider")}
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process.pid
        process.kill()


def test_a_free_port(machine: Machine) -> None:
    port = free_port()
    done = machine.doctor("--mode", "proxy", "--port", port)
    assert [one["what"] for one in done.of("port")] == [f"Port {port} is free."]


def test_a_port_that_is_taken(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = machine.doctor("--mode", "proxy", LLAMA_STACK_PORT=str(port))
    found = done.one("port", "error", f"Port {port} cannot be used: Address already in use.")
    assert f"--port {port + 1}" in found["mend"]
    assert done.status == 1


def test_a_port_that_another_stack_has(machine: Machine) -> None:
    with served(HEALTHY) as (url, _):
        done = machine.doctor("--mode", "proxy", "--port", url.rsplit(":", 1)[-1])
    assert done.one("port", "error", "Another stack answers there.")


def test_the_port_of_the_stack_that_runs_from_the_folder(machine: Machine) -> None:
    with served(HEALTHY) as (url, _), stack_in(machine) as pid:
        done = machine.doctor("--mode", "proxy", "--port", url.rsplit(":", 1)[-1])
    assert done.of("port", "error") == []
    assert done.one("port", "note", f"A stack runs from {machine.store} (process {pid})")


def test_a_stack_that_runs_on_another_port(machine: Machine) -> None:
    with stack_in(machine) as pid:
        done = machine.doctor("--mode", "proxy", "--port", free_port())
    assert done.one("port", "note", f"(process {pid}), on another port.")
    assert done.one("port", "ok", "is free")


def test_a_folder_that_is_not_there_yet_is_not_made(machine: Machine) -> None:
    done = machine.doctor("--mode", "proxy")
    assert done.one("storage", "ok", str(machine.store))
    assert not machine.store.exists()


def test_a_file_in_the_folders_place(machine: Machine) -> None:
    machine.store.write_text("")
    for place in (machine.store, machine.store / "deep" / "er"):
        done = machine.doctor("--mode", "proxy", SQLITE_STORE_DIR=str(place))
        found = done.one("storage", "error", f"folder {place} cannot be used: {machine.store} is a file.")
        assert "SQLITE_STORE_DIR" in found["mend"]
        assert done.status == 1


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="a folder in which not even root can write is Linux's /proc"
)
def test_a_folder_that_cannot_be_made(machine: Machine) -> None:
    done = machine.doctor("--mode", "proxy", SQLITE_STORE_DIR="/proc/stack/store")
    assert done.one(
        "storage", "error", "The storage folder /proc/stack/store cannot be used: nothing can be written in"
    )
