"""Fields of a request's body that the host does not know, and hands on as they came.

A few are taken, by name. Of the others, those that could lead a key or a call elsewhere are refused by name; the rest
is left out, as the hosts that know of no such fields do, and named in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from ...caller import Caller, wrong_fields
from ...config import CacheControls
from ...engines.base import Request
from ...errors import InvalidRequest

logger = logging.getLogger(__name__)

# LiteLLM's parameters that say where a call goes, with which key, what is logged of it, what is answered in its place.
_STEERING = re.compile(
    r"api_|_api|base_url|key|token(?!s)|secret|credential|password|auth|header|extra_|litellm|router|deployment|model_|"
    r"provider|proxy|client|mock|callback|fallback|guardrail|tags|timeout|retr|cost|region|endpoint|hostname|organi[sz]|"
    r"project|aws_|azure_|vertex_|gcs_|s3_|bucket|session|metadata_|ssl|url|drop_params|allowed_|user_|budget|logger|"
    r"vector_store|search_tool|prompt_id|cache_",
    re.I,
)
_MOST_NAMED = 100
_named: set[str] = set()


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest("must be a number")
    return value


def _thinking(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest('must be an object such as {"type": "enabled", "budget_tokens": 1024}')
    return {name: value[name] for name in ("type", "budget_tokens") if name in value}


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("must be a string")
    return value


def _words(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidRequest("must be a list of strings")
    return value


_TAKEN: dict[str, Callable[[Any], Any]] = {
    "guided_choice": _words,
    "min_p": _number,
    "prompt_cache_retention": _word,
    "prompt_logprobs": _number,
    "repetition_penalty": _number,
    # A field of its own on 0.7, and none on OGX.
    "safety_identifier": _word,
    "thinking": _thinking,
    "top_k": _number,
    "verbosity": _word,
}


def taken(extras: Mapping[str, Any] | None) -> Request:
    """The fields that go on to LiteLLM. Raises InvalidRequest for one that could steer, and for a wrong value."""
    found = {}
    for name, value in (extras or {}).items():
        if name == "cache" or value is None:
            continue
        if name in _TAKEN:
            try:
                found[name] = _TAKEN[name](value)
            except InvalidRequest as exc:
                raise InvalidRequest(f"{name}: {exc.message}.") from None
        elif _STEERING.search(name):
            raise InvalidRequest(
                f"'{name}' is not taken from a request: it could lead a call, or a key, elsewhere. Leave it out; "
                "what models are and where they are is the LiteLLM config's, who asks is the provider-data header's."
            )
        elif name not in _named and len(_named) < _MOST_NAMED:
            _named.add(name)
            logger.warning("'%s' in a request's body means nothing here, and is left out.", name[:100])
    return found


def with_cache(caller: Caller, extras: Mapping[str, Any] | None) -> Caller:
    """The caller with LiteLLM's cache controls of the body, which go before those of the header. Raises
    InvalidRequest."""
    controls = (extras or {}).get("cache")
    if controls is None:
        return caller
    try:
        given = CacheControls.model_validate(controls)
    except ValidationError as exc:
        raise InvalidRequest(f"cache: {wrong_fields(exc)}.") from None
    return replace(caller, cache={**caller.cache, **given.model_dump(by_alias=True, exclude_none=True)})
