"""A LiteLLM custom provider that raises whatever exception of LiteLLM's a prompt names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litellm import CustomLLM
from litellm.types.utils import GenericStreamingChunk

from tests.test_errors import make

PIECE = GenericStreamingChunk(text="begun", tool_use=None, is_finished=False, finish_reason="", usage=None, index=0)


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
