"""A LiteLLM custom provider that raises whatever exception of LiteLLM's a prompt names.

A LiteLLM Proxy runs it too, where the tests' own packages are missing.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import httpx
from litellm import CustomLLM
from litellm import exceptions as vendor
from litellm.types.utils import GenericStreamingChunk

PIECE = GenericStreamingChunk(text="begun", tool_use=None, is_finished=False, finish_reason="", usage=None, index=0)

_ARGUMENTS: dict[str, Any] = {
    **{"message": "boom", "model": "gpt-x", "llm_provider": "openai", "custom_llm_provider": "openai"},
    **{"status_code": 500, "request_data": {}, "raw_response": "raw", "schema": "{}", "failures": []},
    **{"current_cost": 5.0, "max_budget": 3.0, "entity_type": "EMAIL", "guardrail_name": "pii"},
    **{"route_to_model": "local", "session_id": "s"},
}


def response(status: int, **headers: str) -> httpx.Response:
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=dashed, request=httpx.Request("POST", "http://vendor"))


def make(name: str, **given: Any) -> Exception:
    """An exception of this class of LiteLLM's, built as LiteLLM builds it: by keyword."""
    kind = getattr(vendor, name)
    wanted = inspect.signature(kind.__init__).parameters
    if "args" in wanted:
        return kind("boom")  # type: ignore[no-any-return]
    required = [key for key, found in wanted.items() if found.default is found.empty and key != "self"]
    values = {
        key: _ARGUMENTS[key] for key in [*required, "model", "llm_provider"] if key in wanted and key != "response"
    }
    if "response" in required:
        values["response"] = response(400)
    return kind(**values, **given)  # type: ignore[no-any-return]


class Raising(CustomLLM):
    """The prompt is the exception's name; in a stream ``after`` before it makes a piece come first."""

    async def acompletion(self, *args: Any, **kwargs: Any) -> Any:
        raise make(kwargs["messages"][-1]["content"].split()[-1])

    async def astreaming(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[GenericStreamingChunk]:
        prompt: str = kwargs["messages"][-1]["content"]
        if prompt.startswith("after"):
            yield PIECE
        raise make(prompt.split()[-1])


handler = Raising()
