"""With the host's store of chats, which the run config has switched off where the host can do without."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests import line
from tests.integration.conftest import CHAT_MODELS, litellm_config
from tests.litellm_proxy import LiteLLMProxy
from tests.stack import reaching
from tests.upstream.process import Upstream

SWITCHES = {
    "0.2": [(f"# {row}", row) for row in ("inference_store:", "  type: sqlite", "  db_path:")],
    "0.7": [],
    "ogx": [("enabled: false", "enabled: true")],
}


def test_answers_are_stored_and_listed(
    upstream: Upstream, shared_proxy: LiteLLMProxy | None, tmp_path: Path, word: str
) -> None:
    text = line.run_config().read_text()
    for off, on in SWITCHES[line.LINE.name]:
        assert off in text, "the run config no longer shows how"
        text = text.replace(off, on)
    run_config = tmp_path / "run.yaml"
    run_config.write_text(text)
    with reaching(tmp_path, litellm_config(upstream), {}, line.command(run_config), proxy=shared_proxy) as stack:
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
