"""Which model of a config judges what users write."""

from __future__ import annotations

from collections.abc import Iterable


def guard_among(models: Iterable[tuple[str, str]]) -> str | None:
    """The first model, of pairs of its name and its vendor's name for it, that calls itself a guard."""
    return next((name for name, vendors in models if "guard" in f"{name} {vendors}".lower() and "*" not in name), None)
