"""A server whose LiteLLM config is wrong ends at once, and its log says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_up import TWO_TYPES, WRONG
from tests.line import LINE
from tests.stack import running_stack

pytestmark = pytest.mark.embedded_only("a LiteLLM Proxy reads its own config, and only when it starts")


# OGX takes the end for that of a user.
STATUS = {"0.2": 1, "0.7": 1, "ogx": 0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        WRONG["not yaml"],
        WRONG["unset variable"],
        (TWO_TYPES, "the deployments of 'gpt' are of different types"),
    ],
    ids=["not yaml", "unset variable", "two types"],
)
def test_the_server_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RuntimeError, match=f"ended with {STATUS[LINE.name]}"), running_stack(tmp_path, text):
        pass
    log = " ".join((tmp_path / "stack.log").read_text().split())
    # The host prints its run config, which has the path as well. The later ones end with Python's traceback.
    told = log.split("Error creating app: " if LINE.name == "0.2" else "Traceback")[1]
    assert f"{tmp_path / 'config.yaml'}" in told
    assert words in told
    assert LINE.name != "0.2" or "Traceback" not in log
    assert "sk-planted" not in log
