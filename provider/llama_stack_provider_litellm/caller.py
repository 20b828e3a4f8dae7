"""Who asks: the identity, tags and cache controls that come with a request, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from .config import ProviderData, fits_header
from .errors import InvalidRequest

_PREFIX = "litellm_"
_NONE: Mapping[str, Any] = MappingProxyType({})
# The key under which a host hands on a provider-data header that holds no JSON object.
UNREADABLE = "litellm_unreadable_header"


@dataclass(frozen=True, slots=True)
class Origin:
    """The request to the host that a call came of.

    ``via`` is the host's API that made the call (``agents``, ``responses``, ``eval`` …), None for one that a client
    made directly; ``agent`` the host's id of the agent, where there is one. ``trace`` are W3C's headers of the trace
    that the request is a part of (https://www.w3.org/TR/trace-context/).
    """

    request_id: str | None = None
    via: str | None = None
    agent: str | None = None
    trace: Mapping[str, str] = _NONE


UNKNOWN = Origin()
"""The origin of a call that no request to a server made."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller, as the engines see it. Immutable: requests never share or change one."""

    user: str | None = None
    agent: str | None = None
    project: str | None = None
    org: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = _NONE
    cache: Mapping[str, Any] = _NONE
    headers: Mapping[str, str] = _NONE
    api_key: str | None = field(default=None, repr=False)
    origin: Origin = UNKNOWN

    @property
    def notes(self) -> dict[str, str]:
        """What is said for the records only: the metadata, the agent, the project and the organisation."""
        about = {"agent": self.agent, "project": self.project, "org": self.org}
        return {**self.metadata, **{key: value for key, value in about.items() if value}}


ANONYMOUS = Caller()


def from_provider_data(
    data: object, *, allowed_headers: Sequence[str] = (), user: str | None = None, origin: Origin = UNKNOWN
) -> Caller:
    """The caller that a request's provider data describes.

    ``data`` is the parsed JSON of the provider-data header, or None. ``user`` is whom the host has authenticated, who
    is meant where the data names nobody; so is the agent of ``origin``. Keys without the ``litellm_``
    prefix belong to other providers and are ignored. Raises InvalidRequest, naming the field, for
    an unknown or mistyped one of ours and for a header that ``allowed_headers`` does not list.
    """
    known = user is not None or origin is not UNKNOWN
    nobody = Caller(user=user, agent=origin.agent, origin=origin) if known else ANONYMOUS
    if not data:
        return nobody
    if not isinstance(data, Mapping) or UNREADABLE in data:
        raise InvalidRequest('The provider-data header must hold a JSON object, for example {"litellm_user": "ann"}.')
    ours = {key: value for key, value in data.items() if isinstance(key, str) and key.startswith(_PREFIX)}
    if not ours:
        return nobody
    try:
        given = ProviderData.model_validate(ours)
    except ValidationError as exc:
        fields = ", ".join(ProviderData.model_fields)
        raise InvalidRequest(f"Provider data: {wrong_fields(exc)}. Known fields are: {fields}.") from None
    key = given.litellm_api_key.get_secret_value() if given.litellm_api_key else None
    if key is not None and not fits_header(key):
        raise InvalidRequest("litellm_api_key holds what no HTTP header can carry.")
    return Caller(
        user=given.litellm_user or user,
        agent=given.litellm_agent or origin.agent,
        project=given.litellm_project,
        org=given.litellm_org,
        tags=tuple(given.litellm_tags or ()),
        metadata=MappingProxyType(given.litellm_metadata or {}),
        cache=MappingProxyType(given.litellm_cache.model_dump(by_alias=True, exclude_none=True))
        if given.litellm_cache
        else _NONE,
        headers=MappingProxyType(_allowed(given.litellm_headers or {}, allowed_headers)),
        api_key=key,
        origin=origin,
    )


def _allowed(headers: Mapping[str, str], allowed: Sequence[str]) -> dict[str, str]:
    lowered = {name.strip().lower(): value for name, value in headers.items()}
    for name, value in lowered.items():
        if name not in allowed:
            raise InvalidRequest(
                f"litellm_headers: '{name}' is not allowed. Allowed are: {', '.join(allowed) or 'none'}; "
                "whoever runs the stack can list more in `allowed_headers` of the provider's config."
            )
        if not fits_header(value):
            raise InvalidRequest(f"litellm_headers: the value of '{name}' holds what no HTTP header can carry.")
    return lowered


def wrong_fields(exc: ValidationError) -> str:
    """What is wrong with each field, without the value: it may be a secret."""
    problems = []
    for error in exc.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            problems.append(f"{name} is not a known field")
        else:
            problems.append(f"{name}: {error['msg']}")
    return "; ".join(problems)
