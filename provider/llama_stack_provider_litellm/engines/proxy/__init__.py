"""The proxy engine: a LiteLLM Proxy over HTTP. It needs no litellm here."""

from .engine import ProxyEngine

__all__ = ["ProxyEngine"]
