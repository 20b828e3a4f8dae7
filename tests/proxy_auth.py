"""Which keys a test's LiteLLM Proxy takes; LiteLLM calls it as its ``custom_auth``.

Virtual keys and budgets need a database, which a test should not. This gives the answers of a proxy that has one.
It runs in the proxy's environment, where the tests' own packages are missing.
"""

from __future__ import annotations

import os
import secrets

from fastapi import Request
from litellm.exceptions import BudgetExceededError
from litellm.proxy._types import LitellmUserRoles, ProxyErrorTypes, ProxyException, UserAPIKeyAuth

_MASTER_KEY = os.environ["LITELLM_MASTER_KEY"]


async def check(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    """Who a key is.

    The master key; ``sk-virtual-NAME``, a key of its own user and team; ``sk-limited-NAME``, one with a single request
    per minute; ``sk-budget-NAME``, one whose budget is used up. Every other key, and none, is refused.
    """
    key = api_key or ""
    if secrets.compare_digest(key.encode(), _MASTER_KEY.encode()):
        return UserAPIKeyAuth(api_key=key, user_role=LitellmUserRoles.PROXY_ADMIN, user_id="default_user_id")
    kind, _, name = key.removeprefix("sk-").partition("-")
    if kind == "budget":
        raise BudgetExceededError(current_cost=2.0, max_budget=1.0)
    if kind in ("virtual", "limited"):
        return UserAPIKeyAuth(
            api_key=key,
            key_alias=f"key-{name}",
            user_id=f"user-{name}",
            team_id=f"team-{name}",
            user_role=LitellmUserRoles.INTERNAL_USER,
            rpm_limit=1 if kind == "limited" else None,
        )
    # Not an exception of another class: LiteLLM asks prisma whether it is the database's, and without that package
    # answers 500.
    raise ProxyException(
        message=f"Authentication Error, {_refusal(key)}",
        type=ProxyErrorTypes.token_not_found_in_db if key else ProxyErrorTypes.auth_error,
        param="key" if key else "None",
        code=401,
    )


def _refusal(key: str) -> str:
    if not key:
        return "No api key passed in."
    shown = f"sk-...{key[-4:]}"
    return f"Invalid proxy server token passed. Received API Key = {shown}. Unable to find token in cache or database"
