"""`llama-stack-litellm usage` and the commands under it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llama_stack_provider_litellm.caller import Caller, Origin
from llama_stack_provider_litellm.cli import main
from llama_stack_provider_litellm.cli.usage.meanings import meaning
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage.ledger import Ledger
from llama_stack_provider_litellm.usage.queries import BY
from tests.postgresql import PostgreSQL
from tests.postgresql import shared_postgresql as shared_postgresql
from tests.usage.records import a_call, emptied, written

HOUR = 3600
CALLS = [
    a_call("gpt", caller=Caller(user="ann", tags=("x",), origin=Origin(request_id="r-1")), engine="embedded",
           call_id="c-1", input_tokens=1000, output_tokens=20, cost_usd=0.25, cost_source="litellm",
           duration_seconds=0.5, deployment="openai/gpt-x", vendor="openai", stream=True, first_token_seconds=0.125),
    a_call("gpt", caller=Caller(user="ann"), engine="proxy", input_tokens=10, output_tokens=2, cost_usd=0.5,
           cost_source="proxy", duration_seconds=1.5, deployment="openai/gpt-x", vendor="openai"),
    a_call("gpt", caller=Caller(user="bob"), engine="proxy", cache_hit=True, cost_usd=0.0, cost_source="cache",
           input_tokens=99),
    a_call("local", caller=Caller(user="[red]bob"), engine="embedded", input_tokens=5, output_tokens=1,
           started_at=time.time() - 30 * HOUR),
    a_call("gpt", caller=Caller(user="bob", origin=Origin(request_id="r-2")), engine="proxy", status=429,
           error="rate_limit_exceeded", deployment="openai/gpt-x", vendor="openai"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A storage folder with the records of all calls, as a stack leaves it."""
    folder = tmp_path / "store"
    monkeypatch.setenv("SQLITE_STORE_DIR", str(folder))
    monkeypatch.delenv("LITELLM_USAGE_URL", raising=False)
    written(UsageSettings(), CALLS)
    return folder


def usage(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(main, ["usage", *arguments])
    assert done.exit_code == status, done.output
    return done


def as_json(*arguments: str) -> Any:
    return json.loads(usage(*arguments, "--json").stdout)


def lines(done: Result) -> dict[str, str]:
    """The rows of a table by their first word, with one space between words."""
    return {line.split()[0]: " ".join(line.split()) for line in done.stdout.splitlines() if line.strip()}


def test_the_table() -> None:
    rows = lines(usage())
    assert rows["model"] == "model calls errors cached tokens in tokens out USD p50 p95 first token"
    assert rows["gpt"] == "gpt 4 1 1 1,010 22 0.75 500 ms 1.5 s 125 ms"
    assert rows["local"] == "local 1 0 0 5 1 1 unknown 0 ms 0 ms", "never a silent 0"
    assert rows["all"].startswith("all calls 5 1 1 1,015 23 0.75 + 1 unknown ")


@pytest.mark.parametrize("by", BY)
def test_every_by(by: str) -> None:
    found = as_json("--by", by)
    assert found["by"] == by
    # A call without a tag has none, one with a tag has that.
    assert sum(row["calls"] for row in found["rows"]) == found["total"]["calls"] == 5
    assert usage("--by", by).stdout


def test_since_and_top() -> None:
    assert as_json("--since", "24h")["total"]["calls"] == 4
    assert as_json("--since", "2d")["total"]["calls"] == 5
    assert as_json("--since", "2020-01-01")["total"]["calls"] == 5
    assert as_json("--since", "2999-01-01T00:00")["rows"] == []
    assert "No calls in this time" in usage("--since", "2999-01-01").stdout
    assert [row["group"] for row in as_json("--by", "user", "--top", "1")["rows"]] == ["ann"]
    assert "'soon' is no time. Write 30m, 24h" in usage("--since", "soon", status=2).output


def test_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(usage("--by", "user", "--csv").stdout)))
    assert [row["group"] for row in rows] == ["ann", "bob", "[red]bob"]
    assert rows[0]["cost_usd"] == "0.75"
    assert rows[2]["cost_usd"] == "" and rows[2]["unpriced"] == "1"
    usage("--json", "--csv", status=2)


def test_errors() -> None:
    done = usage("--errors")
    assert "rate_limit_exceeded  429     gpt    openai/gpt-x (proxy)" in done.stdout
    assert "r-2" in done.stdout
    assert "Wait, or add a second deployment or a `fallbacks` entry" in done.stdout
    (row,) = as_json("--errors")["rows"]
    assert (row["calls"], row["request_id"], row["user_id"]) == (1, "r-2", "bob")
    assert row["meaning"].startswith("A limit of the vendor")
    assert row["last_at"].endswith("+00:00")
    (line,) = csv.DictReader(io.StringIO(usage("--errors", "--csv").stdout))
    assert line["error"] == "rate_limit_exceeded" and line["last_at"].endswith("+00:00")


def test_what_errors_mean() -> None:
    assert (
        meaning("budget_exceeded") == "A budget is used up. Wait until the budget resets, or raise it where it is set."
    )
    assert "caller left" in meaning("left") and "defect" in meaning("internal_error")
    assert meaning("of another release") == ""


def test_names_are_no_markup() -> None:
    assert "[red]bob" in usage("--by", "user").stdout


def test_compare() -> None:
    rows = [" ".join(line.split()) for line in usage("compare").stdout.splitlines()]
    assert rows[1] == "gpt embedded 1 0 0.25 0.25 500 ms 500 ms 125 ms 125 ms"
    assert rows[2].startswith("proxy 3 1 0.50 0.25 ")
    told = as_json("compare")["rows"]
    assert [(row["model"], row["engine"], row["calls"], row["errors"]) for row in told] == [
        ("gpt", "embedded", 1, 0), ("gpt", "proxy", 3, 1)
    ]  # fmt: skip
    assert len(list(csv.DictReader(io.StringIO(usage("compare", "--csv").stdout)))) == 2
    assert "No model has been served by both" in usage("compare", "--since", "2999-01-01").stdout


def test_report(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "report.html"
    done = usage("report", "-o", str(path), "--since", "all")
    assert str(path) in done.stdout
    assert "<title>Usage</title>" in path.read_text()
    assert "cannot be written" in usage("report", "-o", "/proc/nowhere/report.html", status=1).output


def test_audit_of_a_call_without_its_words() -> None:
    for identity in ("c-1", "r-1", CALLS[0].id):
        told = usage("audit", "--call", identity).stdout
        assert "call_id              c-1" in told
        assert "tags                 ['x']" in told
        assert "cost_usd             0.25" in told
        assert "was not kept" in told
    assert "No call has the id 'nobody'" in usage("audit", "--call", "nobody", status=1).output


def test_audit_of_a_call_with_its_words() -> None:
    call = a_call(call_id="kept", question={"messages": ["[red]hello"]}, answer=[])
    written(UsageSettings(audit="full"), [call])
    told = usage("audit", "--call", "kept").stdout
    assert '"[red]hello"' in told and "answer" in told
    (row,) = as_json("audit", "--call", "kept")
    assert (row["question"], row["answer"]) == ({"messages": ["[red]hello"]}, [])


def test_lost_calls_are_told() -> None:
    ledger = Ledger(UsageSettings(), str)
    ledger.record(a_call(api=None))
    asyncio.run(ledger.close())
    assert ledger.dropped == 1
    assert "Calls of this time without a record: 1. the database refused it" in usage().stderr
    assert as_json()["lost"]["calls"] == 1


def test_where_there_are_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_STORE_DIR", str(tmp_path / "elsewhere"))
    for command in ([], ["compare"], ["report"], ["audit", "--call", "x"]):
        done = usage(*command, status=1)
        assert f"There are no usage records at {tmp_path}/elsewhere/litellm_usage.db" in done.output
        assert "SQLITE_STORE_DIR is a stack's storage folder" in done.output
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_is_no_database(store: Path) -> None:
    (store / "litellm_usage.db").write_text("no database, for once, and long enough to be looked at twice" * 20)
    assert "cannot be read: file is not a database" in usage(status=1).output


def test_a_url_that_cannot_be_used() -> None:
    assert "'mysql' is neither sqlite nor postgresql" in usage("--url", "mysql://h/d", status=1).output
    done = usage("--url", "postgresql://u:hunter2@h/d", status=1)
    assert "usage.password" in done.output and "hunter2" not in done.output


def test_postgresql(shared_postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    emptied(shared_postgresql)
    monkeypatch.setenv("LITELLM_USAGE_URL", shared_postgresql.url)
    monkeypatch.setenv("LITELLM_USAGE_PASSWORD", "wrong")
    refused = usage(status=1).output
    assert "cannot be read" in refused and "password authentication failed" in refused and "wrong" not in refused
    monkeypatch.setenv("LITELLM_USAGE_PASSWORD", shared_postgresql.password)
    assert "no stack has written any" in usage(status=1).output
    settings = {"url": shared_postgresql.url, "password": shared_postgresql.password}
    written(UsageSettings.model_validate(settings), CALLS)
    assert lines(usage())["gpt"] == "gpt 4 1 1 1,010 22 0.75 500 ms 1.5 s 125 ms"
    assert as_json("--errors")["rows"][0]["last_at"].endswith("+00:00")
