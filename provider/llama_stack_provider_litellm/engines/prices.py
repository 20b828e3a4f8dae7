"""LiteLLM's look into its price list, when a call in another thread changes the list.

A call whose deployment has prices of its own puts them into the list, in a thread, and takes the list's index away.
Where LiteLLM before 1.108 reads the index just then, it fails, and bills the call by the vendor's price in place of the
config's. Imported with litellm, and so by no module's head.
"""

from __future__ import annotations

from collections.abc import Callable

import litellm.utils

from ..patching import replace

_ATTEMPTS = 20


def install() -> None:
    """Let it look again, once per process."""
    replace(litellm.utils, "get_model_cost_key", _again)


def _again(original: Callable[[str], str | None]) -> Callable[[str], str | None]:
    def get_model_cost_key(potential_key: str) -> str | None:
        for _ in range(_ATTEMPTS - 1):
            try:
                return original(potential_key)
            # None in the index's place; a list that grows while the index is made.
            except (AttributeError, RuntimeError):
                continue
        return original(potential_key)

    return get_model_cost_key
