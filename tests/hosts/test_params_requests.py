"""Messages of the hosts whose types keep what a caller adds to them."""

from __future__ import annotations

from typing import Any

import pytest

from llama_stack_provider_litellm.errors import InvalidRequest
from llama_stack_provider_litellm.hosts import requests
from llama_stack_provider_litellm.hosts.installed import api

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
TRAP: dict[str, Any] = {
    **{"api_base": "http://trap", "cache_control": {"trap": 1}, "provider_specific_fields": {"trap": 1}},
    **{"function_call": {"name": "trap", "arguments": "{}"}},
}


def sent(**more: Any) -> dict[str, Any]:
    """What becomes of an assistant's message."""
    message = api().OpenAIAssistantMessageParam(content="hi", **more)
    (plain,) = requests.chat(model="m", messages=[message])["messages"]
    return dict(plain)


def test_what_a_caller_adds_to_a_message_stays_behind() -> None:
    assert sent(**TRAP) == {"role": "assistant", "content": "hi"}


def test_what_the_model_has_thought_goes_back_to_it() -> None:
    thoughts = {"reasoning_content": "hm", "thinking_blocks": [THOUGHT]}
    trapped = {**thoughts, "thinking_blocks": [{**THOUGHT, **TRAP}], **TRAP}
    assert sent(**trapped) == {"role": "assistant", "content": "hi", **thoughts}
    assert sent(reasoning_content=None) == {"role": "assistant", "content": "hi"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"reasoning_content": ["hm"]}, "`reasoning_content` must be a string"),
        ({"thinking_blocks": "hm"}, "`thinking_blocks` must be a list of objects"),
        ({"thinking_blocks": ["hm"]}, "`thinking_blocks` must be a list of objects"),
    ],
)
def test_thoughts_of_another_form(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        sent(**given)
