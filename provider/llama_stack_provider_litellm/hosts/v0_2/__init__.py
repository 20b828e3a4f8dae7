"""llama-stack 0.2: the protocol with one parameter per field, and the legacy chat API."""

from .adapter import LiteLLMInferenceAdapter

__all__ = ["LiteLLMInferenceAdapter"]
