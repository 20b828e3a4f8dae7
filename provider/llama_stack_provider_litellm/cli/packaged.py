"""The files that come with the package and are no modules."""

from __future__ import annotations

import importlib.resources
from pathlib import Path


def packaged(folder: str) -> Path:
    """A folder of them: beside the package's modules in a wheel, in the checkout else."""
    inside = Path(str(importlib.resources.files("llama_stack_provider_litellm") / folder))
    return inside if inside.exists() else Path(__file__).parents[3] / folder
