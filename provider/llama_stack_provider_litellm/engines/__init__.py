"""How models are reached. Every engine takes OpenAI-shaped requests and gives openai SDK types."""

from .base import Engine, Reranked

__all__ = ["Engine", "Reranked"]
