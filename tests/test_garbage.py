"""What the collector of garbage does in a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import gc, weakref
from llama_stack_provider_litellm.garbage import settle

class Thing:
    pass

before, held = gc.get_threshold(), [Thing() for _ in range(1000)]
settle()

thing = Thing()
thing.itself, gone = thing, weakref.ref(thing)
del thing
gc.collect()
assert gone() is None, "garbage is found as ever"
now = gc.get_threshold()
print(gc.get_freeze_count() > 1000, gc.isenabled(), now[0] > before[0], now[1:] == before[1:])
"""


def test_what_is_there_is_kept_and_what_comes_is_looked_through() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 4


AGAIN = """
import asyncio, gc, sys
from llama_stack_provider_litellm import LiteLLMConfig, get_adapter_impl
from llama_stack_provider_litellm.provider import get_provider_spec

start = len(gc.get_objects())
get_provider_spec()
assert gc.get_freeze_count() >= start, "what the server has imported is left alone"

async def made():
    adapter = await get_adapter_impl(LiteLLMConfig.model_validate({"config_path": sys.argv[1]}), {})
    await adapter.shutdown()
    return gc.get_freeze_count()

async def main():
    print(await made(), await made(), await made())

asyncio.run(main())
"""


def test_the_garbage_of_a_stack_goes_when_a_process_makes_another(tmp_path: Path) -> None:
    config = tmp_path / "litellm.yaml"
    config.write_text("model_list:\n- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-x}}\n")
    command = [sys.executable, "-W", "ignore", "-c", AGAIN, str(config)]
    env = {**os.environ, "SQLITE_STORE_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    first, *later = map(int, done.stdout.split())
    assert first > 100_000
    assert max(later) <= first, "what is kept for ever grows with each stack"
