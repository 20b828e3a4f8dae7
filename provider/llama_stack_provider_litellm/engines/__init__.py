"""How models are reached. Every engine takes OpenAI-shaped requests and gives openai SDK types."""

from .base import Engine, Ranking, Reranked
from .stream import Stream

__all__ = ["Engine", "Ranking", "Reranked", "Stream"]
