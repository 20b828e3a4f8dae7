"""OpenAI answers in the form that the host takes."""

from __future__ import annotations

from openai.types import Completion, CompletionUsage
from openai.types.chat import ChatCompletion

from llama_stack_provider_litellm.hosts.v0_2 import openai_answers

CHAT = {"id": "i", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
TEXT = {**CHAT, "object": "text_completion"}


def test_an_answer_without_a_usage_gets_one() -> None:
    """The host would answer 500: it takes the numbers without looking."""
    none = CompletionUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    assert openai_answers.counted(ChatCompletion.model_validate(CHAT)).usage == none
    assert openai_answers.counted(Completion.model_validate(TEXT)).usage == none


def test_a_usage_stays() -> None:
    used = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    answer = openai_answers.counted(ChatCompletion.model_validate({**CHAT, "usage": used}))
    assert answer.usage is not None and answer.usage.total_tokens == 3
