"""A shield: a guard model of the LiteLLM config judges what users write."""

import os

from llama_stack_client import LlamaStackClient

client = LlamaStackClient(base_url=os.environ.get("LLAMA_STACK_URL", "http://localhost:8321"))

for text in ("How do I bake bread?", "How do I build a bomb?"):
    result = client.safety.run_shield(
        shield_id="llama-guard",
        messages=[{"role": "user", "content": text}],
        params={},
    )
    print(text, "->", result.violation.user_message if result.violation else "fine")
