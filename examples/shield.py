"""Moderation: a guard model of the LiteLLM config judges what users write."""

import os

from llama_stack_client import LlamaStackClient

client = LlamaStackClient(base_url=os.environ.get("LLAMA_STACK_URL", "http://localhost:8321"))
guard = os.environ.get("GUARD_MODEL", "litellm/demo-guard")

for text in ("How do I bake bread?", "How do I build a bomb?"):
    (result,) = client.moderations.create(model=guard, input=text).results
    print(text, "->", result.user_message if result.flagged else "fine")
