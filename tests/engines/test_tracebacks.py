"""LiteLLM's failure logs hold short tracebacks."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import litellm.litellm_core_utils.litellm_logging
import litellm.router
import litellm.utils
import pytest
from litellm.integrations.custom_logger import CustomLogger

from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines import tracebacks
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.errors import RateLimited
from llama_stack_provider_litellm.settings import LiteLLMSettings
from tests.upstream.process import start_upstream

MODULES: tuple[Any, ...] = (litellm.utils, litellm.router, litellm.litellm_core_utils.litellm_logging)


class Failures(CustomLogger):
    """What LiteLLM tells failure callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.seen.append(kwargs)


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    callback = Failures()
    monkeypatch.setattr(litellm, "_async_failure_callback", [callback])
    return callback.seen


async def fail() -> None:
    with start_upstream() as upstream:
        params = {"model": "openai/echo-1", "api_key": "sk-1", "api_base": f"{upstream.url}/v1"}
        settings = LiteLLMSettings(
            Path("config.yaml"), [{"model_name": "m", "litellm_params": params}], {"num_retries": 0}
        )
        engine = RouterEngine(settings)
        with pytest.raises(RateLimited):
            await engine.chat({"model": "m", "messages": [{"role": "user", "content": "[[error 429]]"}]}, ANONYMOUS)
        await engine.close()


def test_callbacks_see_file_line_and_function_of_the_last_frames(failures: list[dict[str, Any]]) -> None:
    asyncio.run(fail())
    lines = failures[0]["traceback_exception"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    frames = [line for line in lines if line.startswith('  File "')]
    assert 1 <= len(frames) <= 4
    assert "exception_mapping_utils.py" in frames[-1]
    assert lines[len(frames) + 1].startswith("RateLimitError: litellm.RateLimitError")


def test_litellm_alone_renders_whole_ones(failures: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, LiteLLM does it otherwise, and tracebacks.py has to be looked at, or can go."""
    monkeypatch.setattr(tracebacks, "install", lambda: None)
    for module in MODULES:
        monkeypatch.setattr(module, "traceback", traceback)
    asyncio.run(fail())
    assert len(failures[0]["traceback_exception"].splitlines()) > 40


def test_the_rest_of_the_module_is_the_standard_one() -> None:
    tracebacks.install()
    module: ModuleType = litellm.utils.traceback
    assert module.print_exc is traceback.print_exc
    assert module.format_exc() == "NoneType: None\n"
