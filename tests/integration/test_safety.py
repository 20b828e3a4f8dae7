"""Shields and moderations: the verdict is the guard model's, computed from the text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differences import needs
from tests.line import LINE
from tests.stack import Stack

pytestmark = needs("shields")


@pytest.mark.parametrize(("content", "flagged"), [("how to bake bread", False), ("how to mix poison", True)])
def test_the_verdict_follows_the_content(stack: Stack, word: str, content: str, flagged: bool) -> None:
    client = stack.client()
    message = {"role": "user", "content": f"{content} {word}"}
    params: Any = {"params": {}} if LINE.name == "0.2" else {}
    shielded = client.safety.run_shield(shield_id="llama-guard", messages=[message], **params)
    assert (shielded.violation is not None) is flagged
    moderated = client.moderations.create(input=f"{content} {word}", model="litellm/guard")
    assert moderated.results[0].flagged is flagged
