"""A request in the words of a LiteLLM Proxy: the body, and the headers that say who asks."""

from __future__ import annotations

import json
from typing import Any

from ...caller import Caller
from .. import parameters
from ..base import Request

Sent = tuple[dict[str, Any], dict[str, str]]


def sent(request: Request, caller: Caller, key: str, *, as_anthropic: bool = False) -> Sent:
    """Body and headers. ``key`` is the stack's own; the caller's virtual key takes its place. ``as_anthropic``: the
    request is one of Anthropic's Messages API.

    https://docs.litellm.ai/docs/proxy/request_headers
    """
    body = {name: value for name, value in request.items() if name != "greedy"}
    headers = {**caller.origin.trace, **caller.headers}
    if caller.api_key or key:
        headers["Authorization"] = f"Bearer {caller.api_key or key}"
    if "messages" in body:
        body["messages"] = parameters.with_arguments(body["messages"])
    if request.get("greedy"):
        body["temperature"] = 0.0
    if caller.user and as_anthropic:
        body["metadata"] = {"user_id": caller.user, **(body.get("metadata") or {})}
    elif caller.user and "user" not in body:
        if "messages" in body or "prompt" in body:
            body["user"] = caller.user
        else:
            # As a parameter of these, vendors refuse it; here the proxy alone reads it.
            body["metadata"] = {"user_id": caller.user}
    if caller.tags:
        if all(_fits(tag) for tag in caller.tags):
            headers["x-litellm-tags"] = ",".join(caller.tags)
        else:
            body["tags"] = list(caller.tags)
    if notes := caller.notes:
        headers["x-litellm-spend-logs-metadata"] = json.dumps(notes)
    if caller.cache:
        body["cache"] = dict(caller.cache)
    return body, headers


def _fits(tag: str) -> bool:
    """Whether a tag survives the header, which is ASCII with commas between."""
    return tag.isascii() and tag.isprintable() and "," not in tag and tag == tag.strip()
