"""OpenAI's type of a vector, without its look at every number.

The openai SDK builds an answer that it does not validate field by field, and a vector number by number: that takes a
second for 256 vectors of 1,024, on the event loop. LiteLLM's OpenAI client does so with each answer, and so would we.
"""

from __future__ import annotations

from typing import Any

from openai.types import Embedding
from pydantic import BaseModel

NAMES = ("construct", "model_construct")
"""What the SDK calls it."""


def install() -> None:
    """Let the SDK take the numbers as they are, as pydantic does."""
    plain: Any = BaseModel.model_construct
    for name in NAMES:
        setattr(Embedding, name, classmethod(plain.__func__))
