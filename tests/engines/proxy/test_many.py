"""100,000 requests leave nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imitation import imitation_proxy
from tests.processes import ROOT


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
def test_memory_and_files_stay_where_they_were() -> None:
    with imitation_proxy() as proxy:
        command = [sys.executable, "-m", "tests.engines.proxy.many", proxy.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    first, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert last["wrong"] == 0
    assert last["files"] <= first["files"]
    assert last["mib"] <= first["mib"] + 3
