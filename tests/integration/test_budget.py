"""A budget in the LiteLLM config, used up: 429 in words, streamed and not."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests import modes
from tests.integration.conftest import litellm_config
from tests.line import refusal, words_of
from tests.stack import running_stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

BUDGET = "  provider_budget_config: {openai: {budget_limit: 1.0e-12, time_period: 1d}}\n"


def test_a_vendors_budget_that_is_used_up(upstream: Upstream, tmp_path: Path, word: str) -> None:
    body = {"model": "gpt", "messages": [{"role": "user", "content": word}]}
    with running_stack(tmp_path, litellm_config(upstream) + BUDGET) as stack:
        url = f"{stack.openai_url}/chat/completions"
        # LiteLLM books what a call cost after it, in the background.
        answers = (httpx.post(url, json=body, timeout=30) for _ in range(200))
        refused = next(answer for answer in answers if answer.status_code != 200)
        assert refused.status_code == 429
        assert "Model gpt: " in words_of(refused)
        assert "raise it where it is set" in words_of(refused)
        if modes.current == "embedded":
            # The window of a day began with the first of the calls.
            assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
            assert f"Retry after {refused.headers['retry-after']} s." in words_of(refused)
        else:
            # A LiteLLM Proxy does not say when its budget resets.
            assert "retry-after" not in refused.headers
        streamed = httpx.post(url, json={**body, "stream": True}, timeout=30)
        status, said = refusal(streamed)
        assert status == 429 and said.startswith("Model gpt: ")
        # Another vendor's money is not spent.
        assert httpx.post(url, json={**body, "model": "claude"}, timeout=30).status_code == 200
