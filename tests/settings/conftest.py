"""A config file to write, and a litellm and an environment that are afterwards as they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import litellm
import pytest

from llama_stack_provider_litellm import settings
from llama_stack_provider_litellm.engines import library
from llama_stack_provider_litellm.errors import ConfigError
from llama_stack_provider_litellm.settings.applying import outside_environment

MODEL = "model_list:\n- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-1}}\n"
Refusal = Callable[..., str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture
def refusal(config: Path) -> Refusal:
    """The message with which ``load`` refuses a file of a content, without the file's name."""

    def of(text: str | bytes) -> str:
        config.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigError) as caught:
            settings.load(config)
        message = str(caught.value)
        assert message.startswith(str(config)), "the message begins with the file"
        return message.removeprefix(str(config))

    return of


@pytest.fixture(autouse=True)
def nothing_applied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Takes back what :func:`settings.apply` set, and proves that it was taken back."""
    library.import_litellm()
    settings.withdraw()
    # Reading one of litellm's attributes may make others, which were none before.
    names = [name for name in vars(litellm) if isinstance(vars(litellm)[name], int | float | str | list | dict | None)]
    before = {name: getattr(litellm, name) for name in names if not name.startswith("__")}
    copies = {name: list(value) for name, value in before.items() if isinstance(value, list)}
    yield
    environment = outside_environment()
    settings.withdraw()
    assert [name for name, value in before.items() if getattr(litellm, name) is not value] == []
    assert [name for name, value in copies.items() if getattr(litellm, name) != value] == []
    assert dict(os.environ) == environment
