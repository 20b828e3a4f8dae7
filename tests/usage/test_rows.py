"""A call as rows: without secrets, and as a database can take them."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.redaction import Redactor
from llama_stack_provider_litellm.usage.call import Call, new_id
from llama_stack_provider_litellm.usage.rows import rows_of
from llama_stack_provider_litellm.usage.tables import AUDIT
from tests.usage.records import a_call, rows_at, written

SECRET = "sk-0123456789abcdef"
TEXT = st.text(st.characters(codec=None), max_size=400)


def test_no_secret_becomes_a_row() -> None:
    caller = Caller(user=SECRET, agent=f"a {SECRET}", project=f"Bearer {SECRET}", org="hunter22", tags=(SECRET, "t"))
    call = a_call(SECRET, caller=caller, deployment=SECRET, question={"prompt": f"hunter22 {SECRET}"}, answer=SECRET)
    rows = rows_of([call], Redactor({"api_key": "hunter22"}))
    told = repr(rows)
    assert SECRET not in told and "hunter22" not in told
    assert rows.tags[0]["tag"] == "[redacted]" and rows.tags[1]["tag"] == "t"
    assert rows.audit == [{"id": call.id, "question": '{"prompt": "[redacted] [redacted]"}', "answer": '"[redacted]"'}]


def test_a_key_at_the_cut_is_gone_before_the_cut() -> None:
    call = a_call("m" * 250 + SECRET)
    assert SECRET[:5] not in rows_of([call], Redactor({"key": SECRET})).calls[0]["model"]
    call.question = {"prompt": "x" * 999_990 + SECRET}
    (audit,) = rows_of([call], Redactor()).audit
    assert SECRET[:5] not in audit["question"]
    assert audit["question"].endswith("… (1,000,023 letters)")


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=TEXT, tag=TEXT, asked=TEXT, number=st.integers(), cost=st.floats())
def test_whatever_a_caller_writes_the_database_takes(
    settings: UsageSettings, name: str, tag: str, asked: str, number: int, cost: float
) -> None:
    caller = Caller(user=name, agent=name, tags=(tag, tag + "x" * 300, name))
    call = a_call(
        name, caller=caller, input_tokens=number, retries=number, cost_usd=cost, question={"p": asked}, answer=""
    )
    written(settings, [call, a_call("after")])
    found = {row["id"]: row for row in rows_at(settings)}[call.id]
    assert found["cost_usd"] == (cost if math.isfinite(cost) else None)


def test_a_stream_is_put_together_as_far_as_it_came() -> None:
    def chunk(delta: dict[str, object], finish: str | None = None, index: int = 0) -> ChatCompletionChunk:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return ChatCompletionChunk.model_validate(
            {"id": "i", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        )

    def tool(index: int, **function: str) -> dict[str, object]:
        return {"tool_calls": [{"index": index, **({"id": "c"} if "name" in function else {}), "function": function}]}

    chunks = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"reasoning_content": text}) for text in ("I ", "think")),
        *(chunk({"content": text}) for text in ("one ", "two")),
        chunk({"content": "other"}, index=1),
        chunk(tool(0, name="f", arguments="{")),
        chunk(tool(1, name="g", arguments="{}")),
        chunk(tool(0, arguments="}")),
        chunk({}, finish="tool_calls"),
    ]
    answer = _answer(a_call(question={}, answer=chunks))
    assert answer[0]["content"] == "one two"
    assert answer[0]["reasoning_content"] == "I think"
    assert answer[0]["finish_reason"] == "tool_calls"
    calls = answer[0]["tool_calls"]
    assert [calls[key]["function"] for key in ("0", "1")] == [
        {"name": "f", "arguments": "{}"},
        {"name": "g", "arguments": "{}"},
    ]
    assert answer[1]["content"] == "other"


def test_an_answer_in_one_piece() -> None:
    message = {"role": "assistant", "content": "yes"}
    whole = {"id": "i", "object": "chat.completion", "created": 0, "model": "m"}
    given = {**whole, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    (choice,) = _answer(a_call(question={}, answer=ChatCompletion.model_validate(given)))
    assert choice["message"]["content"] == "yes"


def _answer(call: Call) -> list[dict[str, Any]]:
    (row,) = rows_of([call], str).audit
    answer: list[dict[str, Any]] = json.loads(row["answer"])
    return answer


def test_ids_are_in_the_order_of_time_and_nobody_elses() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(len(identity) == 32 for identity in ids)
    assert [identity[:16] for identity in ids] == sorted(identity[:16] for identity in ids)


def test_audit_is_off_unless_it_is_asked_for(settings: UsageSettings) -> None:
    written(settings, [a_call()])
    assert rows_at(settings, AUDIT) == []
