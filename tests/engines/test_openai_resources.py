"""openai's client imports a resource without the others, and still has them all."""

from __future__ import annotations

import json
import subprocess
import sys

MAKE = """
import sys
import openai
from llama_stack_provider_litellm.engines import openai_resources

def asked():
    client = openai.AsyncOpenAI(api_key="sk-x")
    return client.chat.completions.with_raw_response, client.embeddings, client.completions
"""


def told(code: str) -> object:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE + code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_a_client_imports_the_ones_that_calls_need() -> None:
    assert told("""
openai_resources.install()
asked()
print(__import__("json").dumps(sorted(n for n in sys.modules if n.startswith("openai.resources."))))
""") == [
        "openai.resources.chat",
        "openai.resources.chat.chat",
        "openai.resources.chat.completions",
        "openai.resources.chat.completions.completions",
        "openai.resources.chat.completions.messages",
        "openai.resources.completions",
        "openai.resources.embeddings",
    ]


def test_openai_by_itself_imports_them_all() -> None:
    assert told("""
asked()
print(str("openai.resources.beta" in sys.modules).lower())
""")


def test_whoever_asks_for_another_gets_it() -> None:
    ours, theirs = (
        told(f"""
{first}
client = openai.OpenAI(api_key="sk-x")
openai.resources.chat
from openai.resources import AsyncFiles, Chat, chat
import openai.resources.beta.threads as threads
import json
print(json.dumps([
    type(client.audio.speech).__name__, Chat is chat.Chat, AsyncFiles.__module__, threads.__name__,
    sorted(openai.resources.__all__), sorted(vars(openai.resources)), repr(openai.resources),
    hasattr(openai.resources, "nothing"),
]))
""")
        for first in ("openai_resources.install()\nasked()", "import openai.resources\nopenai_resources.install()")
    )
    assert ours == theirs


def test_threads_that_ask_at_once_get_it() -> None:
    assert (
        told("""
openai_resources.install()
asked()
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as threads:
    found = list(threads.map(lambda _: openai.resources.Beta.__name__, range(8)))
print(__import__("json").dumps(found))
""")
        == ["Beta"] * 8
    )


def test_what_cannot_be_imported_is_said_each_time() -> None:
    assert (
        told("""
sys.modules["openai.resources.beta"] = None
openai_resources.install()
asked()
found = []
for _ in range(2):
    try:
        openai.resources.Beta
    except ImportError as exc:
        found.append(exc.name)
print(__import__("json").dumps(found))
""")
        == ["openai.resources.beta"] * 2
    )
