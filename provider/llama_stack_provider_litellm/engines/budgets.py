"""When a budget of the LiteLLM config resets: LiteLLM's refusal names the budget, and not the time."""

from __future__ import annotations

import re
import time
from typing import Any

_MOST_LETTERS = 20_000
_SPENT = re.compile(
    r"Exceeded budget for (?:provider (?P<provider>[^:\s]+)|deployment [^\n]*?model_id: (?P<deployment>[^:\s]+)|"
    r"tag='(?P<tag>[^']*)')"
)


def resets_in(router: Any, refusal: str) -> float | None:
    """Seconds until the first of the budgets that a refusal names resets; None for another kind of refusal.

    Reads what LiteLLM's budget limiter keeps, by private names; a test fails when they change.
    """
    from litellm.litellm_core_utils.duration_parser import duration_in_seconds

    limiter = getattr(router, "router_budget_logger", None)
    if limiter is None:
        return None
    waits = []
    # Bounded: a vendor may repeat a prompt.
    for found in _SPENT.finditer(refusal[:_MOST_LETTERS]):
        for kind, name in found.groupdict().items():
            config = (getattr(limiter, f"{kind}_budget_config") or {}).get(name)
            began = limiter.dual_cache.in_memory_cache.get_cache(f"{kind}_budget_start_time:{name}")
            if config is not None and began is not None:
                waits.append(float(began) + duration_in_seconds(config.budget_duration) - time.time())
    return max(1.0, min(waits)) if waits else None
