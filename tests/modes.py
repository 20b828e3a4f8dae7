"""The mode that a run of the end-to-end tests is for: ``pytest --mode proxy tests/integration``."""

from __future__ import annotations

MODES = ("embedded", "proxy", "auto")

current = "embedded"
"""How the stacks that tests start reach LiteLLM; set from the option before the tests are collected."""
