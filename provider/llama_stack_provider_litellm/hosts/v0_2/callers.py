"""Who asks, from what the host knows of the request that it serves now."""

from __future__ import annotations

from collections.abc import Sequence

from llama_stack.core.datatypes import User
from llama_stack.core.request_headers import PROVIDER_DATA_VAR, get_authenticated_user

from ...caller import Caller, from_provider_data
from . import origin


def current(allowed_headers: Sequence[str]) -> Caller:
    """The caller. Raises InvalidRequest for provider data that cannot be read."""
    user = get_authenticated_user()
    # Where the host authenticates nobody, a caller can put an object of that name into the header.
    authenticated = user.principal if isinstance(user, User) else None
    return from_provider_data(
        PROVIDER_DATA_VAR.get(),
        allowed_headers=allowed_headers,
        user=authenticated,
        origin=origin.CURRENT.get(),
    )
