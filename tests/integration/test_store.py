"""With the host's store of chats, which the run config has commented out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.integration.conftest import CHAT_MODELS, litellm_config
from tests.litellm_proxy import LiteLLMProxy
from tests.stack import RUN_CONFIG, reaching
from tests.upstream.process import Upstream


def test_answers_are_stored_and_listed(
    upstream: Upstream, shared_proxy: LiteLLMProxy | None, tmp_path: Path, word: str
) -> None:
    text = RUN_CONFIG.read_text()
    for line in ("inference_store:", "  type: sqlite", "  db_path:"):
        assert f"# {line}" in text, "the run config no longer shows how"
        text = text.replace(f"# {line}", line)
    run_config = tmp_path / "run.yaml"
    run_config.write_text(text)
    command = [str(Path(sys.executable).with_name("llama")), "stack", "run", str(run_config)]
    with reaching(tmp_path, litellm_config(upstream), {}, command, proxy=shared_proxy) as stack:
        stack.start()
        client = stack.openai()
        for model in CHAT_MODELS:
            for stream in (False, True):
                options: dict[str, Any] = {"logprobs": True, "top_logprobs": 1} if model == "litellm/gpt" else {}
                messages = [{"role": "user", "content": f"{word} {model} {stream}"}]
                answer = client.chat.completions.create(model=model, messages=messages, stream=stream, **options)
                assert list(answer)
        deadline = time.monotonic() + 15
        # The host stores behind the answer.
        while len(stored(client, word)) < 2 * len(CHAT_MODELS):
            assert time.monotonic() < deadline, stored(client, word)
            time.sleep(0.05)


def stored(client: Any, word: str) -> list[str]:
    """The answers in the store that hold the word."""
    texts = (str(item.choices[0].message.content) for item in client.chat.completions.list(limit=50))
    return [text for text in texts if word in text]
