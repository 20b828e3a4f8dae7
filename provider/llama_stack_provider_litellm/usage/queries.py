"""Questions to the usage records. SQLite and PostgreSQL understand every one.

Costs are USD (None where none is known), times seconds. Tokens are those that a vendor counted: an answer from the
cache adds none. Percentiles (nearest rank) are those of calls that succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from .tables import AUDIT, CALLS, LOST, TAGS

By = Literal["model", "vendor", "user", "agent", "project", "org", "tag", "day", "engine", "status"]
BY: tuple[By, ...] = get_args(By)

Row = dict[str, Any]
_PARTS = (50, 95, 99)
_SECONDS = [f"{what}p{part}_seconds" for what in ("", "first_token_") for part in _PARTS]
_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
_COUNTS = ("calls", "errors", "cache_hits", *_TOKENS, "priced", "unpriced", "retries", "fallbacks")
_C = CALLS.c
_CALLS_BEGAN = sa.cast(_C.started_at, sa.String)
_DAY, _HOUR = (sa.func.substr(_CALLS_BEGAN, 1, letters) for letters in (10, 13))
_FAILED = _C.error.is_not(None)
# Something of an answer came, and nobody knows what it cost.
_UNPRICED = sa.and_(_C.cost_usd.is_(None), sa.or_(_C.error.is_(None), _C.chunks > 0))


def totals(connection: sa.Connection, since: datetime | None) -> Row:
    """All calls in one row."""
    rows = _summed(connection, sa.literal("all"), since)
    nothing = {"group": "all", **dict.fromkeys(_COUNTS, 0), "cost_usd": None, **dict.fromkeys(_SECONDS)}
    return rows[0] if rows else nothing


def by(connection: sa.Connection, what: By, since: datetime | None, top: int | None = None) -> list[Row]:
    """A row per model, vendor … (under ``group``), the dearest first; days in their order."""
    return _summed(connection, _group(what), since, top=top, tags=what == "tag", in_order=what == "day")


def compared(connection: sa.Connection, since: datetime | None) -> list[Row]:
    """A row per model and engine, of the models that both engines have served."""
    both = (
        sa.select(_C.model)
        .where(_C.engine.in_(("embedded", "proxy")), *_since(since))
        .group_by(_C.model)
        .having(sa.func.count(sa.distinct(_C.engine)) == 2)
    )
    of_both = [_C.model.in_(both), _C.engine.is_not(None)]
    group = _C.model + "\n" + _C.engine
    rows = _summed(connection, group, since, where=of_both)
    for row in rows:
        row["model"], row["engine"] = row.pop("group").rsplit("\n", 1)
    return sorted(rows, key=lambda row: (row["model"], row["engine"]))


def errors(connection: sa.Connection, since: datetime | None, top: int | None = None) -> list[Row]:
    """What failed: a row per error, model and deployment, the most frequent first, with the last such call."""
    columns = (_C.error, _C.status, _C.model, _C.deployment, _C.engine)
    counted = (
        sa.select(*columns, sa.func.count().label("calls"), sa.func.max(_C.id).label("last"))
        .where(_FAILED, *_since(since))
        .group_by(*columns)
        .order_by(sa.desc("calls"), sa.desc("last"))
        .limit(top)
        .subquery()
    )
    last = sa.select(counted, _C.started_at.label("last_at"), _C.request_id, _C.user_id)
    rows = connection.execute(last.join(CALLS, _C.id == counted.c.last).order_by(sa.desc("calls"), sa.desc("last")))
    return [dict(row) for row in rows.mappings()]


def over_time(connection: sa.Connection, what: By | None, since: datetime | None, *, hourly: bool) -> list[Row]:
    """A row per hour or day (``time``) and model, vendor … (``group``), in the order of time."""
    moment = _HOUR if hourly else _DAY
    group = moment if what is None else moment + "\n" + sa.func.coalesce(_group(what), "")
    rows = _summed(connection, group, since, tags=what == "tag")
    for row in rows:
        row["time"], _, row["group"] = row["group"].partition("\n")
    return sorted(rows, key=lambda row: (row["time"], row["group"]))


def lost(connection: sa.Connection, since: datetime | None) -> Row:
    """How many calls have no record, and the reasons."""
    within = [LOST.c.until >= since] if since else []
    rows = connection.execute(sa.select(LOST).where(*within).order_by(LOST.c.since)).mappings().all()
    return {"calls": sum(row["calls"] for row in rows), "reasons": list(dict.fromkeys(row["reason"] for row in rows))}


def calls_of(connection: sa.Connection, identity: str) -> list[Row]:
    """The calls with this id: LiteLLM's, that of the request that they came of, or the record's own; with their tags,
    and question and answer where they were kept."""
    named = sa.or_(_C.call_id == identity, _C.request_id == identity, _C.id == identity)
    found = (
        sa.select(CALLS, AUDIT.c.question, AUDIT.c.answer)
        .outerjoin(AUDIT, AUDIT.c.id == _C.id)
        .where(named)
        .order_by(_C.id)
    )
    rows = [dict(row) for row in connection.execute(found).mappings()]
    for row in rows:
        tags = sa.select(TAGS.c.tag).where(TAGS.c.id == row["id"]).order_by(TAGS.c.tag)
        row["tags"] = list(connection.execute(tags).scalars())
    return rows


def _since(since: datetime | None) -> list[sa.ColumnElement[bool]]:
    return [_C.started_at >= since] if since else []


def _group(what: By) -> sa.ColumnElement[Any]:
    groups: dict[By, sa.ColumnElement[Any]] = {
        "model": _C.model,
        "vendor": _C.vendor,
        "user": _C.user_id,
        "agent": _C.agent,
        "project": _C.project,
        "org": _C.org,
        "tag": TAGS.c.tag,
        "day": _DAY,
        "engine": _C.engine,
        "status": sa.cast(_C.status, sa.String) + sa.func.coalesce(" " + _C.error, ""),
    }
    return groups[what]


def _summed(
    connection: sa.Connection,
    group: sa.ColumnElement[Any],
    since: datetime | None,
    *,
    where: Sequence[sa.ColumnElement[bool]] = (),
    top: int | None = None,
    tags: bool = False,
    in_order: bool = False,
) -> list[Row]:
    source = sa.outerjoin(CALLS, TAGS, TAGS.c.id == _C.id) if tags else CALLS
    within = [*_since(since), *where]
    cost = sa.func.sum(_C.cost_usd)
    dearest = [sa.desc(sa.func.coalesce(cost, 0.0)), sa.desc("calls"), sa.literal_column("1")]
    sums = (
        sa.select(
            group.label("group"),
            sa.func.count().label("calls"),
            _counted(_FAILED).label("errors"),
            _counted(_C.cache_hit).label("cache_hits"),
            *(_tokens(name) for name in _TOKENS),
            cost.label("cost_usd"),
            sa.func.count(_C.cost_usd).label("priced"),
            _counted(_UNPRICED).label("unpriced"),
            sa.func.coalesce(sa.func.sum(_C.retries), 0).label("retries"),
            sa.func.coalesce(sa.func.sum(_C.fallbacks), 0).label("fallbacks"),
        )
        .select_from(source)
        .where(*within)
        .group_by(sa.literal_column("1"))
        .order_by(*(dearest[-1:] if in_order else dearest))
        .limit(top)
    )
    rows = [dict(row) for row in connection.execute(sums).mappings()]
    seconds = [
        _percentiles(connection, group, source, column, within)
        for column in (_C.duration_seconds, _C.first_token_seconds)
    ]
    for row in rows:
        found = [value for times in seconds for value in times.get(row["group"], [None] * len(_PARTS))]
        row |= dict(zip(_SECONDS, found, strict=True))
    return rows


def _counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _tokens(name: str) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((_C.cache_hit, 0), else_=CALLS.columns[name])), 0).label(name)


def _percentiles(
    connection: sa.Connection,
    group: sa.ColumnElement[Any],
    source: sa.FromClause,
    seconds: sa.ColumnElement[float],
    within: Sequence[sa.ColumnElement[bool]],
) -> dict[Any, list[float]]:
    """The percentiles of each group, found where the rows are: SQLite has no function for it."""
    ranked = (
        sa.select(
            group.label("group"),
            seconds.label("seconds"),
            sa.func.row_number().over(partition_by=group, order_by=seconds).label("place"),
            sa.func.count().over(partition_by=group).label("places"),
        )
        .select_from(source)
        .where(_C.error.is_(None), seconds.is_not(None), *within)
        .subquery()
    )
    place, places = ranked.c.place, ranked.c.places
    picked = [
        sa.func.max(sa.case((place == (places * part + 99) // 100, ranked.c.seconds))).label(f"p{part}")
        for part in _PARTS
    ]
    rows = connection.execute(sa.select(ranked.c.group, *picked).group_by(ranked.c.group))
    return {row[0]: list(row[1:]) for row in rows}
