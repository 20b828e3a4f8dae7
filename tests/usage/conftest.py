"""Both kinds of database, and calls to put into them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage.database import Database
from tests.postgresql import PostgreSQL
from tests.postgresql import shared_postgresql as shared_postgresql
from tests.usage.records import emptied


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> UsageSettings:
    """Of a database without tables."""
    if request.param == "sqlite":
        return UsageSettings(url=f"sqlite:///{tmp_path}/usage.db")
    server: PostgreSQL = request.getfixturevalue("shared_postgresql")
    emptied(server)
    return UsageSettings.model_validate({"url": server.url, "password": server.password})


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> UsageSettings:
    """Of an SQLite database without tables."""
    return UsageSettings(url=f"sqlite:///{tmp_path}/usage.db")


@pytest.fixture
def database(settings: UsageSettings) -> Iterator[Database]:
    """One with this release's tables."""
    made = Database(settings)
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def postgresql_rows(shared_postgresql: PostgreSQL) -> Iterator[psycopg.Connection]:
    """A connection of another client."""
    with psycopg.connect(shared_postgresql.url, password=shared_postgresql.password) as connection:
        yield connection
