"""Who asks: what provider data may say, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from llama_stack_provider_litellm.caller import ANONYMOUS, UNREADABLE, Caller, from_provider_data
from llama_stack_provider_litellm.config import ProviderData
from llama_stack_provider_litellm.errors import InvalidRequest

ALL: dict[str, Any] = {
    "litellm_user": "ann",
    "litellm_agent": "planner",
    "litellm_project": "apollo",
    "litellm_org": "moon",
    "litellm_tags": ["a", "b"],
    "litellm_metadata": {"ticket": "42"},
    "litellm_cache": {"no-cache": True, "ttl": 60, "s-maxage": 5.5},
    "litellm_api_key": "sk-planted-1",
    "litellm_headers": {"Traceparent ": "00-ab"},
}


def refusal(data: object, **options: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        from_provider_data(data, **options)
    return caught.value.message


def test_all_fields() -> None:
    assert ALL.keys() == ProviderData.model_fields.keys(), "a field without a test"
    assert from_provider_data(ALL, allowed_headers=["traceparent"]) == Caller(
        user="ann",
        agent="planner",
        project="apollo",
        org="moon",
        tags=("a", "b"),
        metadata={"ticket": "42"},
        cache={"no-cache": True, "ttl": 60.0, "s-maxage": 5.5},
        headers={"traceparent": "00-ab"},
        api_key="sk-planted-1",
    )


@pytest.mark.parametrize("data", [None, {}, {"openai_api_key": "k", "mcp_headers": {"litellm_user": 1}, "user": 5}])
def test_nothing_of_ours_is_nobody(data: object) -> None:
    assert from_provider_data(data) is ANONYMOUS


def test_other_providers_keys_are_ignored() -> None:
    assert from_provider_data({"litellm_user": "ann", "api_base": "http://trap", 5: 6}) == Caller(user="ann")


def test_none_is_as_good_as_absent() -> None:
    assert from_provider_data(dict.fromkeys(ALL)) == ANONYMOUS


@pytest.mark.parametrize("data", [{UNREADABLE: True}, {UNREADABLE: True, "litellm_user": "ann"}, ["x"], "text", 5])
def test_no_json_object(data: object) -> None:
    assert refusal(data).startswith("The provider-data header must hold a JSON object")


def test_an_unknown_field_is_named_and_the_known_are_told() -> None:
    message = refusal({"litellm_usr": "planted", "litellm_user": "ann"})
    assert message.startswith("Provider data: litellm_usr is not a known field. Known fields are: litellm_user, ")
    assert "planted" not in message


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"litellm_user": 7777}, "litellm_user"),
        ({"litellm_agent": ["7777"]}, "litellm_agent"),
        ({"litellm_project": {"7777": 1}}, "litellm_project"),
        ({"litellm_org": True}, "litellm_org"),
        ({"litellm_tags": "7777"}, "litellm_tags"),
        ({"litellm_tags": ["a", 7777]}, "litellm_tags.1"),
        ({"litellm_metadata": ["7777"]}, "litellm_metadata"),
        ({"litellm_metadata": {"a": 7777}}, "litellm_metadata.a"),
        ({"litellm_metadata": {"a": {"api_base": "7777"}}}, "litellm_metadata.a"),
        ({"litellm_cache": True}, "litellm_cache"),
        ({"litellm_cache": {"no-cache": "7777"}}, "litellm_cache.no-cache"),
        ({"litellm_cache": {"ttl": -7777}}, "litellm_cache.ttl"),
        ({"litellm_cache": {"ttl": "7777"}}, "litellm_cache.ttl"),
        ({"litellm_cache": {"api_base": "7777"}}, "litellm_cache.api_base"),
        ({"litellm_api_key": 7777}, "litellm_api_key"),
        ({"litellm_headers": [["traceparent", "7777"]]}, "litellm_headers"),
        ({"litellm_headers": {"traceparent": 7777}}, "litellm_headers.traceparent"),
    ],
)
def test_a_wrong_type_is_named_without_its_value(data: dict[str, Any], field: str) -> None:
    message = refusal(data, allowed_headers=["traceparent"])
    assert f"Provider data: {field}" in message
    assert "7777" not in message


def test_every_wrong_field_is_named_at_once() -> None:
    message = refusal({"litellm_user": 1, "litellm_tags": 2})
    assert "litellm_user: " in message
    assert "litellm_tags: " in message


@pytest.mark.parametrize("value", [{"a": "sk-planted-1"}, ["sk-planted-1"], 7])
def test_a_secret_is_never_in_the_message(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_provider_data({"litellm_api_key": value})
    assert "planted" not in f"{caught.value!r}{caught.value.args}"
    assert caught.value.__suppress_context__, "pydantic's own error, which quotes the value, is not shown"


@pytest.mark.parametrize("name", ["x-other", "Authorization", " api-key"])
def test_a_header_that_is_not_allowed(name: str) -> None:
    message = refusal({"litellm_headers": {name: "Bearer planted"}}, allowed_headers=["traceparent", "x-mine"])
    assert f"'{name.strip().lower()}' is not allowed. Allowed are: traceparent, x-mine" in message
    assert "planted" not in message


def test_no_header_is_allowed_by_itself() -> None:
    assert "Allowed are: none" in refusal({"litellm_headers": {"traceparent": "x"}})


@pytest.mark.parametrize("value", ["a\r\nauthorization: planted", "a\nb", "a\x00", "\x7f", "a\tb"])
def test_a_control_character_in_a_header(value: str) -> None:
    message = refusal({"litellm_headers": {"x-mine": value}}, allowed_headers=["x-mine"])
    assert message.startswith("litellm_headers: the value of 'x-mine' ")
    assert "planted" not in message


def test_a_header_that_http_cannot_carry() -> None:
    # The HTTP client would fail on it, which reads as the vendor's fault.
    assert "x-mine" in refusal({"litellm_headers": {"x-mine": "snow ☃"}}, allowed_headers=["x-mine"])


def test_a_caller_is_immutable() -> None:
    caller = from_provider_data(ALL, allowed_headers=["traceparent"])
    for field in dataclasses.fields(Caller):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(caller, field.name, "other")


def test_a_caller_does_not_change_with_the_data_it_was_made_from() -> None:
    data: dict[str, Any] = {"litellm_tags": ["a"], "litellm_metadata": {"k": "v"}, "litellm_headers": {"x-mine": "1"}}
    caller = from_provider_data(data, allowed_headers=["x-mine"])
    data["litellm_tags"].append("b")
    data["litellm_metadata"]["k"] = "other"
    data["litellm_headers"]["x-mine"] = "other"
    assert caller == Caller(tags=("a",), metadata={"k": "v"}, headers={"x-mine": "1"})


def test_the_key_does_not_show() -> None:
    caller = from_provider_data(ALL, allowed_headers=["traceparent"])
    assert caller.api_key == "sk-planted-1"
    assert "planted" not in f"{caller!r} {caller}"
    assert "planted" not in repr(ProviderData.model_validate({"litellm_api_key": "sk-planted-1"}))


@pytest.mark.parametrize(
    "key", ["sk-planted\r\nx-mine: 1", "sk-planted\n", "sk-planted\x00", "sk-plänted", "sk-planted☃"]
)
def test_a_key_that_no_header_can_carry(key: str) -> None:
    message = refusal({"litellm_api_key": key})
    assert message == "litellm_api_key holds what no HTTP header can carry."
