"""Each shipped run config starts, and is of its mode without a variable that says so."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from llama_stack_provider_litellm.cli.lines import RUN_CONFIGS
from llama_stack_provider_litellm.config import Mode
from tests import line
from tests.imitation import imitation_proxy
from tests.stack import Stack

pytestmark = pytest.mark.embedded_only("it starts a stack in each mode")


@pytest.mark.parametrize("mode", RUN_CONFIGS)
def test_it_starts(tmp_path: Path, word: str, mode: Mode) -> None:
    model = "demo-chat" if mode == "embedded" else "gpt"
    body = {"model": model, "messages": [{"role": "user", "content": f"Please repeat: {word}"}]}
    with imitation_proxy() as proxy:
        env = {
            "LITELLM_PROXY_URL": proxy.url,
            "LITELLM_PROXY_API_KEY": "sk-a",
            "EMBEDDING_MODEL": "",
            "SAFETY_MODEL": "",
        }
        stack = Stack(tmp_path, env, line.command(line.run_config(mode)))
        try:
            stack.start()
            answer = httpx.post(f"{stack.openai_url}/chat/completions", json=body, timeout=30).json()
            assert word in answer["choices"][0]["message"]["content"]
            assert answer["litellm"]["served_by"] == ("embedded" if mode == "embedded" else "proxy")
        finally:
            assert stack.stop() == 0
