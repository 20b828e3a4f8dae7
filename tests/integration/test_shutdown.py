"""A stack that ends leaves nothing open and says nothing of it."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.integration.conftest import litellm_config
from tests.litellm_proxy import LiteLLMProxy
from tests.stack import reaching
from tests.upstream.process import Upstream

LEAKS = ("Unclosed", "unclosed", "never retrieved", "was destroyed", "never awaited", "Traceback")


def test_a_stop_is_clean(upstream: Upstream, shared_proxy: LiteLLMProxy | None, tmp_path: Path, word: str) -> None:
    env = {"PYTHONWARNINGS": "default::ResourceWarning"}
    with reaching(tmp_path, litellm_config(upstream), env, proxy=shared_proxy) as stack:
        stack.start()
        url = f"{stack.openai_url}/chat/completions"
        for model in ("gpt", "claude"):
            for stream in (False, True):
                body = {"model": model, "messages": [{"role": "user", "content": word}], "stream": stream}
                assert word in httpx.post(url, json=body, timeout=30).text
            body = {"model": model, "messages": [{"role": "user", "content": f"[[slow 100]] {word}"}], "stream": True}
            with httpx.stream("POST", url, json=body, timeout=30) as answer:
                next(answer.iter_lines())
        assert stack.stop() == 0
        # The host's stores open connections in the loop that it throws away; when one of them is collected aiosqlite
        # makes a loop, which nobody closes.
        served = stack.log[stack.log.index("Uvicorn running") :].replace("unclosed event loop", "")
    assert "Application shutdown complete" in served
    assert not [leak for leak in LEAKS if leak in served], served
