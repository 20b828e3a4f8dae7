"""Which parameter reaches which vendor: measured at the test upstream, written to docs/compatibility.md.

``python -m tests.compatibility`` writes the page anew; a test keeps it as the measurement says.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import typing
from pathlib import Path
from typing import Any

from openai.types.chat import completion_create_params

from llama_stack_provider_litellm.caller import ANONYMOUS
from llama_stack_provider_litellm.engines.router import RouterEngine
from llama_stack_provider_litellm.errors import RequestError, UnsupportedParameter
from llama_stack_provider_litellm.hosts.v0_2 import LiteLLMInferenceAdapter
from llama_stack_provider_litellm.settings import LiteLLMSettings
from tests.stack import ROOT
from tests.upstream.process import Upstream, start_upstream

PAGE = ROOT / "docs" / "compatibility.md"
VENDORS = {
    "OpenAI": ("openai/gpt-4o-mini", "/v1"),
    "OpenAI-compatible": ("openai/a-model", "/v1"),
    "Anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "Gemini": ("gemini/gemini-2.5-flash", "/v1beta"),
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
# What is asked for, and what has to stand beside it.
CHAT: dict[str, tuple[Any, dict[str, Any]]] = {
    "frequency_penalty": (0.5, {}),
    "functions": ([{"name": "f", "description": "d", "parameters": SCHEMA}], {}),
    "logit_bias": ({"50": 1.0}, {}),
    "logprobs": (True, {}),
    "max_completion_tokens": (60, {}),
    "max_tokens": (50, {}),
    "n": (2, {}),
    "parallel_tool_calls": (False, {"tools": [TOOL]}),
    "presence_penalty": (0.25, {}),
    "response_format: json_object": ({"type": "json_object"}, {}),
    "response_format: json_schema": ({"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}, {}),
    "seed": (7, {}),
    "stop": (["zz"], {}),
    "temperature": (0.3, {}),
    "tool_choice": ("required", {"tools": [TOOL]}),
    "tools": ([TOOL], {}),
    "top_k": (5, {}),
    "top_logprobs": (2, {"logprobs": True}),
    "top_p": (0.9, {}),
    "user": ("ann", {}),
}
ARRIVES, REFUSED, LEFT_OUT = "arrives", "400, by name", "left out"

HEAD = """# Which parameter reaches which vendor

Measured, by `make docs`, at a server that speaks the vendors' formats: through the embedded router, with LiteLLM's
defaults. A test keeps this page as the measurement says.

- **arrives**: the vendor gets it, in its own words.
- **400, by name**: LiteLLM knows that the vendor does not take it, and says so. With `drop_params: true` in
  `litellm_settings` it is left out instead, named in the log once per model; with `strict_params: true` in the
  provider's config that is a 400 again.
- **left out**: LiteLLM leaves it out without a word. The stack's log names it, once per model; with
  `strict_params: true` it is a 400.

"""


def measure() -> str:
    """The whole page."""
    with start_upstream() as upstream:
        rows = asyncio.run(_rows(upstream))
    table = [f"| parameter | {' | '.join(VENDORS)} |", f"|---{'|---' * len(VENDORS)}|"]
    table += [f"| `{name}` | {' | '.join(cells)} |" for name, cells in rows.items()]
    ignored = ", ".join(f"`{name}`" for name in ignored_by_the_host())
    tail = (
        "\n\n## What llama-stack 0.2.24 does not hand on\n\n"
        f"Of the OpenAI client's parameters for a chat completion its route ignores, without a word: {ignored}.\n\n"
        "Its routes refuse token arrays as embedding input (400), and answer 501 for rerank; code in the stack's\n"
        "process can use both. `encoding_format` of an embedding is honoured in the answer and not sent: not every\n"
        "vendor takes it.\n"
    )
    return HEAD + "\n".join(table) + tail


def ignored_by_the_host() -> list[str]:
    """What the OpenAI client can send and the host's protocol has no place for."""
    known = set(inspect.signature(LiteLLMInferenceAdapter.openai_chat_completion).parameters)
    offered = typing.get_type_hints(completion_create_params.CompletionCreateParamsBase)
    return sorted(set(offered) - known)


async def _rows(upstream: Upstream) -> dict[str, list[str]]:
    models = [
        {"model_name": name, "litellm_params": {"model": model, "api_key": "k", "api_base": upstream.url + path}}
        for name, (model, path) in VENDORS.items()
    ]
    router = {"num_retries": 0, "disable_cooldowns": True}
    settings = LiteLLMSettings(Path("config.yaml"), models, router)
    engine, strict = RouterEngine(settings), RouterEngine(settings, strict_params=True)
    rows = {name: [await _cell(engine, strict, upstream, vendor, name) for vendor in VENDORS] for name in CHAT}
    await engine.close()
    return rows


async def _cell(engine: RouterEngine, strict: RouterEngine, upstream: Upstream, vendor: str, name: str) -> str:
    value, beside = CHAT[name]
    try:
        without = await _sent(engine, upstream, vendor, beside)
        with_it = await _sent(engine, upstream, vendor, {**beside, name.split(":")[0]: value})
    except RequestError as exc:
        if exc.status_code == 400 and any(asked in exc.message for asked in (name.split(":")[0], *beside)):
            return REFUSED
        raise
    if with_it != without:
        return ARRIVES
    try:
        await _sent(strict, upstream, vendor, {**beside, name.split(":")[0]: value})
    except UnsupportedParameter:
        return LEFT_OUT
    raise AssertionError(f"{vendor} loses {name} in silence")


async def _sent(engine: RouterEngine, upstream: Upstream, vendor: str, options: dict[str, Any]) -> str:
    """The body that the vendor gets."""
    upstream.clear()
    await engine.chat({"model": vendor, "messages": [{"role": "user", "content": "hi"}], **options}, ANONYMOUS)
    (call,) = upstream.calls()
    return json.dumps(call["body"], sort_keys=True)


if __name__ == "__main__":
    PAGE.write_text(measure(), encoding="utf-8")
