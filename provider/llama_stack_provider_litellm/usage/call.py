"""One call: what is written down of it."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from ..caller import Caller

Api = Literal["chat", "completion", "embedding", "messages", "rerank"]
CostSource = Literal["litellm", "proxy", "cache", "unknown"]
"""How a cost is known: LiteLLM's price list, what a LiteLLM Proxy said, an answer from the cache (0), or not at all."""

LEFT = 499
"""The status of a call whose caller left before its end (nginx's number)."""


@dataclass(slots=True)
class Call:
    """The columns of :data:`.tables.CALLS`, and what is no column: tags, question and answer.

    Tokens, ``retries`` and ``fallbacks`` are None where nobody tells. ``chunks`` are those of a stream that reached
    the host. Seconds are wall time since the call began.
    """

    api: Api
    stream: bool
    model: str
    request_id: str | None
    via: str | None
    user_id: str | None
    agent: str | None
    project: str | None
    org: str | None
    key_hash: str | None
    tags: tuple[str, ...]
    id: str = field(default_factory=lambda: new_id())
    started_at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    call_id: str | None = None
    deployment: str | None = None
    vendor: str | None = None
    engine: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    cost_source: CostSource = "unknown"
    cache_hit: bool = False
    retries: int | None = None
    fallbacks: int | None = None
    chunks: int = 0
    first_token_seconds: float | None = None
    duration_seconds: float = 0.0
    status: int = 200
    error: str | None = None
    response_model: str | None = None
    is_listed: bool = False
    """Whether the model is one of the catalogue's, and no name that a caller has made up."""
    question: Any = None
    answer: Any = None
    letters: int = 0
    """About how many letters of question and answer wait to be written."""

    @classmethod
    def of(cls, api: Api, model: str, caller: Caller, *, stream: bool) -> Call:
        """A call that begins now."""
        return cls(
            api=api,
            stream=stream,
            model=model,
            request_id=caller.origin.request_id,
            via=caller.origin.via,
            user_id=caller.user,
            agent=caller.agent,
            project=caller.project,
            org=caller.org,
            key_hash=_hash(caller.api_key) if caller.api_key else None,
            tags=caller.tags,
        )

    @property
    def was_answered(self) -> bool:
        """Whether something of an answer came, which a vendor may ask money for."""
        return self.error is None or self.chunks > 0


def new_id() -> str:
    """32 hexadecimal digits that nobody else makes; later ones sort after earlier ones."""
    return f"{time.time_ns():016x}{random.getrandbits(64):016x}"


def _hash(key: str) -> str:
    # As LiteLLM Proxy does it: the hash is the `token` of its own tables.
    return hashlib.sha256(key.encode()).hexdigest()
