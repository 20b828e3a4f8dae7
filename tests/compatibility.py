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
from tests.processes import ROOT
from tests.upstream.process import Upstream, start_upstream

PAGE = ROOT / "docs" / "compatibility.md"
VENDORS = {
    "OpenAI": ("openai/gpt-4o-mini", "/v1"),
    "OpenAI-compatible": ("openai/a-model", "/v1"),
    "Anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "Gemini": ("gemini/gemini-2.5-flash", "/v1beta"),
}
EMBEDDING_MODELS = {
    "OpenAI": "openai/text-embedding-3-small",
    "OpenAI-compatible": "openai/embeds",
    "Gemini": "gemini/gemini-embedding-001",
}
CHAT_WITH, COMPLETE, EMBED = "chat", "complete", "embed"
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
TEXT: dict[str, tuple[Any, dict[str, Any]]] = {
    "best_of": (2, {}),
    "echo": (True, {}),
    "frequency_penalty": (0.5, {}),
    "guided_choice": (["a", "b"], {}),
    "logit_bias": ({"50": 1.0}, {}),
    "logprobs": (2, {}),
    "max_tokens": (50, {}),
    "n": (2, {}),
    "presence_penalty": (0.25, {}),
    "prompt_logprobs": (1, {}),
    "seed": (7, {}),
    "stop": (["zz"], {}),
    "suffix": ("the end", {}),
    "temperature": (0.3, {}),
    "top_p": (0.9, {}),
    "user": ("ann", {}),
}
EMBEDDINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "dimensions": (16, {}),
    "encoding_format": ("base64", {}),
    "user": ("ann", {}),
}
ARRIVES, REFUSED, LEFT_OUT, MADE_HERE = "arrives", "400, by name", "left out", "made here"

HEAD = """# Which parameter reaches which vendor

Measured, by `make docs`, at a server that speaks the vendors' formats: through the embedded router, with LiteLLM's
defaults. A test keeps this page as the measurement says.

- **arrives**: the vendor gets it, in its own words.
- **400, by name**: LiteLLM knows that the vendor does not take it, and says so. With `drop_params: true` in
  `litellm_settings` it is left out instead, named in the log once per model; with `strict_params: true` in the
  provider's config that is a 400 again.
- **left out**: LiteLLM leaves it out without a word. The stack's log names it, once per model; with
  `strict_params: true` it is a 400.
- **made here**: the vendor has no such parameter; the answer has the form that was asked for.
"""
NOTES = {
    "Text completions": """A text completion goes to the own endpoint of OpenAI-compatible servers: `hosted_vllm`,
`lm_studio`, `llamafile`, `xinference`, `litellm_proxy`, `text-completion-openai`, `openai/…` models that LiteLLM does
not know, and every `openai/…` model whose `model_info` says `mode: completion`. Elsewhere LiteLLM makes a chat of it,
which holds one prompt: several, or tokens, are a 400. What arrives there and has no meaning in a chat is for the vendor
to refuse."""
}


def measure() -> str:
    """The whole page."""
    with start_upstream() as upstream:
        tables = asyncio.run(_tables(upstream))
    page = [HEAD]
    for api, rows in tables.items():
        page += [f"## {api}\n", f"| parameter | {' | '.join(VENDORS)} |", f"|---{'|---' * len(VENDORS)}|"]
        page += [f"| `{name}` | {' | '.join(cells)} |" for name, cells in rows.items()]
        page += [f"\n{NOTES[api]}\n" if api in NOTES else ""]
    ignored = ", ".join(f"`{name}`" for name in ignored_by_the_host())
    return "\n".join(page) + (
        "\n## What llama-stack 0.2.24 does not hand on\n\n"
        f"Of the OpenAI client's parameters for a chat completion its route ignores, without a word: {ignored}.\n\n"
        "Its routes refuse token arrays as embedding input (400), and answer 501 for rerank; code in the stack's\n"
        "process can use both.\n"
    )


def ignored_by_the_host() -> list[str]:
    """What the OpenAI client can send and the host's protocol has no place for."""
    known = set(inspect.signature(LiteLLMInferenceAdapter.openai_chat_completion).parameters)
    offered = typing.get_type_hints(completion_create_params.CompletionCreateParamsBase)
    return sorted(set(offered) - known)


async def _tables(upstream: Upstream) -> dict[str, dict[str, list[str]]]:
    models: list[dict[str, Any]] = [
        {"model_name": name, "litellm_params": {"model": model, "api_key": "k", "api_base": upstream.url + path}}
        for name, (model, path) in VENDORS.items()
    ]
    models += [
        {
            "model_name": f"{name} {EMBED}",
            "litellm_params": {**entry["litellm_params"], "model": model},
            "model_info": {"mode": "embedding", "output_vector_size": 64},
        }
        for entry in models
        if (name := entry["model_name"]) and (model := EMBEDDING_MODELS.get(name))
    ]
    router = {"num_retries": 0, "disable_cooldowns": True}
    settings = LiteLLMSettings(Path("config.yaml"), models, router)
    engine, strict = RouterEngine(settings), RouterEngine(settings, strict_params=True)

    async def rows(kind: str, parameters: dict[str, tuple[Any, dict[str, Any]]]) -> dict[str, list[str]]:
        return {
            name: [await _cell(engine, strict, upstream, kind, vendor, name, *asked) for vendor in VENDORS]
            for name, asked in parameters.items()
        }

    tables = {
        "Chat completions": await rows(CHAT_WITH, CHAT),
        "Text completions": await rows(COMPLETE, TEXT),
        "Embeddings": await rows(EMBED, EMBEDDINGS),
    }
    await engine.close()
    return tables


async def _cell(
    engine: RouterEngine,
    strict: RouterEngine,
    upstream: Upstream,
    kind: str,
    vendor: str,
    name: str,
    value: Any,
    beside: dict[str, Any],
) -> str:
    if kind == EMBED and vendor not in EMBEDDING_MODELS:
        return "no such models"
    asked = {**beside, name.split(":")[0]: value}
    try:
        without = await _sent(engine, upstream, kind, vendor, beside)
        with_it = await _sent(engine, upstream, kind, vendor, asked)
    except RequestError as exc:
        if exc.status_code == 400 and any(word in exc.message for word in asked):
            return REFUSED
        raise
    if with_it != without:
        return ARRIVES
    if name == "encoding_format":
        return MADE_HERE
    try:
        await _sent(strict, upstream, kind, vendor, asked)
    except UnsupportedParameter:
        return LEFT_OUT
    raise AssertionError(f"{vendor} loses {name} in silence")


async def _sent(engine: RouterEngine, upstream: Upstream, kind: str, vendor: str, options: dict[str, Any]) -> str:
    """The body that the vendor gets."""
    upstream.clear()
    if kind == EMBED:
        await engine.embed({"model": f"{vendor} {EMBED}", "input": ["hi"], **options}, ANONYMOUS)
    elif kind == COMPLETE:
        await engine.complete({"model": vendor, "prompt": "hi", **options}, ANONYMOUS)
    else:
        await engine.chat({"model": vendor, "messages": [{"role": "user", "content": "hi"}], **options}, ANONYMOUS)
    (call,) = upstream.calls()
    return json.dumps(call["body"], sort_keys=True)


if __name__ == "__main__":
    PAGE.write_text(measure(), encoding="utf-8")
