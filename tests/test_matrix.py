"""README's matrix is that of the recorded runs, and those were made with the releases that are locked."""

from __future__ import annotations

import json
import re

import pytest

from tests import matrix
from tests.processes import ROOT

LOCKS = {"0.2": "llama-stack-0.2", "0.7": "llama-stack-0.7", "ogx14": "ogx-1.4", "ogx15": "ogx-1.5"}
RUNS = json.loads(matrix.FILE.read_text())


def test_the_readme_shows_it() -> None:
    assert matrix.written() == matrix.table(), "python -m tests.matrix"


@pytest.mark.parametrize("run", RUNS)
def test_it_was_run_with_what_is_locked(run: str) -> None:
    for name, version in RUNS[run]["releases"].items():
        name, file = ("litellm", "proxy") if name == matrix.PROXY else (name, LOCKS[run.split()[0]])
        lock = (ROOT / "requirements" / f"{file}.txt").read_text()
        assert re.search(rf"^{name}=={re.escape(version)} ", lock, re.M), f"{name} {version}: make matrix"


def test_nothing_failed() -> None:
    assert {(run, name) for run in RUNS for name, count in RUNS[run]["tests"].items() if count.get("failed")} == set()
    assert {run.split()[0] for run in RUNS} == set(matrix.HOSTS)
