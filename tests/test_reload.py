"""Following a config: what may not stop it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from llama_stack_provider_litellm import catalog, reload
from llama_stack_provider_litellm.errors import ConfigError


class Engine:
    """As much of an engine as a follower sees."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.reloads = 0
        self.faults: list[Exception] = []
        self.host_fails = False

    def sources(self) -> tuple[Path, ...]:
        return (self.file,)

    async def catalog(self) -> catalog.Catalog:
        return catalog.build([], lambda name: {})

    async def reload(self) -> None:
        self.reloads += 1
        if self.faults:
            raise self.faults.pop(0)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("SQLITE_STORE_DIR", str(tmp_path / "store"))
    monkeypatch.setattr(reload, "_QUIET_MS", 20)
    monkeypatch.setattr(reload, "_LOOK_MS", 50)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "config.yaml").write_text("0")
    return Engine(folder / "config.yaml")


async def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def follow(engine: Engine, body: Callable[[], Any]) -> None:
    async def told(_: catalog.Catalog) -> None:
        if engine.host_fails:
            raise RuntimeError("the host's store is locked")

    async def run() -> None:
        follower = reload.Follower(engine, told, catalog.build([], lambda name: {}))  # type: ignore[arg-type]
        follower.start()
        try:
            await body()
        finally:
            await follower.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


async def changed(engine: Engine, content: str) -> None:
    before = engine.reloads
    engine.file.write_text(content)
    await until(lambda: engine.reloads > before)


def test_a_reload_that_fails_is_not_the_last(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        engine.faults.append(ConfigError("wrong"))
        await changed(engine, "1")
        # What mends it may be a file that it includes, and that nobody knows of yet.
        (engine.file.parent / "included.yaml").write_text("x")
        await until(lambda: engine.reloads == 2)
        await changed(engine, "22")

    follow(engine, body)
    assert "wrong" in caplog.text


def test_a_host_that_cannot_be_told_is_told_again(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        engine.host_fails = True
        await changed(engine, "1")
        engine.host_fails = False
        await changed(engine, "22")

    follow(engine, body)
    assert caplog.text.count("the host's store is locked") >= 1


def test_a_folder_that_goes_and_comes_back(engine: Engine) -> None:
    async def body() -> None:
        away = engine.file.parent.with_name("away")
        engine.file.parent.rename(away)
        await until(lambda: engine.reloads == 1)
        away.rename(engine.file.parent)
        await until(lambda: engine.reloads == 2)

    follow(engine, body)


@pytest.mark.parametrize("fault", [FileNotFoundError("gone"), RuntimeError("no inotify")])
def test_where_nothing_can_be_watched_it_is_looked_at(
    engine: Engine, fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuses(*folders: Any, **options: Any) -> Any:
        raise fault
        yield

    monkeypatch.setattr(watchfiles, "awatch", refuses)
    follow(engine, lambda: changed(engine, "1"))
    assert "cannot be watched" in caplog.text


def test_a_store_that_cannot_be_written_stops_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (engine.file.parent / "a file").write_text("")
    monkeypatch.setenv("SQLITE_STORE_DIR", str(engine.file.parent / "a file" / "store"))
    follow(engine, lambda: changed(engine, "1"))
    assert "will not find this stack" in caplog.text


def test_closing_does_not_wait(engine: Engine) -> None:
    async def body() -> None:
        await changed(engine, "1")

    began = time.monotonic()
    follow(engine, body)
    assert time.monotonic() - began < 5


def test_a_file_that_changes_right_after_it_was_included_is_read_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    included = engine.file.with_name("included.yaml")
    included.write_text("first")
    read: list[str] = []

    async def reload_it() -> None:
        engine.reloads += 1
        read.append(included.read_text())
        # Whoever sees the new models may write at once, before anybody looks after the file.
        included.write_text("second")

    monkeypatch.setattr(engine, "reload", reload_it)
    monkeypatch.setattr(engine, "sources", lambda: (engine.file, included)[: 1 + bool(read)])

    async def body() -> None:
        await asyncio.sleep(0.1)
        engine.file.write_text("include: [included.yaml]")
        await until(lambda: read[-1:] == ["second"])

    follow(engine, body)
    assert read[0] == "first"
