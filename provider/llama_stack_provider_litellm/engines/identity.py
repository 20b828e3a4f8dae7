"""The caller in LiteLLM's own words."""

from __future__ import annotations

from typing import Any

from ..caller import Caller
from .base import Request


def parameters(request: Request, caller: Caller) -> dict[str, Any]:
    """The keywords that tell LiteLLM who asks: ``user``, ``metadata``, ``cache`` and ``extra_headers``.

    What a caller wrote freely stays one level down in ``metadata``, under the keys that LiteLLM Proxy uses
    for it, where no part of LiteLLM takes orders from it.
    """
    notes = caller.notes
    metadata: dict[str, Any] = {}
    if caller.user:
        metadata["user_api_key_end_user_id"] = caller.user
    if caller.tags:
        metadata["tags"] = list(caller.tags)
    if notes:
        metadata["requester_metadata"] = notes
        metadata["spend_logs_metadata"] = dict(notes)
    keywords: dict[str, Any] = {}
    # In a chat or completion LiteLLM drops `user` for a vendor that has no place for it; elsewhere it refuses.
    if caller.user and "user" not in request and ("messages" in request or "prompt" in request):
        keywords["user"] = caller.user
    if metadata:
        keywords["metadata"] = metadata
    if caller.cache:
        keywords["cache"] = dict(caller.cache)
    if caller.headers:
        keywords["extra_headers"] = dict(caller.headers)
    return keywords
