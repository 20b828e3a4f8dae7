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
from llama_stack_provider_litellm.usage.audit import Pieces
from llama_stack_provider_litellm.usage.call import Call, new_id
from llama_stack_provider_litellm.usage.rows import Redact, Rows
from llama_stack_provider_litellm.usage.tables import AUDIT
from tests.usage.records import a_call, rows_at, written

SECRET = "sk-0123456789abcdef"
TEXT = st.text(st.characters(codec=None), max_size=400)


def rows_of(call: Call, redact: Redact = str) -> Rows:
    rows = Rows()
    rows.add(call, redact)
    return rows


def test_no_secret_becomes_a_row() -> None:
    caller = Caller(user=SECRET, agent=f"a {SECRET}", project=f"Bearer {SECRET}", org="hunter22", tags=(SECRET, "t"))
    call = a_call(SECRET, caller=caller, deployment=SECRET, question={"prompt": f"hunter22 {SECRET}"}, answer=SECRET)
    rows = rows_of(call, Redactor({"api_key": "hunter22"}))
    told = repr(rows)
    assert SECRET not in told and "hunter22" not in told
    assert rows.tags[0]["tag"] == "[redacted]" and rows.tags[1]["tag"] == "t"
    assert rows.audit == [{"id": call.id, "question": '{"prompt": "[redacted] [redacted]"}', "answer": '"[redacted]"'}]


def test_a_key_at_the_cut_is_gone_before_the_cut() -> None:
    call = a_call(caller=Caller(user="m" * 250 + SECRET))
    assert SECRET[:5] not in rows_of(call, Redactor({"key": SECRET})).calls[0]["user_id"]
    call.question = {"prompt": "x" * 999_990 + SECRET}
    (audit,) = rows_of(call, Redactor()).audit
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

    def tool(index: int, identity: str | None, **function: str) -> dict[str, object]:
        return {"tool_calls": [{"index": index, "id": identity, "function": function}]}

    pieces = Pieces()
    for one in (
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"reasoning_content": text}) for text in ("I ", "think")),
        *(chunk({"content": text}) for text in ("one ", "two")),
        chunk({"content": "other"}, index=1),
        chunk(tool(0, "c1", name="f", arguments="{")),
        chunk(tool(1, "c2", name="g", arguments="{}")),
        chunk(tool(0, None, arguments="}")),
        # Some vendors give every call the same index.
        chunk(tool(0, "c3", name="h", arguments="{}")),
        chunk({}, finish="tool_calls"),
    ):
        pieces.add(one)
    first, second = _answer(a_call(question={}, answer=pieces))
    assert (first["content"], first["reasoning_content"], first["finish_reason"]) == (
        "one two",
        "I think",
        "tool_calls",
    )
    assert [(call["id"], call["name"], call["arguments"]) for call in first["tool_calls"]] == [
        ("c1", "f", "{}"), ("c2", "g", "{}"), ("c3", "h", "{}")
    ]  # fmt: skip
    assert (second["content"], second["finish_reason"]) == ("other", None)
    assert pieces.letters > len("one two I think other")


def test_an_answer_in_one_piece() -> None:
    message = {"role": "assistant", "content": "yes"}
    whole = {"id": "i", "object": "chat.completion", "created": 0, "model": "m"}
    given = {**whole, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    (choice,) = _answer(a_call(question={}, answer=ChatCompletion.model_validate(given)))
    assert choice["message"]["content"] == "yes"


def _answer(call: Call) -> list[dict[str, Any]]:
    (row,) = rows_of(call).audit
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


def test_names_of_the_config_stay_though_a_dummy_key_is_the_same_word() -> None:
    call = a_call("ollama-llama3", caller=Caller(user="ollama"), deployment="ollama/llama3", vendor="ollama")
    (row,) = rows_of(call, Redactor({"api_key": "ollama"})).calls
    assert (row["model"], row["deployment"], row["vendor"]) == ("ollama-llama3", "ollama/llama3", "ollama")
    assert row["user_id"] == "[redacted]"


def test_a_value_of_another_type_than_its_column() -> None:
    call = a_call(input_tokens="n/a", cost_usd={"total": 1}, retries=1.0, error="x" * 100, via="y" * 100)
    (row,) = rows_of(call).calls
    assert (row["input_tokens"], row["cost_usd"], row["retries"]) == (None, None, 1)
    assert (len(row["error"]), len(row["via"])) == (64, 32)


def test_a_picture_in_a_question_is_left_out() -> None:
    call = a_call(question={"messages": [f"data:image/png;base64,{'A' * 5000}"]}, answer="")
    (audit,) = rows_of(call).audit
    assert len(audit["question"]) < 100 and ";base64,… (5,008 letters)" in audit["question"]


def test_a_long_text_is_redacted_in_parts_that_halve_no_key() -> None:
    texts = [f"{'x' * number} {SECRET}" for number in range(300, 1300)]
    (audit,) = rows_of(a_call(question={"messages": texts}, answer=""), Redactor()).audit
    assert audit["question"].count("[redacted]") == len(texts)
    assert SECRET[:10] not in audit["question"]
