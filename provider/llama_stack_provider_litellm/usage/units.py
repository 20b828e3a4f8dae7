"""Dollars and seconds, as people read them."""

from __future__ import annotations


def usd(amount: float) -> str:
    """Two digits after the point for what is large, up to eight for what is small."""
    text = f"{amount:,.8f}" if abs(amount) < 0.01 else f"{amount:,.4f}" if abs(amount) < 100 else f"{amount:,.2f}"
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


def cost(amount: float | None, unpriced: int) -> str:
    """What calls cost, and of how many that is not known."""
    if not unpriced:
        return usd(amount or 0.0)
    # Answers from the cache cost nothing; nothing beside what is unknown would read as the price.
    return f"{usd(amount)} + {unpriced:,} unknown" if amount else f"{unpriced:,} unknown"


def seconds(value: float | None) -> str:
    """Milliseconds below one second; empty for none."""
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
