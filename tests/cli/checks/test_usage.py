"""What the doctor says of the usage records."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage.database import Database
from llama_stack_provider_litellm.usage.ledger import Ledger
from llama_stack_provider_litellm.usage.tables import VERSIONS
from tests.cli.machine import Machine
from tests.processes import free_port
from tests.usage.records import a_call, written


def settings(machine: Machine) -> UsageSettings:
    return UsageSettings(url=f"sqlite:///{machine.store}/litellm_usage.db")


def doctor(machine: Machine, **env: str) -> list[dict[str, str]]:
    environment: Any = env
    return machine.doctor("--mode", "proxy", "--port", free_port(), **environment).of("usage")


def test_none_yet_and_some(machine: Machine) -> None:
    (found,) = doctor(machine)
    assert found["severity"] == "ok" and "will be kept in" in found["what"]
    assert not (machine.store / "litellm_usage.db").exists()
    written(settings(machine), [a_call()])
    (found,) = doctor(machine)
    assert found["severity"] == "ok" and "are kept in" in found["what"]


def test_calls_without_a_record(machine: Machine) -> None:
    ledger = Ledger(settings(machine), str)
    ledger.record(a_call(api=None))
    asyncio.run(ledger.close())
    (found,) = doctor(machine)
    assert found["severity"] == "note" and found["what"].startswith("Calls without a record: 1.")
    assert "usage.queue_size" in found["mend"]


@pytest.mark.parametrize(
    ("version", "severity", "words"),
    [("1", "note", "older release (version 1)"), ("99", "warning", "newer release (version 99)")],
)
def test_another_releases_tables(machine: Machine, version: str, severity: str, words: str) -> None:
    database = Database(settings(machine))
    database.upgrade()
    with database.engine.begin() as connection:
        connection.execute(sa.update(VERSIONS).values(version_num=version))
    database.close()
    (found,) = doctor(machine)
    assert found["severity"] == severity and words in found["what"]


def test_a_database_that_is_away(machine: Machine) -> None:
    url = f"postgresql://ann@127.0.0.1:{free_port()}/db"
    (found,) = doctor(machine, LITELLM_USAGE_URL=url, LITELLM_USAGE_PASSWORD="hunter22")
    assert found["severity"] == "warning" and "cannot be read" in found["what"]
    assert "Start the database, or correct LITELLM_USAGE_URL" in found["mend"]
    assert "hunter22" not in repr(found)


def test_an_address_that_cannot_be_used(machine: Machine) -> None:
    (found,) = doctor(machine, LITELLM_USAGE_URL="mysql://h/d")
    assert found["severity"] == "error" and "neither sqlite nor postgresql" in found["what"]
    (found,) = doctor(machine, LITELLM_USAGE_URL="postgresql://u:hunter22@h/d")
    assert found["severity"] == "error" and "usage.password" in found["what"] and "hunter22" not in repr(found)
