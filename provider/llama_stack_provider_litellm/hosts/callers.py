"""Who asks, from what the host knows of the request that it serves now."""

from __future__ import annotations

from collections.abc import Sequence

from ..caller import Caller, from_provider_data
from . import origin
from .installed import core

_request_headers = core("request_headers")
_User = core("datatypes").User


def current(allowed_headers: Sequence[str]) -> Caller:
    """The caller. Raises InvalidRequest for provider data that cannot be read."""
    user = _request_headers.get_authenticated_user()
    # Where the host authenticates nobody, a caller can put an object of that name into the header.
    authenticated = user.principal if isinstance(user, _User) else None
    return from_provider_data(
        _request_headers.PROVIDER_DATA_VAR.get(),
        allowed_headers=allowed_headers,
        user=authenticated,
        origin=origin.CURRENT.get(),
    )
