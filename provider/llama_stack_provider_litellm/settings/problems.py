"""What is wrong with a config, where it stands, and how it is collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError

Severity = Literal["error", "warning"]
# A way into a YAML document: the keys and the list indexes, from the top.
Path_ = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1; line 0 is the file as a whole."""

    file: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" if self.line else str(self.file)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (``error``) or that deserves a look (``warning``).

    ``key`` is the way to it (``router_settings.num_retries``), empty for the file itself. ``text`` says what is
    wrong and how to mend it.
    """

    severity: Severity
    place: Place
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.text}" if self.key else f"{self.place}: {self.text}"


@dataclass
class Problems:
    """Collects what a reading of a config finds, so that all of it is told at once."""

    found: list[Problem] = field(default_factory=list)

    def error(self, place: Place, key: str, text: str) -> None:
        """Take down what keeps the config from being used."""
        self.found.append(Problem("error", place, key, text))

    def warn(self, place: Place, key: str, text: str) -> None:
        """Take down what the config can be used in spite of."""
        self.found.append(Problem("warning", place, key, text))

    @property
    def errors(self) -> list[Problem]:
        """What keeps the config from being used."""
        return [problem for problem in self.found if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """What the config can be used in spite of."""
        return [problem for problem in self.found if problem.severity == "warning"]

    def raise_errors(self) -> None:
        """Raise ConfigError with all the errors, one a line."""
        if self.errors:
            raise ConfigError("\n".join(map(str, self.errors)))


def dotted(path: Path_, names: Mapping[Path_, str] | None = None) -> str:
    """``model_list[0] (gpt).litellm_params.api_key`` for a way into a document.

    ``names`` are what the lists' items call themselves.
    """
    text = ""
    for depth, step in enumerate(path, start=1):
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
        if names and (name := names.get(path[:depth])):
            text += f" ({name})"
    return text


def walk(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value inside ``value``, itself included, with the way to it."""
    yield path, value
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for step, item in inside:
        yield from walk(item, (*path, step))
