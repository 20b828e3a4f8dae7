"""The smallest LiteLLM config that people have: one model, ``*`` → ``*``."""

from __future__ import annotations

from pathlib import Path

import pytest
from openai import NotFoundError

from tests.stack import running_stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host


def test_star_to_star_serves_any_name(upstream: Upstream, tmp_path: Path, word: str) -> None:
    config = 'model_list: [{model_name: "*", litellm_params: {model: "*"}}]'
    env = {
        "HUGGINGFACE_API_KEY": "hf-1",
        "OPENAI_API_KEY": "sk-1",
        "OPENAI_BASE_URL": f"{upstream.url}/v1",
        "ANTHROPIC_API_KEY": "sk-2",
    }
    with running_stack(tmp_path, config, **env, ANTHROPIC_BASE_URL=upstream.url) as stack:
        client = stack.openai()
        for name in ("openai/gpt-4o-mini", "litellm/openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"):
            answer = client.chat.completions.create(model=name, messages=[{"role": "user", "content": word}])
            assert answer.choices[0].message.content == f"echo[{name.rsplit('/', 1)[1]}]: {word}"
        vectors = client.embeddings.create(model="openai/text-embedding-3-small", input=word, dimensions=64)
        assert len(vectors.data[0].embedding) == 64
        # For this vendor LiteLLM takes a URL for a model's name, and would send the key there.
        with pytest.raises(NotFoundError):
            client.chat.completions.create(
                model=f"huggingface/{upstream.url}/trap", messages=[{"role": "user", "content": word}]
            )
        assert not [call for call in upstream.calls() if "trap" in call["path"]]
        assert list(stack.models()) == ["litellm/*"]
