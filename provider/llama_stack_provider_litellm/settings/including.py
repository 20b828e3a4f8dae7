"""LiteLLM's ``include:``, file by file, with the places of everything kept.

The merge is that of ``litellm.proxy.common_utils.config_includes``: an entry is relative to the file that declares
it (or else to the first one), files are read once and breadth first, lists are joined, anything else is overwritten.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .problems import Path_, Place, Problems
from .reading import Document, read

_KEY = "include"


def with_includes(root: Document, problems: Problems) -> Document:
    """The config with what it includes merged in, and without its ``include``.

    Raises ConfigError, naming the line that includes, for a file that is missing or no config. A file that is
    included a second time is not read again, as LiteLLM has it; where that closes a circle it is a warning.
    """
    merged = Document(root.path, dict(root.data), dict(root.places), root.files)
    seen = {_absolute(root.path): _Origin(())}
    pending = _entries(root, _absolute(root.path))
    while pending:
        name, declared_in, place = pending.pop(0)
        target = _target(name, declared_in, root.path)
        above = (*seen[declared_in].above, declared_in)
        if target in seen:
            if target in above:
                problems.warn(place, _KEY, f"{target.name} includes itself here. Take the line out.")
            continue
        seen[target] = _Origin(above)
        missing = f"{place}: {_KEY}: {target}: no such file. Correct the path."
        included = read(target, problems, missing=missing, included=True)
        _merge(merged, included)
        pending += _entries(included, target)
    _drop(merged, (_KEY,))
    merged.data.pop(_KEY, None)
    return merged


class _Origin:
    """The files that led to one, the first one first."""

    def __init__(self, above: tuple[Path, ...]) -> None:
        self.above = above


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _target(name: str, declared_in: Path, root: Path) -> Path:
    beside = _absolute(declared_in.parent / name)
    beside_root = _absolute(root.parent / name)
    return beside_root if beside_root.exists() and not beside.exists() else beside


def _entries(document: Document, file: Path) -> list[tuple[str, Path, Place]]:
    entries = document.data.get(_KEY, [])
    if not isinstance(entries, list) or not all(isinstance(entry, str) and "\0" not in entry for entry in entries):
        raise ConfigError(f"{document.place(_KEY)}: {_KEY}: must be a list of file paths.")
    return [(entry, file, document.place(_KEY, index)) for index, entry in enumerate(entries)]


def _merge(base: Document, included: Document) -> None:
    base.files += included.files
    for key, value in included.data.items():
        if key == _KEY:
            continue
        present = base.data.get(key)
        joined = isinstance(present, list) and isinstance(value, list)
        offset = len(present) if joined else 0  # type: ignore[arg-type]
        if joined:
            base.data[key] = [*present, *value]  # type: ignore[misc]
        else:
            _drop(base, (key,))
            base.data[key] = value
            base.places[(key,)] = included.place(key)
        for path, place in included.places.items():
            if path[0] == key and len(path) > 1:
                base.places[_shifted(path, offset)] = place


def _shifted(path: Path_, offset: int) -> Path_:
    return (path[0], path[1] + offset, *path[2:]) if offset else path


def _drop(document: Document, prefix: tuple[Any, ...]) -> None:
    for path in [path for path in document.places if path[: len(prefix)] == prefix]:
        del document.places[path]
