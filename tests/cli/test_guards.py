"""Which model is the guard."""

from __future__ import annotations

import pytest

from llama_stack_provider_litellm.cli.guards import guard_among


@pytest.mark.parametrize(
    ("models", "guard"),
    [
        ([], None),
        ([("gpt", "openai/gpt-4o-mini")], None),
        ([("gpt", "openai/gpt-4o-mini"), ("judge", "ollama/Llama-Guard3"), ("my-guard", "openai/x")], "judge"),
        ([("guards/*", "openai/guards/*"), ("my-Guard", "openai/x")], "my-Guard"),
    ],
)
def test_the_first_that_calls_itself_one(models: list[tuple[str, str]], guard: str | None) -> None:
    assert guard_among(models) == guard
