"""Which models a LiteLLM Proxy has, from what it says of itself.

``/v1/model/info`` describes each deployment as the config does, with what LiteLLM knows of it, and shows a wildcard as
the models that LiteLLM knows behind it; ``/v1/models`` names the wildcard. A key that may not ask the one may ask the
other.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ... import catalog as catalogs
from ...catalog import Catalog
from ...errors import ProxyFailed, ProxyGone, RequestError
from ..served import Deployments

Row = Mapping[str, Any]
Get = Callable[[str], Awaitable[Row]]
"""Asks the proxy for a path; the JSON object of its answer. Raises RequestError."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a proxy says of its models: facts by the names that it lists, its deployments, facts by model group."""

    listed: dict[str, dict[str, Any]]
    deployments: list[Row]
    groups: dict[str, dict[str, Any]]


async def ask(get: Get) -> Told:
    """What the proxy says, as far as the key may hear it. Raises RequestError when it says nothing."""
    listed, deployments, groups = await asyncio.gather(
        _rows(get, "/v1/models?return_wildcard_routes=true", "id"),
        _optional(get, "/v1/model/info", "model_name"),
        _optional(get, "/model_group/info", "model_group"),
    )
    return Told(
        {row["id"]: _facts(row) for row in listed},
        [row for row in deployments if _is_deployment(row)],
        {row["model_group"]: _facts(row) for row in groups},
    )


def catalog_of(told: Told, url: str, measured: Mapping[str, int]) -> Catalog:
    """The catalogue of the proxy at ``url``; ``measured`` are vector sizes that nobody states."""
    wildcards = [_pattern(name) for name in told.listed if "*" in name]
    described = [row for row in told.deployments if not _matches(row["model_name"], wildcards)]
    names = {row["model_name"] for row in described}
    others = [name for name in told.listed if name not in names and ("*" in name or not _matches(name, wildcards))]
    facts = {name: {**told.listed.get(name, {}), **told.groups.get(name, {})} for name in {*told.listed, *told.groups}}
    # A deployment that nobody describes is its own vendor's model, one behind a wildcard too.
    undescribed = [{"model_name": name, "litellm_params": {"model": name}} for name in others]
    return catalogs.build(
        [*described, *undescribed],
        lambda upstream: facts.get(upstream, {}),
        measured=measured,
        where=_where(url),
        lenient=True,
    )


def by_id(told: Told) -> Deployments:
    """The deployments that the proxy tells of, by LiteLLM's id of each, which is in the headers of its answers."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for row in told.deployments:
        identity = (row.get("model_info") or {}).get("id")
        if isinstance(identity, str):
            model, vendor = row["litellm_params"]["model"], vendor_of(row)
            # The proxy shows a wildcard as its models, which have its id.
            first = found.setdefault(identity, (model, vendor))
            found[identity] = (model if first[0] == model else None, vendor if first[1] == vendor else None)
    return found


def nothing(url: str, away: RequestError) -> Catalog:
    """The catalogue of a proxy that has told none of its models yet; ``away`` says why."""
    return Catalog(entries={}, groups={}, registry=lambda _: {}, where=_where(url), away=away)


def _where(url: str) -> str:
    return f"the LiteLLM Proxy at {url}"


def vendor_of(deployment: Row) -> str:
    """LiteLLM's name of the vendor that serves a deployment."""
    stated = (deployment.get("model_info") or {}).get("litellm_provider")
    return str(stated or deployment["litellm_params"]["model"].partition("/")[0])


async def _rows(get: Get, path: str, key: str) -> list[Row]:
    rows = (await get(path)).get("data")
    if not isinstance(rows, list):
        raise ProxyFailed(f"The LiteLLM Proxy lists no models at {path}. {ProxyFailed.mend}")
    return [row for row in rows if isinstance(row, Mapping) and isinstance(row.get(key), str)]


async def _optional(get: Get, path: str, key: str) -> list[Row]:
    try:
        return await _rows(get, path, key)
    except ProxyGone:
        raise
    except RequestError:
        # Older releases have it not, and a key may be kept from it.
        return []


def _is_deployment(row: Row) -> bool:
    params = row.get("litellm_params")
    info = row.get("model_info") or {}
    return isinstance(params, Mapping) and isinstance(params.get("model"), str) and isinstance(info, Mapping)


def _pattern(wildcard: str) -> re.Pattern[str]:
    return re.compile(re.escape(wildcard).replace(r"\*", ".*"), re.S)


def _matches(name: str, wildcards: Iterable[re.Pattern[str]]) -> bool:
    return any(wildcard.fullmatch(name) for wildcard in wildcards)


def _facts(about: Row) -> dict[str, Any]:
    facts = {name: about[name] for name in _FACTS if about.get(name) is not None}
    # `/model_group/info` says it as 128000.0; what is no number is nothing that anybody knows.
    sizes = {name: int(facts.pop(name)) for name in _SIZES if _is_size(facts.get(name))}
    return {name: value for name, value in facts.items() if name not in _SIZES} | sizes


def _is_size(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_SIZES = ("max_input_tokens", "output_vector_size")
_FACTS = ("mode", "input_cost_per_token", "output_cost_per_token", *_SIZES)
