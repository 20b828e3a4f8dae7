"""Demo models: scripted, offline, and no AI.

``config.yaml`` is an ordinary LiteLLM config whose four models are served by :mod:`.handler`: a chat model
that calls tools and answers from their results, a guard, a judge and an embedding. They are here so that
agents, RAG, MCP, shields and evals can be seen at work without a key and without a network. Importing this
package imports no litellm.
"""

from pathlib import Path

CONFIG_PATH = Path(__file__).with_name("config.yaml")
"""The LiteLLM config of the demo models, as an absolute path."""

__all__ = ["CONFIG_PATH"]
