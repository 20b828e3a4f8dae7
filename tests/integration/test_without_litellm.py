"""Where litellm is not installed: a proxy is enough, and whatever needs more names the extra that brings it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import httpx
import pytest

from tests.imitation import imitation_proxy
from tests.line import LINE
from tests.stack import running_stack

pytestmark = pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own")

# Python runs it first; a module that is None cannot be imported.
WITHOUT = "import sys\nsys.modules.update(litellm=None, watchfiles=None)\n"


def tokenizers() -> str:
    """The folder in which litellm brings tiktoken's encodings."""
    found = importlib.util.find_spec("litellm")
    assert found is not None and found.origin is not None
    return str(Path(found.origin).parent / "litellm_core_utils" / "tokenizers")


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(WITHOUT)
    return os.fspath(tmp_path / "without")


def test_a_proxy_is_enough(tmp_path: Path, path: str, word: str) -> None:
    with imitation_proxy() as proxy:
        # Without litellm nobody brings the tokenizer that the later hosts' vector stores want when they start.
        env = {"TIKTOKEN_CACHE_DIR": tokenizers()}
        env |= {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": "sk-a"}
        with running_stack(tmp_path, PYTHONPATH=path, **env) as stack:
            url = f"{stack.openai_url}"
            for stream in (False, True):
                body = {"model": "gpt", "messages": [{"role": "user", "content": word}], "stream": stream}
                assert word in httpx.post(f"{url}/chat/completions", json=body, timeout=30).text
            vectors = httpx.post(f"{url}/embeddings", json={"model": "embedding", "input": [word]}, timeout=30)
            assert len(vectors.json()["data"][0]["embedding"]) == 64
            assert "Traceback" not in stack.log


@pytest.mark.parametrize("mode", ["embedded", "auto"])
def test_the_others_name_what_is_missing(tmp_path: Path, path: str, mode: str) -> None:
    with pytest.raises(RuntimeError) as died, running_stack(tmp_path, PYTHONPATH=path, LITELLM_MODE=mode):
        pass
    said = " ".join(str(died.value).split())
    assert "the extra `embedded`" in said
    # OGX's log takes what stands in brackets for its own.
    extra = "" if LINE.name == "ogx" else "[embedded]"
    assert f"pip install 'llama-stack-provider-litellm{extra}'" in said
