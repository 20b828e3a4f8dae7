"""Bounds of releases, against what pip takes."""

from __future__ import annotations

import itertools
import shlex
import subprocess
import sys

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from llama_stack_provider_litellm.cli.checks import releases

VERSIONS = (
    *("0.2", "0.2.0", "0.2.23", "0.2.24", "0.2.24.post1", "1.82.6", "1.82.7", "1.84.0rc1", "1.84", "1.106.2rc1"),
    *("1.106.2", "1.106.2+local", "1.106.10", "1.107.0.dev1", "1.107.0rc2", "1.107", "1.107.0", "2.0.0b1", "2", "10.0"),
)
SPECIFIERS = ("", ">=1.106.2,<1.107", "<2", "<=2", ">1.84", "==0.2.24", "!=1.82.7", "==1.106.*", "!=1.106.*", "==2.0.0")


@pytest.mark.parametrize(("version", "specifier"), [*itertools.product(VERSIONS, SPECIFIERS)])
def test_bounds_are_pips(version: str, specifier: str) -> None:
    # Here a release made again (.post1) is the release that it was made of.
    public = version.partition(".post")[0]
    assert releases.within(version, specifier) is SpecifierSet(specifier).contains(public, prereleases=True)


@pytest.mark.parametrize(("version", "line"), [("0.2.24", "0.2"), ("0.7.3", "0.7"), ("1", "1.0"), ("1.4.0rc1", "1.4")])
def test_the_line_of_a_host(version: str, line: str) -> None:
    assert releases.line_of(version) == line
    assert Version(version).release[0] == int(line[0])


def test_what_a_distribution_asks_for() -> None:
    found = {(one.name, one.extra): one for one in releases.requirements(releases.OURS)}
    assert str(found["litellm", "embedded"]) == "litellm!=1.107.*,<1.109,>=1.106.2"
    assert str(found["sqlalchemy", "distribution"]) == "sqlalchemy[asyncio]>=2.0.41"
    assert found["aiohttp", ""].extra == ""
    # What only some machines need is nobody's fault to miss.
    assert not [one for one in releases.requirements("aiohttp") if one.name == "async-timeout"]
    assert list(releases.requirements("not-there")) == []


def test_the_command_installs_into_this_interpreters_environment() -> None:
    command = shlex.split(releases.install("mcp>=1.8.1,<2"))
    assert command[-1] == "mcp>=1.8.1,<2"
    assert sys.executable in command
    done = subprocess.run([*command[:-1], "--help"], capture_output=True, text=True, check=True)
    assert "install" in done.stdout
