"""Whether the usage records can be kept."""

from __future__ import annotations

import os
from pathlib import Path

from ...config import UsageSettings
from .finding import Finding


def check() -> Finding:
    """Look at the database that ``up`` would write to. Raises ConfigError, and pydantic's ValidationError, for an
    address that cannot be used."""
    # Its package may be what is broken.
    from sqlalchemy.exc import SQLAlchemyError

    from ...usage import queries
    from ...usage.database import Database, OlderTables, OtherTables, words_of

    given = {"url": os.environ.get("LITELLM_USAGE_URL"), "password": os.environ.get("LITELLM_USAGE_PASSWORD")}
    database = Database(UsageSettings.model_validate(given), reads=True)
    try:
        if database.is_sqlite and not Path(str(database.url.database)).exists():
            return Finding("usage", "ok", f"Usage records will be kept in {database.where}.")
        database.check()
        with database.engine.connect() as connection:
            lost = queries.lost(connection, None)
    except OlderTables as exc:
        return Finding("usage", "note", f"{exc}")
    except OtherTables as exc:
        return Finding.of_words("usage", "warning", str(exc), "")
    except SQLAlchemyError as exc:
        what = f"The usage records at {database.where} cannot be read: {words_of(exc)}"
        mend = (
            "Start the database, or correct LITELLM_USAGE_URL and LITELLM_USAGE_PASSWORD; calls are served meanwhile."
        )
        return Finding("usage", "warning", what, mend)
    finally:
        database.close()
    if lost["calls"]:
        what = f"Calls without a record: {lost['calls']:,}. {'; '.join(lost['reasons'])}"
        return Finding(
            "usage", "note", what, "Mend what it names, or raise `usage.queue_size` in the provider's config."
        )
    return Finding("usage", "ok", f"Usage records are kept in {database.where}.")
