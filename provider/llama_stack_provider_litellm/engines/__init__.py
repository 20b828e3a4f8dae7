"""How models are reached. Every engine takes OpenAI-shaped requests and gives openai SDK types."""

from .base import Engine, Reranked
from .stream import Stream

__all__ = ["Engine", "Reranked", "Stream"]
