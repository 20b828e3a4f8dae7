"""Of what openai's client can do, only what LiteLLM's calls need.

The client imports a resource when it is first asked for it, and with one comes the package that holds all of them: 450
modules, a quarter of a second of every start and 12 MiB of every process. A chat needs a twentieth. openai 3 does by
itself what is done here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_NAME = "openai.resources"
NEEDED = tuple(f"{_NAME}.{name}" for name in ("chat", "completions", "embeddings"))
"""The modules of the resources that are asked for in a first chat, text completion or embedding."""


def install() -> None:
    """Have each module of openai's resources imported without the others, where nobody has imported them all yet.

    What asks the package itself for something, as ``from openai.resources import Chat`` does, gets it: all of them are
    imported then. A test fails when openai no longer imports them all by itself.
    """
    spec = importlib.util.find_spec(_NAME)
    if spec is None:
        return
    package = importlib.util.module_from_spec(spec)
    package.__class__ = _Resources
    # Another thread may have been quicker.
    if sys.modules.setdefault(_NAME, package) is package:
        sys.modules["openai"].resources = package  # type: ignore[attr-defined]


class _Resources(ModuleType):
    """The package before it has been asked for anything but its modules."""

    _lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            # Another thread may have waited for it.
            if isinstance(self, _Resources):
                importlib.reload(self)
                self.__class__ = ModuleType  # type: ignore[assignment]
        return ModuleType.__getattribute__(self, name)
