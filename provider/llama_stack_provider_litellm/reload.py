"""Follow the LiteLLM config while the stack runs: read it again when it changes, or at a SIGHUP."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import watchfiles

from . import storage
from .catalog import Catalog
from .engines import Engine
from .errors import ConfigError

logger = logging.getLogger(__name__)

# How long, in milliseconds, a file must be left alone before it is read: an editor writes in several steps.
_QUIET_MS = 300

# And how often it is looked at where nothing tells of a change: network file systems do not.
_LOOK_MS = 2000

Told = Callable[[Catalog], Awaitable[None]]
"""Tells a host which models there are now."""


class Follower:
    """Keeps an engine and its host at what the config files say.

    A config that cannot be used is a line in the log; the models stay. ``$SQLITE_STORE_DIR/litellm.pid`` names
    the process that takes a SIGHUP, and ``litellm.reload.json`` beside it says what came of the last reload.
    """

    def __init__(self, engine: Engine, told: Told) -> None:
        self._engine = engine
        self._told = told
        self._number = 0
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._listens = False
        self._claim: IO[str] | None = None

    def start(self) -> None:
        """Watch from now on, in the running loop."""
        # It would log every change of every file beside the config.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._begin(self._watch())
        # Only a program's main thread has signals; in a thread or another program there is nothing to name.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: self._begin(self.reload()))
            self._listens = True
            self._name()

    def _name(self) -> None:
        """Say in the storage folder which process takes the signal; the config is followed without that too."""
        try:
            self._claim = storage.claim()
        except OSError as exc:
            logger.warning("`llama-stack-litellm reload` will not find this stack: %s", exc)
        else:
            if self._claim is None:
                logger.warning("Another stack serves from %s: `reload` will reach that one.", storage.folder())

    async def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listens:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        if self._claim is not None:
            storage.pid_file().unlink(missing_ok=True)
            self._claim.close()

    async def reload(self) -> None:
        """Read the config again, tell the host what is new, and everybody what came of it."""
        async with self._one_at_a_time:
            before = await self._engine.catalog()
            error = None
            try:
                await self._engine.reload()
            except ConfigError as exc:
                error = str(exc)
                logger.error("The LiteLLM config was not read again; the models stay as they are. %s", exc)
            now = await self._engine.catalog()
            changes = _changes(before, now)
            if any(changes.values()):
                await self._told(now)
            if error is None:
                told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in changes.items() if names)
                logger.info("The LiteLLM config was read again. %s.", f"Models {told}" if told else "Same models")
            self._number += 1
            if self._claim is not None:
                outcome = {"number": self._number, "pid": os.getpid(), "error": error, **changes}
                storage.write(storage.reload_file(), json.dumps(outcome))

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            logger.error("Following the LiteLLM config failed: %r", exc)

    async def _watch(self) -> None:
        seen = _state(self._engine.sources())
        while not self._stop.is_set():
            async for _ in _changed_near(self._engine.sources(), self._stop):
                files = self._engine.sources()
                if (now := _state(files)) != seen:
                    seen = now
                    try:
                        await self.reload()
                    except Exception:
                        # The next change may mend it, so that watching must go on.
                        logger.exception("Following the LiteLLM config failed.")
                    # Includes may have come or gone.
                    if self._engine.sources() != files:
                        seen = _state(self._engine.sources())
                        break


async def _changed_near(files: tuple[Path, ...], stop: asyncio.Event) -> AsyncIterator[None]:
    """Whenever something has changed in a folder that holds one of the files.

    The folder, and whatever changes in it: editors replace files, and a Kubernetes volume replaces a link to the
    folder of all of them.
    """
    folders = {file.parent for file in files} | {file.resolve().parent for file in files}
    try:
        async for _ in watchfiles.awatch(
            *folders,
            watch_filter=None,
            debounce=_QUIET_MS,
            recursive=False,
            stop_event=stop,
            raise_interrupt=False,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
        ):
            yield None
    except (OSError, RuntimeError) as exc:
        logger.warning("The LiteLLM config cannot be watched, and is looked at every %d ms: %s", _LOOK_MS, exc)
    while not stop.is_set():
        await asyncio.sleep(_LOOK_MS / 1000)
        yield None


def _state(files: tuple[Path, ...]) -> list[tuple[int, int, int] | None]:
    return [_stat(file) for file in files]


def _stat(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _changes(before: Catalog, now: Catalog) -> dict[str, list[str]]:
    return {
        "added": sorted(now.entries.keys() - before.entries.keys()),
        "changed": sorted(name for name, entry in now.entries.items() if before.entries.get(name, entry) != entry),
        "removed": sorted(before.entries.keys() - now.entries.keys()),
    }
