"""``llama-stack-litellm usage``: what was used, by whom, at what cost, and what went wrong."""

from .command import usage

__all__ = ["usage"]
