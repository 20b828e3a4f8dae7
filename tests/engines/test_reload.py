"""An engine that reads its config again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import litellm
import pytest

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.errors import ConfigError, ModelNotFound
from tests.engines.conftest import ask, until
from tests.upstream.process import Upstream

LISTS = ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback")
ASYNC_LISTS = ("_async_input_callback", "_async_success_callback", "_async_failure_callback")
LOGGER = """
from litellm.integrations.custom_logger import CustomLogger
logger = CustomLogger()
"""
BUDGET = """
router_settings:
  num_retries: 0
  routing_strategy: latency-based-routing
  provider_budget_config: {openai: {budget_limit: 100, time_period: 1d}}
litellm_settings: {callbacks: [reload_logger.logger], drop_params: true}
"""

WRONG = ("router_settings: {routing_strategy: up}", "litellm_settings: {drop_params: false, callbacks: [a.b]}")

Write = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "reload_logger.py").write_text(LOGGER)
    return tmp_path / "config.yaml"


@pytest.fixture
def write(file: Path, upstream: Upstream) -> Write:
    def written(*names: str, more: str = BUDGET) -> None:
        params = f"{{model: openai/gpt-4o-mini, api_key: k-planted, api_base: '{upstream.url}/v1'}}"
        rows = [f"- {{model_name: {name}, litellm_params: {params}}}" for name in names]
        file.write_text("\n".join(["model_list:", *rows, more]))

    return written


def held() -> dict[str, list[int]]:
    """What stands in litellm's lists of callbacks."""
    return {name: sorted(id(item) for item in getattr(litellm, name)) for name in (*LISTS, *ASYNC_LISTS)}


async def hello(engine: RouterEngine, model: str) -> str:
    answer = await engine.chat({**ask("hello"), "model": model}, ANONYMOUS)
    return answer.choices[0].message.content or ""


def run(file: Path, body: Callable[[RouterEngine], Any]) -> None:
    async def closed() -> None:
        engine = RouterEngine(settings.load(file))
        try:
            await engine.start(lambda: None)
            await body(engine)
        finally:
            await engine.close()

    asyncio.run(closed())


def test_nothing_piles_up_in_litellm(file: Path, write: Write) -> None:
    before = held()

    async def reload_often(engine: RouterEngine) -> None:
        sizes, tasks = [], []
        for number in range(12):
            write("gpt", f"other-{number}")
            await engine.reload()
            await hello(engine, "gpt")
            # What has been retired ends in the turns of the loop after that.
            await asyncio.gather(*engine._tasks)
            sizes.append({name: len(items) for name, items in held().items()})
            tasks.append(len(asyncio.all_tasks()))
        assert sizes[1:] == sizes[1:2] * 11
        assert max(tasks[4:]) <= tasks[3] + 1, tasks

    write("gpt")
    run(file, reload_often)
    after = held()
    assert {name: set(after[name]) - set(before[name]) for name in after} == {name: set() for name in after}


def test_a_call_that_is_under_way_ends_as_it_began(file: Path, write: Write) -> None:
    async def reload_amid(engine: RouterEngine) -> None:
        request = {**ask("[[slow 20]] hello"), "model": "old"}
        stream = await engine.chat_stream(request, ANONYMOUS)
        first = await anext(stream)
        write("new")
        await engine.reload()
        with pytest.raises(ModelNotFound):
            await hello(engine, "old")
        assert await hello(engine, "new")
        assert len(engine._tasks) == 1, "the old Router is still needed"
        rest = [chunk async for chunk in stream]
        ends = [choice.finish_reason for chunk in (first, *rest) for choice in chunk.choices if choice.finish_reason]
        assert ends == ["stop"]
        await asyncio.gather(*engine._tasks)

    write("old")
    run(file, reload_amid)


def test_what_cannot_be_used_changes_nothing(file: Path, write: Write) -> None:
    async def reload_wrong(engine: RouterEngine) -> None:
        assert await hello(engine, "old")
        lists = held()
        for more in (
            "router_settings: {routing_strategy: up}",
            "litellm_settings: {drop_params: false, callbacks: [a.b]}",
        ):
            write("new", more=more)
            with pytest.raises(ConfigError):
                await engine.reload()
            assert litellm.drop_params is True
            assert held() == lists
            assert await hello(engine, "old")

    write("old")
    run(file, reload_wrong)


def test_litellms_own_settings_follow(file: Path, write: Write) -> None:
    default = litellm.drop_params

    async def reload_without(engine: RouterEngine) -> None:
        assert litellm.drop_params is True
        write("old", more="")
        await engine.reload()
        assert litellm.drop_params == default

    write("old")
    run(file, reload_without)


def test_the_configs_environment_is_there_for_its_loggers(file: Path, write: Write) -> None:
    logger = "import os\nname = os.environ['PLANTED_FOR_THE_LOGGER']\n" + LOGGER
    (file.parent / "environment_logger.py").write_text(logger)

    async def reload_with_a_logger(engine: RouterEngine) -> None:
        write("old", more="environment_variables: {PLANTED_FOR_THE_LOGGER: here}\n" + NAMED)
        await engine.reload()
        write("old", more=NAMED.replace("callbacks", "success_callback"))
        await engine.reload()
        assert "PLANTED_FOR_THE_LOGGER" not in os.environ

    write("old", more="")
    run(file, reload_with_a_logger)


NAMED = "litellm_settings: {callbacks: [environment_logger.logger]}\n"


ODD = [
    "router_settings: {plugins: 5}",
    "litellm_settings: {cache: true, cache_params: {type: local, supported_call_types: [[a]]}}",
]


@pytest.mark.parametrize("more", ODD)
def test_a_value_that_no_check_has_foreseen_is_a_config_error_too(file: Path, write: Write, more: str) -> None:
    async def reload_odd(engine: RouterEngine) -> None:
        write("new", more=more)
        with pytest.raises(ConfigError):
            await engine.reload()
        assert litellm.drop_params is True
        assert await hello(engine, "old")

    write("old")
    run(file, reload_odd)


def test_a_logger_that_litellm_makes_for_a_name_goes_with_the_name(file: Path, write: Write) -> None:
    def told() -> set[str]:
        return {type(item).__name__ for name in LISTS for item in getattr(litellm, name)}

    async def reload_without(engine: RouterEngine) -> None:
        await hello(engine, "old")
        assert "LangsmithLogger" in told()
        write("old", more="")
        await engine.reload()
        await hello(engine, "old")
        assert "LangsmithLogger" not in told()

    write("old", more="litellm_settings: {callbacks: [langsmith]}")
    run(file, reload_without)


FUNCTION = """
told = []
async def function(kwargs, response_obj, start_time, end_time):
    told.append(kwargs["litellm_call_id"])
"""


def test_a_call_that_is_under_way_tells_its_function_after_a_reload_too(write: Write, file: Path) -> None:
    """LiteLLM keeps a coroutine function in a list of its own from the first call on, and looks there at the end."""
    (file.parent / "told_functions.py").write_text(FUNCTION)
    more = "litellm_settings: {{success_callback: [told_functions.function], num_retries: {}}}"
    write("old", more=more.format(0))

    async def main() -> None:
        engine = RouterEngine(settings.load(file))
        await engine.chat(ask("first", "old"), ANONYMOUS)
        calling = asyncio.create_task(engine.chat(ask("[[slow 10]] second", "old"), ANONYMOUS))
        await asyncio.sleep(0.1)
        write("old", more=more.format(1))
        await engine.reload()
        assert not calling.done()
        answer = await calling
        (function,) = (item for item in held_items() if getattr(item, "__name__", "") == "function")
        told = function.__globals__["told"]

        def heard(call: str) -> Callable[[], Awaitable[bool]]:
            async def is_told() -> bool:
                return call in told

            return is_told

        await until(heard(answer.litellm["call_id"]))  # type: ignore[attr-defined]
        third = await engine.chat(ask("third", "old"), ANONYMOUS)
        await until(heard(third.litellm["call_id"]))  # type: ignore[attr-defined]
        assert len(told) == len(set(told)) == 3, "once each"
        await engine.close()

    asyncio.run(main())
    assert "function" not in repr(held_items())


def held_items() -> list[Any]:
    return [item for name in (*LISTS, *ASYNC_LISTS) for item in getattr(litellm, name)]


def test_a_logger_that_is_left_under_one_of_its_keys(write: Write, file: Path) -> None:
    write(
        "old",
        more="litellm_settings: {success_callback: [reload_logger.logger], failure_callback: [reload_logger.logger]}",
    )

    async def main() -> None:
        engine = RouterEngine(settings.load(file))
        await engine.chat(ask("first", "old"), ANONYMOUS)
        write("old", more="litellm_settings: {success_callback: [reload_logger.logger]}")
        await engine.reload()
        assert len([item for item in litellm.success_callback if type(item).__name__ == "CustomLogger"]) == 1
        assert not [item for item in litellm.failure_callback if type(item).__name__ == "CustomLogger"]
        await engine.close()

    asyncio.run(main())
