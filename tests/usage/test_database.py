"""Where the records are kept, and how their tables come to be this release's."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import ValidationError

from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.errors import ConfigError
from llama_stack_provider_litellm.usage.database import FILE, Database, OtherTables
from llama_stack_provider_litellm.usage.ledger import Ledger
from llama_stack_provider_litellm.usage.tables import AUDIT, CALLS, METADATA, VERSION, VERSIONS
from tests.postgresql import PostgreSQL
from tests.usage.records import a_call, emptied, rows, rows_at, written

CONFIG = Config()
CONFIG.set_main_option("script_location", "llama_stack_provider_litellm.usage:migrations")
SCRIPTS = ScriptDirectory.from_config(CONFIG)


def at_version(database: Database, version: str) -> None:
    """Make the tables of a release, one change after the other."""
    if database.is_sqlite:
        Path(str(database.url.database)).touch()
    with database.engine.begin() as connection:
        CONFIG.attributes["connection"] = connection
        command.upgrade(CONFIG, version)


@pytest.mark.parametrize("way", ["at once", "step by step"])
def test_the_tables_are_those_that_the_code_knows(settings: UsageSettings, way: str) -> None:
    database = Database(settings)
    if way == "at once":
        database.upgrade()
    else:
        at_version(database, "head")
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSIONS.name, "compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == VERSION == SCRIPTS.get_current_head()
        found = sa.inspect(connection)
        assert found.get_pk_constraint(VERSIONS.name)["name"] == "litellm_usage_version_pkc"
        assert [column["nullable"] for column in found.get_columns(VERSIONS.name)] == [False]
    database.close()


def test_a_start_that_changes_no_tables_goes_without_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from llama_stack_provider_litellm.config import UsageSettings;"
        "from llama_stack_provider_litellm.usage.database import Database;"
        "database = Database(UsageSettings(url=sys.argv[1])); database.upgrade(); database.upgrade(); database.check();"
        "print(sorted(name for name in sys.modules if name.startswith('alembic')))"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, f"sqlite:///{tmp_path}/usage.db"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("before", [None, "1"])
def test_providers_of_one_stack_make_their_tables_at_the_same_time(tmp_path: Path, before: str | None) -> None:
    databases = [
        Database(UsageSettings.model_validate({"url": f"sqlite:///{tmp_path}/{number}.db"})) for number in range(8)
    ]
    for database in databases if before else ():
        at_version(database, str(before))
    with ThreadPoolExecutor(len(databases)) as threads:
        list(threads.map(Database.upgrade, databases))
    for database in databases:
        database.check()
        database.close()


def test_an_older_releases_tables_are_brought_to_this_one_with_what_is_in_them(settings: UsageSettings) -> None:
    old = Database(settings)
    at_version(old, "1")
    assert not sa.inspect(old.engine).has_table(AUDIT.name)
    with old.engine.begin() as connection:
        connection.execute(
            sa.insert(CALLS),
            {"id": "0" * 32, "started_at": datetime.now(UTC), "api": "chat", "stream": False, "model": "of before",
             "cost_source": "unknown", "cache_hit": False, "chunks": 0, "duration_seconds": 1.0, "status": 200},
        )  # fmt: skip
    with pytest.raises(OtherTables, match=r"older release \(version 1\). Start the stack once"):
        old.check()
    old.close()
    written(settings.model_copy(update={"audit": "full"}), [a_call("of now", question={}, answer="yes")])
    assert [row["model"] for row in rows_at(settings)] == ["of before", "of now"]
    assert [row["answer"] for row in rows_at(settings, AUDIT)] == ['"yes"']


def test_a_newer_releases_tables_are_left_alone(
    settings: UsageSettings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.update(VERSIONS).values(version_num="99"))
    for work in (database.upgrade, database.check):
        with pytest.raises(OtherTables, match=r"newer release \(version 99\). Upgrade this one"):
            work()
    # A stack goes on, and says that it writes nothing.
    ledger = Ledger(settings, str)
    ledger.record(a_call())
    with caplog.at_level(logging.WARNING):
        asyncio.run(ledger.close())
    assert ledger.dropped == 1
    assert "newer release (version 99)" in caplog.text
    assert rows(database) == []


def test_what_is_not_there_is_said_so(settings: UsageSettings) -> None:
    database = Database(settings, reads=True)
    with pytest.raises(OtherTables, match="There are no usage records"):
        database.check()
    database.close()
    assert not (database.is_sqlite and Path(str(database.url.database)).exists()), "looking makes no file"


def test_two_servers_start_at_once(settings: UsageSettings, tmp_path: Path) -> None:
    program = (
        "import sys; from llama_stack_provider_litellm.config import UsageSettings;"
        "from llama_stack_provider_litellm.usage.database import Database;"
        "Database(UsageSettings.model_validate({'url': sys.argv[1], 'password': sys.argv[2]})).upgrade()"
    )
    arguments = [settings.url, settings.password.get_secret_value()]
    both = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", program, *arguments]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in both] == [0, 0, 0]
    assert rows_at(settings) == []


def test_the_default_is_a_file_of_the_storage_folder_for_its_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLITE_STORE_DIR", str(tmp_path / "store"))
    database = Database(UsageSettings())
    database.upgrade()
    # What has not been moved into the file yet is beside it.
    written(UsageSettings(), [a_call()])
    found = sorted((tmp_path / "store").iterdir())
    assert found[0].name == FILE
    assert all(path.stat().st_mode & 0o077 == 0 for path in found), found
    database.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "usage.url: is no database URL. It must look like sqlite:////var"),
        ("mysql://u@h/d", "'mysql' is neither sqlite nor postgresql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_cannot_be_used(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Database(UsageSettings(url=url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@host/db",
        "postgres://ann:hunter2@host/db",
        "postgresql://ann:hun#ter2@host/db",
        "postgresql://ann:hun?ter2@host/db",
        "postgresql://ann:hun/ter2@host/db",
        "postgresql://ann@host/db?password=hunter2",
        "postgresql://ann@host/db?x=y&sslpassword=hunter2",
        "postgres//ann:hunter2@host/db",
        "ann:hunter2@host/db",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ValidationError, match=r"usage\.url must hold no password: put it into `usage.password`") as exc:
        UsageSettings(url=url)
    assert "ter2" not in str(exc.value)


@pytest.mark.parametrize(
    "url", ["postgresql://ann@host:5432/db", "postgresql://host/db?sslmode=require", "sqlite:////a/b.db"]
)
def test_a_url_without_a_password_is_fine(url: str) -> None:
    assert UsageSettings(url=url).url == url


@pytest.mark.parametrize(("variable", "made"), [("12345", 12345), ("0123", 123), ("true", True), ("1e5", 1e5)])
def test_a_password_that_the_host_makes_a_number_of(
    variable: str, made: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_USAGE_PASSWORD", variable)
    assert UsageSettings.model_validate({"password": made}).password.get_secret_value() == variable


def test_options_of_the_url_are_the_users(shared_postgresql: PostgreSQL) -> None:
    emptied(shared_postgresql)
    with psycopg.connect(shared_postgresql.url, password=shared_postgresql.password, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        url = f"{shared_postgresql.url}?options=-csearch_path%3Delsewhere&application_name=mine"
        settings = UsageSettings.model_validate({"url": url, "password": shared_postgresql.password})
        database = Database(settings)
        database.upgrade()
        with database.engine.connect() as ours:
            assert ours.execute(sa.text("SHOW application_name")).scalar() == "mine"
            assert ours.execute(sa.text("SHOW statement_timeout")).scalar() == "10s"
        database.close()
        found = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'litellm_usage'").fetchall()
        assert found == [("elsewhere",)]
        reading = Database(settings, reads=True)
        with reading.engine.connect() as ours:
            assert ours.execute(sa.text("SHOW statement_timeout")).scalar() == "0", "a report may take its time"
            assert ours.execute(sa.text("SHOW timezone")).scalar() == "UTC"
        reading.close()
        connection.execute("DROP SCHEMA elsewhere CASCADE")


def test_the_password_is_in_nothing_that_is_shown() -> None:
    database = Database(UsageSettings.model_validate({"url": "postgresql://ann@host/db", "password": "hunter2"}))
    assert database.url.password == "hunter2"
    assert "hunter2" not in database.where + repr(database.url) + repr(database.engine)
    assert "@host/db" in database.where


def test_postgres_is_postgresql_too() -> None:
    assert Database(UsageSettings(url="postgres://ann@host/db")).url.drivername == "postgresql+psycopg"


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def nothing(name: str, package: str | None = None) -> Any:
        return None if name == "psycopg" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(ConfigError, match=r"pip install 'llama-stack-provider-litellm\[usage-postgres\]'"):
        Database(UsageSettings(url="postgresql://ann@host/db"))
