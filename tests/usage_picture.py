"""The picture of the usage page in docs/: the real page, of two weeks of made-up calls.

``python -m tests.usage_picture`` takes it anew. It needs chromium (``make services``).
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from llama_stack_provider_litellm.caller import Caller
from llama_stack_provider_litellm.config import UsageSettings
from llama_stack_provider_litellm.usage.call import Call
from llama_stack_provider_litellm.usage.database import Database
from llama_stack_provider_litellm.usage.ledger import Ledger
from llama_stack_provider_litellm.usage.page import page
from tests import browser
from tests.processes import ROOT

PICTURE = ROOT / "docs" / "usage.png"
_DAYS = 14
_CALLS = 9000
_SIZE = (1280, 1980)
_USERS = {"ann": 8, "bob": 6, "carla": 4, "dmitri": 3, "eve": 2, "support-bot": 7, "nightly-eval": 5}
_ERRORS = [(0.012, 429, "rate_limit_exceeded"), (0.018, 502, "upstream_error"), (0.022, 400, "context_length_exceeded")]


class _Model(NamedTuple):
    deployment: str
    share: int
    prices: tuple[float, float] | None
    seconds: float


_MODELS = {
    "gpt": _Model("openai/gpt-4o-mini", 4, (0.15e-6, 0.6e-6), 0.6),
    "claude": _Model("anthropic/claude-sonnet-4-5", 2, (3e-6, 15e-6), 1.4),
    "gemini": _Model("gemini/gemini-2.5-flash", 2, (0.3e-6, 2.5e-6), 0.8),
    "local": _Model("hosted_vllm/qwen3", 2, None, 0.35),
    "embedding": _Model("openai/text-embedding-3-small", 3, (0.02e-6, 0.0), 0.12),
}


def made_up_calls(rng: random.Random, now: float) -> Iterator[Call]:
    """More by day than by night, and more every day."""
    for number in range(_CALLS):
        began = now - _DAYS * 86400 + 86400 * _DAYS * rng.random() ** 0.7
        hour = began / 3600 % 24
        if rng.random() < 0.35 + 0.65 * math.exp(-(((hour - 13) / 5) ** 2)):
            yield _call(rng, number, began)


def _call(rng: random.Random, number: int, began: float) -> Call:
    name = rng.choices(list(_MODELS), [model.share for model in _MODELS.values()])[0]
    model, embeds = _MODELS[name], name == "embedding"
    caller = Caller(user=rng.choices(list(_USERS), list(_USERS.values()))[0])
    call = Call.of("embedding" if embeds else "chat", name, caller, stream=not embeds and number % 2 == 0)
    call.started_at, call.deployment, call.vendor = began, model.deployment, model.deployment.split("/")[0]
    call.engine = rng.choices(["embedded", "proxy"], [2, 1])[0]
    call.duration_seconds = rng.lognormvariate(math.log(model.seconds), 0.5)
    if call.stream:
        call.first_token_seconds = call.duration_seconds * 0.3
    fate = rng.random()
    for share, status, error in _ERRORS:
        if fate < share:
            call.status, call.error = status, error
            return call
    call.input_tokens = int(rng.lognormvariate(6, 1))
    call.output_tokens = 0 if embeds else int(rng.lognormvariate(5, 0.8))
    call.cache_hit = fate > 0.93 and not embeds
    if model.prices is not None:
        price = call.input_tokens * model.prices[0] + call.output_tokens * model.prices[1]
        call.cost_usd = 0.0 if call.cache_hit else price
    return call


def take(file: Path) -> None:
    """Take the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = UsageSettings(url=f"sqlite:///{folder}/usage.db")
        ledger = Ledger(settings, str)
        for call in made_up_calls(random.Random(5), time.time()):
            ledger.record(call)
        asyncio.run(ledger.close())
        database = Database(settings, reads=True)
        with database.engine.connect() as connection:
            html = page(connection, None, source="postgresql://stack@db/usage")
        database.close()
        (folder / "usage.html").write_text(html)
        browser.picture(f"file://{folder}/usage.html", file, size=_SIZE)


if __name__ == "__main__":
    os.environ["REQUIRE_SERVICES"] = "1"
    take(PICTURE)
