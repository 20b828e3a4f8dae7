"""The first tables: calls, their tags, and how many were lost."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_ID = sa.String(32)
_NAME = sa.String(255)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "litellm_usage",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", _NAME),
        sa.Column("call_id", _NAME),
        sa.Column("api", sa.String(16), nullable=False),
        sa.Column("via", sa.String(32)),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("user_id", _NAME),
        sa.Column("agent", _NAME),
        sa.Column("project", _NAME),
        sa.Column("org", _NAME),
        sa.Column("key_hash", sa.String(64)),
        sa.Column("model", _NAME, nullable=False),
        sa.Column("deployment", _NAME),
        sa.Column("vendor", _NAME),
        sa.Column("engine", sa.String(16)),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cached_tokens", sa.Integer),
        sa.Column("reasoning_tokens", sa.Integer),
        sa.Column("cost_usd", sa.Float(53)),
        sa.Column("cost_source", sa.String(16), nullable=False),
        sa.Column("cache_hit", sa.Boolean, nullable=False),
        sa.Column("retries", sa.Integer),
        sa.Column("fallbacks", sa.Integer),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("first_token_seconds", sa.Float(53)),
        sa.Column("duration_seconds", sa.Float(53), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error", sa.String(64)),
    )
    for name in ("started_at", "request_id", "call_id"):
        op.create_index(f"litellm_usage_{name}", "litellm_usage", [name])
    op.create_table(
        "litellm_usage_tags",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("tag", _NAME, primary_key=True),
    )
    op.create_table(
        "litellm_usage_lost",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
