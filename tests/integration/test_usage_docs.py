"""What docs/usage.md says, done as it says it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from llama_stack_provider_litellm.usage import metrics
from llama_stack_provider_litellm.usage.queries import BY
from llama_stack_provider_litellm.usage.tables import AUDIT, CALLS, LOST, TAGS
from tests.integration.test_usage_faults import file_settings
from tests.processes import ROOT, clean_environment
from tests.readme import DOCS, README, scripts
from tests.stack import Stack, running_stack
from tests.usage.records import rows_at
from tests.waiting import until

pytestmark = [pytest.mark.any_host, pytest.mark.embedded_only("the demo models are embedded")]

PAGE = DOCS / "usage.md"
TEXT = PAGE.read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """On the demo models, which have been asked."""
    with running_stack(tmp_path_factory.mktemp("usage")) as server:
        client = server.openai()
        for text in ("one", "two"):
            client.chat.completions.create(model="litellm/demo-chat", messages=[{"role": "user", "content": text}])
        until(lambda: len(rows_at(file_settings(server))) == 2)
        yield server


COMMANDS = [
    line
    for heading in ("Usage:", "The page", "One call")
    for script in scripts(heading, PAGE)
    for line in script.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page(stack: Stack, command: str, tmp_path: Path) -> None:
    call = rows_at(file_settings(stack))[0]["call_id"]
    command = command.replace("CALL_ID", call).replace("-o usage.html", f"-o {tmp_path}/usage.html")
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=ROOT,
        env=clean_environment(stack.folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_readmes_commands(stack: Stack, tmp_path: Path) -> None:
    (script,) = scripts("What it cost")
    script = script.replace("-o usage.html", f"-o {tmp_path}/usage.html")
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd=ROOT,
        env=clean_environment(stack.folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "all calls" in done.stdout
    assert "docs/usage.md" in README.read_text()


def test_every_column_table_and_metric_is_there() -> None:
    described = {
        name for row in re.findall(r"^\| (`.*?) \|", TEXT, flags=re.M) for name in re.findall(r"`([^`]+)`", row)
    }
    assert {column.name for column in CALLS.columns} <= described
    for table in (CALLS, TAGS, AUDIT, LOST):
        assert f"`{table.name}`" in TEXT
    source = Path(metrics.__file__).read_text()
    counted = set(re.findall(r'"((?:gen_ai\.client|litellm)\.[a-z_.]+)"', source)) - {"litellm.served_by"}
    assert counted and counted <= described
    assert all(f"`{by}`" in TEXT for by in BY)
