"""An embedding answer's numbers become text, and a failed call a record, for whoever logs them and for nobody else."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils import litellm_logging

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.engines import library
from llama_stack_provider_litellm.engines.callbacks import LISTS
from llama_stack_provider_litellm.errors import RequestError
from tests.engines.conftest import MakeEngine

library.import_litellm()
REQUEST = {"model": "embedding", "input": ["some", "words"], "encoding_format": "float"}


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have left loggers behind."""
    for name in LISTS:
        monkeypatch.setattr(litellm, name, [])


class Logger(CustomLogger):
    """Keeps what LiteLLM tells of a call."""

    def __init__(self) -> None:
        self.raw: list[Any] = []
        self.told: list[Any] = []
        self.failed: list[Any] = []

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.raw.append(kwargs["original_response"])
        self.told.append(kwargs["standard_logging_object"])

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.failed.append(kwargs["standard_logging_object"])


def raw_of(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The raw answers that LiteLLM has written for an embedding call."""
    written: list[Any] = []
    dumps = json.dumps

    def noted(value: Any, *args: Any, **named: Any) -> str:
        if isinstance(value, dict) and "data" in value:
            written.append(value)
        return dumps(value, *args, **named)

    async def main() -> None:
        engine = make_engine("")
        await engine.start(lambda: None)
        monkeypatch.setattr(json, "dumps", noted)
        await engine.embed(REQUEST, Caller())
        await asyncio.sleep(0.2)
        monkeypatch.setattr(json, "dumps", dumps)
        await engine.close()

    asyncio.run(main())
    return written


def test_without_a_logger_no_number_is_written(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert raw_of(make_engine, monkeypatch) == []


@pytest.mark.parametrize("name", ["callbacks", "success_callback", "input_callback", "_async_success_callback"])
def test_a_logger_reads_what_it_always_read(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(litellm, name, [*getattr(litellm, name), Logger()])
    (answer,) = raw_of(make_engine, monkeypatch)
    assert [len(row["embedding"]) for row in answer["data"]] == [64, 64]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many vectors each copy of an answer has held."""
    seen: list[int] = []
    dump = litellm.EmbeddingResponse.model_dump

    def noted(self: Any, **named: Any) -> Any:
        seen.append(len(self.data or ()))
        return dump(self, **named)

    monkeypatch.setattr(litellm.EmbeddingResponse, "model_dump", noted)
    return seen


def test_without_a_logger_no_number_is_copied(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, copied: list[int]
) -> None:
    raw_of(make_engine, monkeypatch)
    assert copied == [0, 0], "to make our answer, and for the Router's counts"


def test_a_logger_is_told_of_it(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, copied: list[int]) -> None:
    logger = Logger()
    monkeypatch.setattr(litellm, "_async_success_callback", [*litellm._async_success_callback, logger])
    raw_of(make_engine, monkeypatch)
    (raw,), (told,) = logger.raw, logger.told
    assert len(json.loads(raw)["data"]) == 2
    assert [len(row["embedding"]) for row in told["response"]["data"]] == [64, 64]
    assert sorted(copied) == [0, 2]


def test_so_does_a_log_that_shows_it(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LITELLM_LOG", "DEBUG")
    with caplog.at_level(logging.DEBUG, "LiteLLM"):
        assert len(raw_of(make_engine, monkeypatch)) >= 1


def failed(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What LiteLLM has searched for secrets on behalf of loggers, of a call that fails."""
    searched: list[str] = []
    search = litellm_logging.redact_string

    def noted(text: str) -> str:
        searched.append(text)
        return search(text)

    async def main() -> None:
        engine = make_engine("")
        await engine.start(lambda: None)
        monkeypatch.setattr(litellm_logging, "redact_string", noted)
        with pytest.raises(RequestError):
            await engine.chat({"model": "gpt", "messages": [{"role": "user", "content": "[[error 401]]"}]}, Caller())
        await asyncio.sleep(0.2)
        await engine.close()

    asyncio.run(main())
    return searched


def test_without_a_logger_no_failure_is_written(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failed(make_engine, monkeypatch) == []


def test_a_logger_is_told_of_a_failure(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = Logger()
    monkeypatch.setattr(litellm, "_async_failure_callback", [*litellm._async_failure_callback, logger])
    assert failed(make_engine, monkeypatch) != []
    (told,) = logger.failed
    assert told["status"] == "failure"
    assert told["error_information"]["error_code"] == "401"
