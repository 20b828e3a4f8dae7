"""What every test process needs before anything else is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests import modes

# Without it litellm asks the network for its price list while it is imported.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="keep what comes of the run in docs/matrix.json")
    parser.addoption("--mode", choices=modes.MODES, default="embedded", help="how stacks reach LiteLLM")


def pytest_configure(config: pytest.Config) -> None:
    modes.current = config.getoption("--mode")
    if config.getoption("--record"):
        # Not for tests of what needs no server.
        from tests import line, matrix

        config.pluginmanager.register(matrix.Recorder(line.HOST, modes.current))
    config.addinivalue_line("markers", "any_host: what LiteLLM or an engine does, the same on every host")
    config.addinivalue_line("markers", "long: of a file that takes a minute or more; it goes first")
    config.addinivalue_line("markers", "embedded_only(why): cannot be so in another mode, because of why")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One of them at the end would run in one process alone, while the others have nothing left to do.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        marker = item.get_closest_marker("embedded_only")
        if marker is not None and modes.current != "embedded":
            item.add_marker(pytest.mark.skip(reason=f"embedded only: {marker.args[0]}"))


@pytest.fixture(autouse=True)
def no_config_stays_applied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test's config set in this process is taken back, before the test's own changes are."""
    from llama_stack_provider_litellm import settings

    yield
    settings.withdraw()


@pytest.fixture(scope="module", autouse=True)
def no_callback_stays() -> Iterator[None]:
    """A Router or a logger that a file leaves in litellm's lists fails that file, not whichever runs after it."""
    before = _callbacks()
    yield
    left = [callback for callback in _callbacks() if callback not in before]
    assert left == [], "litellm still tells them of calls: discard the Router, take the logger out"


def _callbacks() -> list[Any]:
    """What stands in litellm's lists, as far as litellm has been imported; names are nobody's."""
    from llama_stack_provider_litellm.engines.callbacks import LISTS

    litellm = sys.modules.get("litellm")
    found = [callback for name in LISTS for callback in getattr(litellm, name, ())]
    return [callback for callback in found if not isinstance(callback, str)]
