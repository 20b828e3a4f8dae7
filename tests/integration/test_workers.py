"""Several processes of one server: ``llama-stack-litellm up --workers 2``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.differences import needs
from tests.integration import inside
from tests.integration.test_examples import UP, until_it_says_so
from tests.stack import Stack, reaching
from tests.waiting import until

pytestmark = [
    pytest.mark.embedded_only("it looks from a LiteLLM provider in the stack's own process"),
    needs("workers"),
]

# Neither is fast enough to answer both questions: while one process waits here, it accepts no connection.
MEET = """
import pathlib, time

HERE = pathlib.Path(__file__).parent

def meet():
    (HERE / f"{os.getpid()}.here").touch()
    deadline = time.monotonic() + 120
    while len(list(HERE.glob("*.here"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.getpid()
"""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Stack]:
    inside.write(tmp_path, "meet()", MEET)
    with reaching(tmp_path, inside.CONFIG, {}, [*UP, "--workers", "2"]) as stack:
        stack.start()
        until_it_says_so(stack)
        yield stack


def test_both_serve_and_both_end(two: Stack, tmp_path: Path) -> None:
    def who() -> int:
        with two.openai() as client:
            answer = client.chat.completions.create(
                model=inside.MODEL, messages=[{"role": "user", "content": "who are you?"}]
            )
        return int(answer.choices[0].message.content)

    with ThreadPoolExecutor() as callers:
        first = callers.submit(who)
        # One process serves while the other, and what each of them has for jobs, still start.
        until(lambda: list(tmp_path.glob("*.here")), seconds=30)
        seen = {callers.submit(who).result(), first.result()}
    assert len(seen) == 2
    assert "2 processes serve." in two.log
    assert "will not find this stack" not in two.log
    assert two.stop() == 0, two.log
    assert not [pid for pid in seen if Path(f"/proc/{pid}").exists()]
