"""What every test process needs before anything else is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Without it litellm asks the network for its price list while it is imported.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


@pytest.fixture(autouse=True)
def no_config_stays_applied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test's config set in this process is taken back, before the test's own changes are."""
    from llama_stack_provider_litellm import settings

    yield
    settings.withdraw()
