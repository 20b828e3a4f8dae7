"""Fields of a body that the host does not know: taken by name, refused by name, or left out."""

from __future__ import annotations

import logging
from typing import Any

import litellm
import pytest

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.errors import InvalidRequest
from llama_stack_provider_litellm.hosts.installed import api
from llama_stack_provider_litellm.hosts.params import adapter, extras


def test_a_field_that_is_taken() -> None:
    given = {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 1024, "api_base": "x"}, "min_p": None}
    assert extras.taken(given) == {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert extras.taken({"prompt_cache_retention": "24h"}) == {"prompt_cache_retention": "24h"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("top_k", "5", "top_k: must be a number."),
        ("top_k", True, "top_k: must be a number."),
        ("thinking", "yes", "thinking: must be an object"),
        ("guided_choice", "a", "guided_choice: must be a list of strings."),
        ("verbosity", 1, "verbosity: must be a string."),
        ("safety_identifier", {"a": 1}, "safety_identifier: must be a string."),
    ],
)
def test_a_wrong_value(name: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        extras.taken({name: value})
    assert words in refused.value.message


def test_nothing_that_litellm_takes_orders_from_gets_through() -> None:
    known = set(litellm.all_litellm_params) | {"fallbacks", "mock_response", "user_config", "extra_headers"}
    for name in sorted(known):
        try:
            assert extras.taken({name: "x"}) == {}
        except InvalidRequest:
            continue


def test_what_is_left_out_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    extras._named.clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert extras.taken({"zebra": 1}) == {}
    (record,) = caplog.records
    assert "'zebra' in a request's body means nothing here" in record.getMessage()


def test_the_bodys_cache_goes_before_the_headers() -> None:
    caller = extras.with_cache(Caller(cache={"ttl": 5, "no-store": True}), {"cache": {"ttl": 7}})
    assert caller.cache == {"ttl": 7, "no-store": True}
    with pytest.raises(InvalidRequest, match="cache: nocache"):
        extras.with_cache(Caller(), {"cache": {"nocache": True}})


def test_every_field_of_the_hosts_request_is_known() -> None:
    """One that a new release of the host has is told here, and not lost."""
    fields = set(api().OpenAIChatCompletionRequestWithExtraBody.model_fields)
    assert fields - set(adapter._CHAT) == {"model", "messages", "stream", "stream_options"}
    # What a release has not is taken of what a caller adds, if at all.
    assert set(adapter._CHAT) - fields <= set(extras._TAKEN)
    texts = set(api().OpenAICompletionRequestWithExtraBody.model_fields)
    assert texts - set(adapter._COMPLETION) == {"model", "prompt", "stream", "stream_options"}
