"""What commands hear of the log, and nobody sees."""

from __future__ import annotations

import io
import logging

import pytest

from llama_stack_provider_litellm.cli.logs import heard, quiet


@pytest.mark.parametrize("name", ["llama_stack_provider_litellm.catalog", "LiteLLM", "LiteLLM Router"])
def test_nobody_sees_it_meanwhile(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logger, told = logging.getLogger(name), io.StringIO()
    handler = logging.StreamHandler(told)
    with quiet():
        if name.startswith("LiteLLM"):
            # As litellm does when it is imported.
            logger.addHandler(handler)
        logger.warning("unseen")
    try:
        assert told.getvalue() == ""
        assert not caplog.records
    finally:
        logger.removeHandler(handler)
    propagates, logger.propagate = logger.propagate, True
    logger.warning("seen")
    logger.propagate = propagates
    assert [record.message for record in caplog.records] == ["seen"]


def test_it_is_heard() -> None:
    with quiet(), heard("llama_stack_provider_litellm.catalog") as texts:
        logging.getLogger("llama_stack_provider_litellm.catalog").warning("model %s", "x")
    logging.getLogger("llama_stack_provider_litellm.catalog").warning("later")
    assert texts == ["model x"]
