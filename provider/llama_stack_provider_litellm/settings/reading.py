"""A YAML file, read with the line of every key.

LiteLLM reads its config with ``yaml.safe_load``; what that takes is taken here, and what it overlooks (a key that is
written twice) is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from .problems import Path_, Place, Problems, dotted

# Far beyond any config; YAML of this size takes a minute to read.
MOST_BYTES = 10 * 1024 * 1024
# What the aliases of a document may grow it to when each is followed.
_MOST_VALUES = 500_000


@dataclass(slots=True)
class Document:
    """What a file says, and where it says it. ``places`` knows the keys of mappings and the items of lists."""

    path: Path
    data: dict[Any, Any]
    places: dict[Path_, Place] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def place(self, *path: Any) -> Place:
        """Where ``path`` stands, or else the nearest thing around it that has a line."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return Place(self.path)


def read(path: Path, problems: Problems, *, missing: str, included: bool = False) -> Document:
    """The YAML mapping in the file at ``path``.

    Raises ConfigError for a file that cannot be read, is no YAML (naming line and column, and no word of the file,
    which may be a key) or holds no mapping; ``missing`` is what it says about a file that is not there. A file that is
    ``included`` may be empty. A key that is written twice is a warning.
    """
    text = _text(path, missing)
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise ConfigError(f"{Place(path, line)}: not YAML: a character that YAML does not allow.") from None
    try:
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except RecursionError:
        raise ConfigError(f"{path}: lists and mappings are nested too deeply. Write fewer levels.") from None
    except yaml.YAMLError as exc:
        raise ConfigError(_not_yaml(path, exc)) from None
    finally:
        loader.dispose()
    if included and node is None:
        return Document(path, {}, files=(path,))
    if not isinstance(node, yaml.MappingNode) or not isinstance(data, dict):
        if included:
            raise ConfigError(f"{path}: an included file must be a YAML mapping. Give it sections like `model_list:`.")
        raise ConfigError(f"{path}: must be a YAML mapping with a `model_list`, as LiteLLM Proxy's config.yaml is.")
    document = Document(path, data, files=(path,))
    for first, again in loader.twice:
        words = "is written twice in one mapping, first in line {}: the last one counts. Take one of them out."
        problems.warn(Place(path, again.line + 1), first[0], words.format(first[1].line + 1))
    _Walk(path, document.places, loader).note(node, (), ())
    return document


def _text(path: Path, missing: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(missing) from None
    except (OSError, ValueError) as exc:
        # ValueError: a path with a null character in it.
        words = getattr(exc, "strerror", None) or str(exc)
        raise ConfigError(f"{path}: cannot be read: {words}. Give a file that this process may read.") from None
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: larger than {MOST_BYTES // 1024**2} MB: this is no LiteLLM config.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}, line {line}: cannot be read: not UTF-8. Save the file as UTF-8.") from None


def _not_yaml(path: Path, exc: yaml.YAMLError) -> str:
    mark = getattr(exc, "problem_mark", None)
    where = f"{Place(path, mark.line + 1)}, column {mark.column + 1}" if mark else str(path)
    # The exception's text would quote the line or a word of it, perhaps a key; its own tokens ("expected ',' or ']'")
    # are of a letter or two.
    problem = re.sub(r"(['\"])[^'\"]{3,}\1", "…", getattr(exc, "problem", None) or "unreadable")
    return f"{where}: not YAML: {problem}."


class _Loader(yaml.SafeLoader):
    """``yaml.safe_load``'s reader, which takes down keys that are written twice and fails with a YAMLError alone."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[tuple[str, yaml.Mark], yaml.Mark]] = []
        self._flat: set[int] = set()

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], yaml.Mark] = {}
        for key, _ in node.value:
            # A second `<<` adds to the first.
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                known = (key.tag, key.value)
                if known in seen:
                    self.twice.append(((key.value, seen[known]), key.start_mark))
                seen[known] = key.start_mark
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) in self._flat:
            return
        self._flat.add(id(node))
        super().flatten_mapping(node)
        # Merges of merges would double the pairs at each level. The last of equal keys counts, as in YAML.
        last = {
            (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key): (key, value)
            for key, value in node.value
        }
        node.value = list(last.values())

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception:  # a date of a 13th month, a number without digits: whatever Python says of it
            raise yaml.constructor.ConstructorError(
                None, None, "a value that its form promises and that does not exist", node.start_mark
            ) from None


class _Walk:
    """Takes down where everything stands, with a bound on what aliases can grow a document to."""

    def __init__(self, file: Path, places: dict[Path_, Place], loader: _Loader) -> None:
        self._file = file
        self._places = places
        self._loader = loader

    def note(self, node: yaml.Node, path: Path_, around: tuple[int, ...]) -> None:
        if id(node) in around:
            raise ConfigError(
                f"{Place(self._file, node.start_mark.line + 1)}: {dotted(path)}: an alias refers to what it stands in. "
                "Write the value out."
            )
        around = (*around, id(node))
        pairs: list[tuple[Any, yaml.Node, yaml.Node]] = []
        if isinstance(node, yaml.MappingNode):
            pairs = [(self._loader.construct_object(key), key, value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pairs = [(index, item, item) for index, item in enumerate(node.value)]
        for step, marked, value in pairs:
            if not isinstance(step, str | int | float | bool | None):
                step = str(step)
            below = (*path, step)
            self._places[below] = Place(self._file, marked.start_mark.line + 1)
            if len(self._places) > _MOST_VALUES:
                raise ConfigError(
                    f"{self._file}: more than {_MOST_VALUES:,} values once its aliases are followed: "
                    "this is no LiteLLM config."
                )
            self.note(value, below, around)


def is_reference(value: object) -> bool:
    """Whether ``value`` is LiteLLM's ``os.environ/NAME``."""
    return isinstance(value, str) and value.startswith("os.environ/")


def as_mapping(value: object) -> Mapping[str, Any]:
    """``value`` when it is a mapping, an empty one when it is anything else."""
    return value if isinstance(value, Mapping) else {}
