"""The commands and snippets of the README and of docs/, for the tests that run them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

from tests.processes import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
# A step of a list has its block indented.
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.S | re.M)
# An example stands in the README under a comment that names its file.
_EXAMPLE = re.compile(r"^<!-- (examples/\w+\.py) -->\n```python\n(.*?)^```$", re.S | re.M)


def scripts(heading: str, page: Path = README) -> list[str]:
    """The shell blocks of a page under the heading that holds ``heading``, in order."""
    return blocks("sh", heading, page)


def blocks(wanted: str, heading: str, page: Path = README) -> list[str]:
    """The blocks of a language under a heading, without the indent of the list that they may stand in."""
    sections = re.split(r"^#+ ", page.read_text(), flags=re.M)
    (section,) = [section for section in sections if heading in section.split("\n", 1)[0]]
    return [dedent(code) for _, language, code in _BLOCK.findall(section) if language == wanted]


def examples() -> dict[str, str]:
    """File name → the code that the README shows for it."""
    return dict(_EXAMPLE.findall(README.read_text()))


def without(script: str, *commands: str) -> str:
    """The script less the lines that begin with one of ``commands``; each has to be there."""
    lines = script.splitlines()
    for command in commands:
        assert any(line.startswith(command) for line in lines), f"the README does not say `{command}` any more"
    return "\n".join(line for line in lines if not line.startswith(commands))
