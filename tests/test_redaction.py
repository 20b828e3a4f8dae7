"""Secrets do not get out."""

from __future__ import annotations

import pytest

from llama_stack_provider_litellm.redaction import Redactor

CONFIG = [
    {"litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "planted-1", "api_base": "http://innocent"}},
    {"litellm_params": {"model": "bedrock/x", "nested": [{"aws_session_token": "planted-2"}], "max_tokens": 123456}},
    {"litellm_params": {"extra_headers": {"x-anything": "planted-3"}, "vertex_credentials": "planted-4"}},
]


@pytest.mark.parametrize("secret", ["planted-1", "planted-2", "planted-3", "planted-4"])
def test_configured_secrets(secret: str) -> None:
    assert Redactor(CONFIG)(f"refused: {secret}, 123456 at http://innocent") == (
        "refused: [redacted], 123456 at http://innocent"
    )


def test_a_secret_within_a_secret() -> None:
    redact = Redactor({"api_key": "planted"}, {"api_key": "planted-longer"})
    assert redact("planted-longer planted") == "[redacted] [redacted]"


def test_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("SOME_ADDRESS", "innocent-words")
    assert Redactor()("from-the-environment, innocent-words") == "[redacted], innocent-words"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [redacted]"),
        ("key sk-proj-1234567890 refused", "key [redacted] refused"),
        ("at https://ann:hunter2@host/v1", "at https://[redacted]@host/v1"),
        ("a bearer of news", "a bearer [redacted] news"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_looks_like_a_secret(text: str, expected: str) -> None:
    assert Redactor()(text) == expected


def test_short_values_do_not_blot_out_words() -> None:
    assert Redactor({"api_key": "none"})("none of these") == "none of these"
