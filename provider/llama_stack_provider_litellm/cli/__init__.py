"""``llama-stack-litellm``: start a stack on a LiteLLM config, and look at what the config gives."""

from .main import main

__all__ = ["main"]
