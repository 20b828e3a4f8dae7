"""What guard and judge models say of other conversations."""

from __future__ import annotations

import re


def guard(prompt: str) -> str:
    """Judges what stands between Llama Guard's conversation marks, so its own categories never count."""
    marked = re.search(r"<BEGIN CONVERSATION>(.*)<END CONVERSATION>", prompt, re.DOTALL)
    conversation = marked.group(1) if marked else prompt
    return "unsafe\nS1" if re.search(r"\bpoison", conversation, re.IGNORECASE) else "safe"


def judge(prompt: str) -> str:
    """Compares the words of the ``EXPECTED:`` and ``GENERATED:`` lines; one may go on over several lines."""
    found = dict(re.findall(r"^(EXPECTED|GENERATED):(.*?)(?=^[A-Z]+:|\Z)", prompt, re.DOTALL | re.MULTILINE))
    expected, generated = (set(re.findall(r"\w+", found.get(k, "").lower())) for k in ("EXPECTED", "GENERATED"))
    return f"Score: {int(bool(expected) and expected <= generated)}"
