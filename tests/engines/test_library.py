"""How litellm comes into a process."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.engines.conftest import MakeEngine

IMPORTING = """
import gc, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "litellm.main":
            print(gc.isenabled())

sys.meta_path.insert(0, Watch())
from llama_stack_provider_litellm.engines.library import import_litellm
import_litellm()
print(gc.isenabled())
"""


def test_nothing_is_looked_through_for_garbage_meanwhile() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", IMPORTING], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


CALLING = """
import asyncio, json, sys
from pathlib import Path
from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.engines.router import RouterEngine

async def main():
    engine = RouterEngine(settings.load(Path(sys.argv[1])))
    await engine.start(lambda: None)
    before = set(sys.modules)
    await engine.chat({"model": "gpt", "messages": [{"role": "user", "content": "hello"}]}, Caller())
    print(json.dumps([name for name in sys.modules if name not in before]))
    await engine.close()

asyncio.run(main())
"""


def test_the_first_call_imports_next_to_nothing(make_engine: MakeEngine) -> None:
    (config,) = make_engine("").sources()
    command = [sys.executable, "-W", "ignore", "-c", CALLING, str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    new = json.loads(done.stdout.splitlines()[-1])
    assert not [name for name in new if name.startswith(("openai.", "litellm.proxy"))]
    assert len(new) < 50, "500 before"
