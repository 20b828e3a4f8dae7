"""Follow the LiteLLM config while the stack runs: read it again when it changes, or at a SIGHUP."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from . import storage
from .catalog import Catalog
from .engines import Engine
from .errors import ConfigError

logger = logging.getLogger(__name__)

# How long, in milliseconds, a file must be left alone before it is read: an editor writes in several steps.
_QUIET_MS = 300

# And how often it is looked at where nothing tells of a change: network file systems do not.
_LOOK_MS = 2000

_State = list[tuple[int, int, int] | None]
Told = Callable[[Catalog], Awaitable[None]]
"""Tells a host which models there are now."""


class Follower:
    """Keeps an engine and its host at what the config files say.

    A config that cannot be used is a line in the log; the models stay. ``$SQLITE_STORE_DIR/litellm.pid`` names
    the process that takes a SIGHUP, and ``litellm.reload.json`` beside it says what came of the last reload.
    """

    def __init__(self, engine: Engine, told: Told, known: Catalog) -> None:
        """``known`` is what the host knows so far, and ``told`` tells it what is so now."""
        self._engine = engine
        self._told = told
        self._known = known
        self._unclaimed = False
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._listens = False
        self._claim: IO[str] | None = None

    def start(self) -> None:
        """Watch from now on, in the running loop."""
        if files := self._engine.sources():
            self._begin(self._watch(files, [_stat(file) for file in files]))
        # Only a program's main thread has signals; in a thread or another program there is nothing to name.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: self._begin(self.reload()))
            self._listens = True
            self._name()

    def _name(self) -> None:
        """Say in the storage folder which process takes the signal; the config is followed without that too."""
        # Of a server's workers one takes the signal; all follow the files.
        is_worker = multiprocessing.parent_process() is not None
        reason = "" if is_worker else f"another stack serves from {storage.folder()}"
        try:
            self._claim = storage.claim()
        except OSError as exc:
            reason = str(exc)
        if self._claim is None and not self._unclaimed and reason:
            self._unclaimed = True
            logger.warning("`llama-stack-litellm reload` will not find this stack: %s", reason)

    async def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._claim is not None:
            # First: nobody may send a signal that is not handled any more.
            self._claim.close()
        if self._listens:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def renewed(self) -> None:
        """The engine has found other models by itself: let the host know."""
        self._begin(self._renewed())

    async def _renewed(self) -> None:
        async with self._one_at_a_time:
            changes = await self._tell()
            if any(changes.values()):
                logger.info("Models %s.", _shown(changes))

    async def _tell(self) -> dict[str, list[str]]:
        """Tell the host which models there are now; what has changed."""
        before, self._known = self._known, await self._engine.catalog()
        try:
            await self._told(self._known)
        except Exception:
            # The host's own trouble, with its store for example: the next reload tells it again.
            logger.exception("The host's list of models could not be brought up to date.")
        return _changes(before, self._known)

    async def reload(self) -> str | None:
        """Read the config again, tell the host what is new, and everybody what came of it; returns what is wrong."""
        async with self._one_at_a_time:
            began = time.time_ns()
            error = None
            try:
                await self._engine.reload()
            except ConfigError as exc:
                error = str(exc)
                logger.error("The LiteLLM config was not read again; the models stay as they are. %s", exc)
            changes = await self._tell()
            if error is None:
                told = _shown(changes)
                logger.info("The LiteLLM config was read again. %s.", f"Models {told}" if told else "Same models")
            self._publish({"began": began, "error": error, **changes})
            return error

    def _publish(self, outcome: dict[str, Any]) -> None:
        if self._claim is None:
            return
        try:
            storage.write(storage.reload_file(), json.dumps(outcome))
        except OSError as exc:
            logger.warning("What came of the reload could not be written down: %s", exc)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            logger.error("Following the LiteLLM config failed: %r", exc)

    async def _watch(self, files: tuple[Path, ...], seen: _State) -> None:
        error: str | None = None
        while not self._stop.is_set():
            async for changed in _looks(files, self._stop):
                if self._listens and self._claim is None:
                    self._name()
                # What a file that could not be read includes is not known: any change may have mended it.
                if await _state(files) != seen or (changed and error):
                    seen = await _settled(files)
                    error = await self.reload()
                    watched = files
                    while (sources := self._engine.sources()) != files:
                        # What a file includes has been read before anybody looked after it, and may be another by now.
                        files, seen = sources, await _settled(sources)
                        error = await self.reload()
                    if files != watched:
                        break


async def _looks(files: tuple[Path, ...], stop: asyncio.Event) -> AsyncIterator[bool]:
    """True whenever something has changed in a folder that holds one of the files, and False now and then.

    The folder, and whatever changes in it: editors replace files, and a Kubernetes volume replaces a link to the
    folder of all of them.
    """
    # Comes with the extra `embedded`, and without a LiteLLM config there is no file to watch.
    import watchfiles

    # It would log every change of every file beside the config.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    try:
        folders = {file.parent for file in files} | {file.resolve().parent for file in files}
        async for changes in watchfiles.awatch(
            *folders,
            watch_filter=None,
            debounce=_QUIET_MS,
            recursive=False,
            stop_event=stop,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
        ):
            yield bool(changes)
    except Exception as exc:  # the library has kinds of its own: inotify used up, forbidden, a folder lost
        logger.warning("The LiteLLM config cannot be watched, and is looked at every %d ms: %s", _LOOK_MS, exc)
    while not stop.is_set():
        await asyncio.sleep(_LOOK_MS / 1000)
        yield False


async def _settled(files: tuple[Path, ...]) -> _State:
    """The state of the files, once nobody writes them any more."""
    state = await _state(files)
    while True:
        await asyncio.sleep(_QUIET_MS / 1000)
        if (now := await _state(files)) == state:
            return state
        state = now


async def _state(files: tuple[Path, ...]) -> _State:
    # In a thread: a network file system may not answer.
    return await asyncio.to_thread(lambda: [_stat(file) for file in files])


def _stat(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _shown(changes: dict[str, list[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in changes.items() if names)


def _changes(before: Catalog, now: Catalog) -> dict[str, list[str]]:
    return {
        "added": sorted(now.entries.keys() - before.entries.keys()),
        "changed": sorted(name for name, entry in now.entries.items() if before.entries.get(name, entry) != entry),
        "removed": sorted(before.entries.keys() - now.entries.keys()),
    }
