"""Which releases are installed, by their metadata alone, and whether they are in given bounds.

Releases are compared as PEP 440 has it, as far as the bounds here need: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

OURS = "llama-stack-provider-litellm"

_VERSION = re.compile(r"v?(?:\d+!)?(\d+(?:\.\d+)*)([^+]*)")
_CANDIDATE = re.compile(r"[-_.]?(?:a|b|c|rc|pre|dev|alpha|beta|preview)", re.I)
_CLAUSE = re.compile(r"(==|!=|<=|>=|<|>)\s*([^\s,]+)")
_REQUIREMENT = re.compile(r"([\w.-]+)\s*(\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?")
_EXTRA = re.compile(r"extra == ['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A distribution that another one asks for, in its bounds; ``extra`` is the extra that does, or empty."""

    name: str
    specifier: str
    extra: str = ""
    extras: str = ""

    def __str__(self) -> str:
        return f"{self.name}{self.extras}{self.specifier}"


def installed(name: str) -> str | None:
    """The release of a distribution that this interpreter finds; None for none."""
    try:
        return metadata.version(name) or None
    except metadata.PackageNotFoundError:
        return None


def requirements(name: str) -> Iterator[Requirement]:
    """What an installed distribution asks for, without what depends on the machine."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        if (match := _REQUIREMENT.fullmatch(line)) is None:
            continue
        extra = _EXTRA.fullmatch(match[4] or "")
        if match[4] is None or extra:
            wanted = re.sub(r"[-_.]+", "-", match[1]).lower()
            yield Requirement(wanted, match[3].strip(), extra[1] if extra else "", match[2] or "")


def line_of(version: str) -> str:
    """``0.2`` of ``0.2.24``: what changes the interfaces of a host."""
    return ".".join(map(str, [*_numbers(version), 0, 0][:2]))


def within(version: str, specifier: str) -> bool:
    """Whether a release is in bounds such as ``>=1.8.1,<2``; a candidate of 2 is not."""
    return all(_holds(version, operator, bound) for operator, bound in _CLAUSE.findall(specifier))


def _holds(version: str, operator: str, bound: str) -> bool:
    if bound.endswith(".*"):
        wanted = [int(part) for part in bound[:-2].split(".")]
        return ([*_numbers(version), *[0] * len(wanted)][: len(wanted)] == wanted) is (operator == "==")
    found, limit = _key(version), _key(bound)
    return {
        "==": found == limit,
        "!=": found != limit,
        "<": found < limit and found[0] != limit[0],
        "<=": found <= limit,
        ">": found > limit,
        ">=": found >= limit,
    }[operator]


def _key(version: str) -> tuple[list[int], bool]:
    match = _VERSION.match(version)
    return _numbers(version), not (match and _CANDIDATE.match(match[2]))


def _numbers(version: str) -> list[int]:
    match = _VERSION.match(version)
    numbers = [int(part) for part in match[1].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def install(*wanted: object) -> str:
    """The command that installs ``wanted`` where this command runs."""
    command = [sys.executable, "-m", "pip", "install"]
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        command = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*command, *map(str, wanted)])
