"""The tables of the usage records, as the newest of ``migrations/versions`` leaves them; a test keeps both equal."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

MOST_LETTERS = 255
"""A longer name (of a user, a tag, a model …) is cut."""
_ID = String(32)
_NAME = String(MOST_LETTERS)

METADATA = MetaData()
VERSION = "2"
"""Which of the ``migrations`` that is."""

CALLS = Table(
    "litellm_usage",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("request_id", _NAME),
    Column("call_id", _NAME),
    Column("api", String(16), nullable=False),
    Column("via", String(32)),
    Column("stream", Boolean, nullable=False),
    Column("user_id", _NAME),
    Column("agent", _NAME),
    Column("project", _NAME),
    Column("org", _NAME),
    Column("key_hash", String(64)),
    Column("model", _NAME, nullable=False),
    Column("deployment", _NAME),
    Column("vendor", _NAME),
    Column("engine", String(16)),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("cost_usd", Float(53)),
    Column("cost_source", String(16), nullable=False),
    Column("cache_hit", Boolean, nullable=False),
    Column("retries", Integer),
    Column("fallbacks", Integer),
    Column("chunks", Integer, nullable=False),
    Column("first_token_seconds", Float(53)),
    Column("duration_seconds", Float(53), nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", String(64)),
    Index("litellm_usage_started_at", "started_at"),
    Index("litellm_usage_request_id", "request_id"),
    Index("litellm_usage_call_id", "call_id"),
)
"""One row per call. Times are UTC; docs/usage.md says what each column means."""

TAGS = Table(
    "litellm_usage_tags",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("tag", _NAME, primary_key=True),
)
"""The tags of a call, one row each."""

LOST = Table(
    "litellm_usage_lost",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("calls", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)
"""How many calls of a time have no row, and why."""

AUDIT = Table(
    "litellm_usage_audit",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
)
"""What was asked and answered in a call, as JSON, where ``audit: full`` keeps it."""

VERSIONS = Table(
    "litellm_usage_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="litellm_usage_version_pkc"),
)
"""Which of the ``migrations`` the tables are at: Alembic's own table, as Alembic makes it, and so in no METADATA."""
