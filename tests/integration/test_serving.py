"""How the server's process serves: its event loop, its HTTP, its collector of garbage."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.integration import inside
from tests.stack import running_stack

pytestmark = pytest.mark.embedded_only("it looks from a LiteLLM provider in the stack's own process")

LOOKING = (
    '{"loop": type(asyncio.get_running_loop()).__module__, "kept": gc.get_freeze_count(), "http": "httptools" in '
    "sys.modules}"
)


def test_in_c_and_without_looking_through_what_stays(tmp_path: Path) -> None:
    inside.write(tmp_path, LOOKING)
    with running_stack(tmp_path, inside.CONFIG) as stack:
        messages = [{"role": "user", "content": "how?"}]
        answer = stack.openai().chat.completions.create(model=inside.MODEL, messages=messages)
    found = ast.literal_eval(answer.choices[0].message.content)
    assert found["loop"] == "uvloop"
    assert found["http"]
    assert found["kept"] > 200_000, "what the start has made"
