"""What the collector of garbage does in a server."""

from __future__ import annotations

import subprocess
import sys

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
