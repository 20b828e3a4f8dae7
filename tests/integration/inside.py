"""A LiteLLM provider inside the stack's own process, which answers with what it sees there."""

from __future__ import annotations

from pathlib import Path

MODEL = "litellm/inside"
CONFIG = """
model_list:
- {model_name: inside, litellm_params: {model: inside/x}}
litellm_settings: {custom_provider_map: [{provider: inside, custom_handler: inside.handler}]}
"""
_MODULE = """
import asyncio, gc, os, sys
import litellm
{before}
class Inside(litellm.CustomLLM):
    async def acompletion(self, *args, **kwargs):
        return litellm.ModelResponse(choices=[{{"message": {{"role": "assistant", "content": str({seen})}}}}])

handler = Inside()
"""


def write(folder: Path, seen: str, before: str = "") -> None:
    """Put the provider beside the config; ``seen`` is what it answers, as Python, and ``before`` what that needs."""
    (folder / "inside.py").write_text(_MODULE.format(seen=seen, before=before))
