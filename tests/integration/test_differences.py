"""What a host does not have it still does not have: a test that leaves it out here leaves out nothing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.differences import DIFFERENCES, Difference
from tests.line import HOST
from tests.stack import Stack

MISSING = {name: row for name, row in DIFFERENCES.items() if HOST not in row.hosts}


@pytest.mark.parametrize("missing", MISSING.values(), ids=list(MISSING))
def test_what_this_host_has_not(stack: Stack, missing: Difference) -> None:
    if missing.method == "run":
        program, *arguments = shlex.split(missing.path)
        found = Path(sys.executable).with_name(program)
        # OGX has another name for the command, too.
        done = subprocess.run([found, *arguments], capture_output=True, timeout=60) if found.exists() else None
        assert done is None or done.returncode == missing.status
        return
    answer = httpx.request(missing.method, f"{stack.url}{missing.path}", json=missing.body, timeout=30)
    assert answer.status_code == missing.status, answer.text
    assert missing.words in answer.text
    assert not missing.without or missing.without not in f"{answer.headers} {answer.text}"
