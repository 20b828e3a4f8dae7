"""The database of the usage records: where it is, how it is reached, and in what state its tables are."""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from .. import storage
from ..config import UsageSettings
from ..errors import ConfigError
from .tables import METADATA, VERSION, VERSIONS

if TYPE_CHECKING:
    from alembic.config import Config

FILE = "litellm_usage.db"
"""The database in the storage folder, where ``usage.url`` names no other."""

_PACKAGE = "llama_stack_provider_litellm.usage"
# Any number, the same in every server: who has this lock of PostgreSQL changes the tables.
_LOCK = 0x6C697465
# Alembic keeps what it works on in its module: two providers of one stack, each with a database of its own, would take
# the other's.
_UPGRADING = threading.Lock()
# Seconds. A server that accepts and never answers must not hold the writer for ever.
_CONNECT, _SILENCE = 5, 10
# Rows in a statement for SQLite. Each number of them is another statement, and the driver keeps what it has prepared.
_ROWS = 25
# How long SQLite waits for another process that writes, before it is asked again.
_BUSY = 1


class OtherTables(Exception):
    """The tables are not this release's. The message says whose, and the mend."""


class OlderTables(OtherTables):
    """They are an older release's, or none yet: the next start of a stack makes them this one's."""


class Database:
    """Raises ConfigError for a URL that cannot be used. Connects to nothing before it is asked to."""

    def __init__(self, settings: UsageSettings, *, reads: bool = False) -> None:
        """``reads``: nothing will be written, so that nobody who writes is kept waiting."""
        self.url = _url(settings)
        if self.is_sqlite:
            self.engine = sa.create_engine(
                self.url,
                hide_parameters=True,
                poolclass=sa.StaticPool,
                connect_args=_sqlite_arguments(),
                insertmanyvalues_page_size=_ROWS,
            )
            # Python's driver gives way to the other threads at each statement, and under load waits a millisecond for
            # its turn: a statement for each row would not keep up with a thousand calls a second.
            self.engine.dialect.use_insertmanyvalues_wo_returning = True
            sa.event.listen(self.engine, "connect", _read_sqlite if reads else _prepare_sqlite)
            begin = "BEGIN" if reads else "BEGIN IMMEDIATE"
            sa.event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        else:
            arguments = {name: value for name, value in _POSTGRESQL.items() if name not in self.url.query}
            self.engine = sa.create_engine(
                self.url, hide_parameters=True, pool_size=1, pool_pre_ping=True, connect_args=arguments
            )
            sa.event.listen(self.engine, "connect", _read_postgresql if reads else _prepare_postgresql)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def where(self) -> str:
        """The database, for people; without its password."""
        return str(self.url.database) if self.is_sqlite else self.url.render_as_string(hide_password=True)

    def upgrade(self) -> None:
        """Make the tables, or bring an older release's to this one's. Raises OtherTables for those of a newer one."""
        self._make_file()
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                # Two servers may start at once. The lock ends with the transaction.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                # A change of large tables takes its time.
                connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            found = self._version(connection)
            if found is None:
                METADATA.create_all(connection, checkfirst=False)
                VERSIONS.create(connection, checkfirst=False)
                connection.execute(sa.insert(VERSIONS).values(version_num=VERSION))
            elif found != VERSION:
                self._migrate(connection, found)

    def _migrate(self, connection: sa.Connection, found: str) -> None:
        # Alembic takes a tenth of a second to import, and few starts need it. It has a line for every part of itself.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from alembic import command

        if found not in _known_versions():
            raise OtherTables(
                f"The tables in {self.where} are those of a newer release (version {found}). Upgrade this one, or "
                "give it a database of its own (`usage.url`, LITELLM_USAGE_URL)."
            )
        config = _alembic()
        config.attributes["connection"] = connection
        with _UPGRADING:
            command.upgrade(config, VERSION)

    def check(self) -> None:
        """Raise OtherTables unless the tables are there, and this release's."""
        if self.is_sqlite and not Path(str(self.url.database)).exists():
            raise OlderTables(
                f"There are no usage records at {self.where}: no stack has written any. Start one, or name the one "
                "that is meant: SQLITE_STORE_DIR is a stack's storage folder, LITELLM_USAGE_URL its database."
            )
        with self.engine.connect() as connection:
            found = self._version(connection)
        if found == VERSION:
            return
        if found is None:
            raise OlderTables(f"There are no usage records in {self.where}: no stack has written any.")
        if found in _known_versions():
            raise OlderTables(
                f"The tables in {self.where} are those of an older release (version {found}). Start the stack once: "
                "it brings them to this one."
            )
        raise OtherTables(
            f"The tables in {self.where} are those of a newer release (version {found}). Upgrade this one."
        )

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        self.engine.dispose()

    def _make_file(self) -> None:
        """What people asked may stand in it: for the eyes of the server's user alone."""
        if self.is_sqlite:
            path = Path(str(self.url.database))
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))

    def _version(self, connection: sa.Connection) -> str | None:
        if not sa.inspect(connection).has_table(VERSIONS.name):
            return None
        return connection.execute(sa.select(VERSIONS.c.version_num)).scalar()


def words_of(exc: Exception) -> str:
    """What a database says, on one line, without the statement."""
    cause = exc.orig if isinstance(exc, DBAPIError) else exc
    return " ".join(str(cause).split())


def _url(settings: UsageSettings) -> sa.URL:
    """The database's URL, with its driver and password."""
    if not settings.url:
        return sa.URL.create("sqlite", database=str(storage.folder() / FILE))
    try:
        url = sa.make_url(settings.url)
        kind = url.get_backend_name()
    except ArgumentError:
        # Without the URL: a password may stand in it where none is looked for.
        raise ConfigError(f"usage.url: is no database URL. {_FORMS}") from None
    if kind == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ConfigError("usage.url: names no file, as in sqlite:////var/lib/stack/usage.db.")
        return url.set(drivername="sqlite", database=str(Path(url.database).expanduser()))
    if kind not in ("postgresql", "postgres"):
        raise ConfigError(f"usage.url: '{kind}' is neither sqlite nor postgresql. {_FORMS}")
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError(
            "usage.url: PostgreSQL needs psycopg, which an extra brings: "
            "pip install 'llama-stack-provider-litellm[usage-postgres]'."
        )
    return url.set(drivername="postgresql+psycopg", password=settings.password.get_secret_value() or None)


_FORMS = "It must look like sqlite:////var/lib/stack/usage.db or postgresql://user@host:5432/name."


def _sqlite_arguments() -> dict[str, Any]:
    # One connection, which only the writer's thread uses, and at the end whoever closes it.
    return {"timeout": _BUSY, "check_same_thread": False}


def _read_sqlite(connection: Any, _: Any) -> None:
    # The driver would begin transactions at a time of its own choosing.
    connection.isolation_level = None


def _prepare_sqlite(connection: Any, _: Any) -> None:
    _read_sqlite(connection, _)
    # Readers and the writer do not wait for each other; what a killed process has committed is there.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # KiB. SQLite's own two MiB are most of what a server would grow by in its first thousands of calls; from some
    # 80,000 records on, which are too many for them, they make nothing faster.
    connection.execute("PRAGMA cache_size = -256")


_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": _CONNECT,
    "tcp_user_timeout": _SILENCE * 1000,
    "application_name": "llama-stack-provider-litellm",
}


def _read_postgresql(connection: Any, _: Any) -> None:
    # Days are those of UTC; and all questions of one command see the same rows.
    _execute(connection, "SET TIME ZONE 'UTC'", "SET default_transaction_isolation = 'repeatable read'")


def _prepare_postgresql(connection: Any, _: Any) -> None:
    limit = _SILENCE * 1000
    _execute(connection, "SET TIME ZONE 'UTC'", f"SET statement_timeout = {limit}", f"SET lock_timeout = {limit}")


def _execute(connection: Any, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.commit()


def _known_versions() -> list[str]:
    """The versions of the tables that this release knows."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()]


def _alembic() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", f"{_PACKAGE}:migrations")
    return config
