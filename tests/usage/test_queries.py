"""Every question, against the same counted by hand."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from llama_stack_provider_litellm.caller import Caller, Origin
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage import queries
from llama_stack_provider_litellm.usage.call import Call
from llama_stack_provider_litellm.usage.database import Database
from llama_stack_provider_litellm.usage.queries import By
from tests.usage.records import a_call, written

NOW = datetime.now(UTC)
SINCE = NOW - timedelta(days=3)


def made(number: int, rng: random.Random) -> Call:
    """One of many calls, no two alike."""
    caller = Caller(
        user=rng.choice(["ann", "bob", None]),
        agent=rng.choice(["a", None]),
        project=rng.choice(["p", "q"]),
        org=rng.choice(["o", None]),
        tags=tuple(rng.sample(["x", "y", "z"], rng.randrange(3))),
        origin=Origin(request_id=f"request-{number // 2}", via=rng.choice(["agents", None])),
    )
    call = a_call(rng.choice(["gpt", "claude", "local"]), caller=caller, stream=rng.random() < 0.5)
    call.started_at = (NOW - timedelta(seconds=rng.random() * 6 * 86400)).timestamp()
    call.call_id, call.vendor = f"call-{number}", rng.choice(["openai", "anthropic", None])
    call.engine = rng.choice(["embedded", "proxy"]) if call.model != "claude" else "embedded"
    call.duration_seconds = rng.random()
    call.retries, call.fallbacks = rng.choice([None, 0, 1]), rng.choice([None, 0, 2])
    kind = rng.random()
    if kind < 0.2:
        call.status, call.error = rng.choice([(429, "rate_limit_exceeded"), (502, "upstream_error"), (499, "left")])
        call.chunks = rng.choice([0, 3])
        return call
    call.input_tokens, call.output_tokens = rng.randrange(1000), rng.randrange(100)
    call.cached_tokens, call.reasoning_tokens = rng.choice([None, 5]), rng.choice([None, 2])
    call.first_token_seconds = rng.random() if call.stream else None
    call.cache_hit = kind < 0.35
    call.cost_usd = 0.0 if call.cache_hit else None if call.model == "local" else rng.random() / 100
    return call


CALLS = [made(number, random.Random(number)) for number in range(700)]
WITHIN = [call for call in CALLS if call.started_at >= SINCE.timestamp()]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """A connection to the records of all calls."""
    if request.param == "sqlite":
        settings = UsageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('usage')}/usage.db")
    else:
        from tests.usage.records import emptied

        server = request.getfixturevalue("shared_postgresql")
        emptied(server)
        settings = UsageSettings.model_validate({"url": server.url, "password": server.password})
    written(settings, CALLS)
    database = Database(settings, reads=True)
    with database.engine.connect() as connection:
        yield connection
    database.close()


def summed(calls: list[Call]) -> dict[str, Any]:
    """What a row of a group says, counted by hand."""
    billed = [call for call in calls if not call.cache_hit]
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return {
        "calls": len(calls),
        "errors": sum(call.error is not None for call in calls),
        "cache_hits": sum(call.cache_hit for call in calls),
        "input_tokens": sum(call.input_tokens or 0 for call in billed),
        "output_tokens": sum(call.output_tokens or 0 for call in billed),
        "cached_tokens": sum(call.cached_tokens or 0 for call in billed),
        "reasoning_tokens": sum(call.reasoning_tokens or 0 for call in billed),
        "cost_usd": pytest.approx(sum(costs), abs=1e-12) if costs else None,
        "priced": len(costs),
        "unpriced": sum(call.cost_usd is None and (call.error is None or call.chunks > 0) for call in calls),
        "retries": sum(call.retries or 0 for call in calls),
        "fallbacks": sum(call.fallbacks or 0 for call in calls),
        **{f"p{part}_seconds": percentile(part, [call.duration_seconds for call in calls if not call.error])
           for part in (50, 95, 99)},
        **{f"first_token_p{part}_seconds": percentile(
            part, [call.first_token_seconds for call in calls if not call.error and call.first_token_seconds])
           for part in (50, 95, 99)},
    }  # fmt: skip


def percentile(part: int, values: list[float]) -> Any:
    return sorted(values)[math.ceil(len(values) * part / 100) - 1] if values else None


def groups_of(call: Call, by: By) -> list[Any]:
    moment = datetime.fromtimestamp(call.started_at, UTC)
    simple = {"user": call.user_id, "day": f"{moment:%Y-%m-%d}", "status": f"{call.status} {call.error or ''}".strip()}
    if by == "tag":
        return list(call.tags) or [None]
    return [simple[by] if by in simple else getattr(call, by)]


@pytest.mark.parametrize("since", [None, SINCE], ids=["all", "since"])
@pytest.mark.parametrize("by", queries.BY)
def test_by(asked: sa.Connection, by: By, since: datetime | None) -> None:
    groups = defaultdict(list)
    for call in WITHIN if since else CALLS:
        for group in groups_of(call, by):
            groups[group].append(call)
    rows = queries.by(asked, by, since)
    assert {row.pop("group"): row for row in rows} == {group: summed(calls) for group, calls in groups.items()}
    order = [row["cost_usd"] or 0 for row in rows]
    if by != "day":
        assert order == sorted(order, reverse=True), "the dearest first"


def test_days_are_in_their_order_and_top_is_the_dearest(asked: sa.Connection) -> None:
    days = [row["group"] for row in queries.by(asked, "day", None)]
    assert days == sorted(days) and len(days) >= 6
    assert queries.by(asked, "user", None, top=1) == queries.by(asked, "user", None)[:1]


def test_totals(asked: sa.Connection) -> None:
    assert queries.totals(asked, SINCE) == {"group": "all", **summed(WITHIN)}
    nothing = queries.totals(asked, NOW + timedelta(days=1))
    assert nothing == {"group": "all", **summed([])}


def test_compared(asked: sa.Connection) -> None:
    rows = queries.compared(asked, None)
    assert [(row["model"], row["engine"]) for row in rows] == [
        (model, engine) for model in ("gpt", "local") for engine in ("embedded", "proxy")
    ], "not claude, which the proxy has never served"
    for row in rows:
        model, engine = row.pop("model"), row.pop("engine")
        assert row == summed([call for call in CALLS if (call.model, call.engine) == (model, engine)])


def test_errors(asked: sa.Connection) -> None:
    rows = queries.errors(asked, SINCE)
    failed = [call for call in WITHIN if call.error]
    assert sum(row["calls"] for row in rows) == len(failed)
    assert [row["calls"] for row in rows] == sorted((row["calls"] for row in rows), reverse=True)
    for row in rows:
        same = [
            call for call in failed
            if (call.error, call.model, call.engine) == (row["error"], row["model"], row["engine"])
        ]  # fmt: skip
        assert row["calls"] == len(same)
        assert row["request_id"] == max(same, key=lambda call: call.id).request_id
    assert len(queries.errors(asked, None, top=2)) == 2


@pytest.mark.parametrize("hourly", [False, True], ids=["days", "hours"])
def test_over_time(asked: sa.Connection, hourly: bool) -> None:
    groups: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in WITHIN:
        moment = datetime.fromtimestamp(call.started_at, UTC)
        groups[f"{moment:%Y-%m-%d %H}" if hourly else f"{moment:%Y-%m-%d}", call.model].append(call)
    rows = queries.over_time(asked, "model", SINCE, hourly=hourly)
    assert [(row["time"], row["group"]) for row in rows] == sorted(groups)
    for row in rows:
        assert row == {"time": row["time"], "group": row["group"], **summed(groups[row["time"], row["group"]])}
    whole = queries.over_time(asked, None, SINCE, hourly=hourly)
    assert sum(row["calls"] for row in whole) == len(WITHIN)


def test_one_call_and_all_of_one_request(asked: sa.Connection) -> None:
    (row,) = queries.calls_of(asked, "call-7")
    assert row["tags"] == sorted(CALLS[7].tags)
    assert row["id"] == CALLS[7].id
    assert [row["call_id"] for row in queries.calls_of(asked, "request-3")] == ["call-6", "call-7"]
    assert [row["id"] for row in queries.calls_of(asked, CALLS[3].id)] == [CALLS[3].id]
    assert queries.calls_of(asked, "nobody") == []


def test_nothing_is_lost(asked: sa.Connection) -> None:
    assert queries.lost(asked, None) == {"calls": 0, "reasons": []}
