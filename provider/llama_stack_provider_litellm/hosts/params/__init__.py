"""llama-stack 0.7 and OGX: the protocol with one object of parameters per call."""

from .adapter import LiteLLMInferenceAdapter

__all__ = ["LiteLLMInferenceAdapter"]
