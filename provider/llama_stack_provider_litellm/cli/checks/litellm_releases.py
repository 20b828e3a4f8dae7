"""Which releases of LiteLLM are to be refused, here and at a proxy."""

from __future__ import annotations

from collections.abc import Mapping

from ...config import Mode
from .finding import Finding, Severity
from .releases import OURS, Requirement, install, installed, requirements, within

# https://github.com/BerriAI/litellm/issues/24518
_MALICIOUS = frozenset({"1.82.7", "1.82.8"})
_WITH_HOLES = "<1.84"
# How much it matters what is wrong with litellm in this environment.
_WEIGHT: Mapping[Mode, Severity] = {"embedded": "error", "auto": "warning", "proxy": "note"}


def is_malicious(version: str | None) -> bool:
    """Whether a release steals keys: it must not even be imported."""
    return version in _MALICIOUS


def trouble(version: str) -> tuple[str, str]:
    """Why nobody should run a release, and what to do besides replacing it; empty for one that may be run."""
    if is_malicious(version):
        return (
            "is a malicious release, which sends the machine's keys and passwords to strangers",
            "Then change every key and password that the machine holds, and look for what else was left on it: "
            "https://github.com/BerriAI/litellm/issues/24518",
        )
    if within(version, _WITH_HOLES):
        return (
            "has known security holes (CVEs; SQL injection and remote code execution in its proxy among them), "
            "as all releases before 1.84",
            "",
        )
    return "", ""


def check(mode: Mode, subject: str) -> Finding | None:
    """What is wrong with the litellm of this environment."""
    wanted = bounds()
    version, mend = installed(wanted.name), install(wanted)
    if version is None:
        why = {
            "embedded": "embedded mode needs it.",
            "auto": "there is nothing to fall back on when the proxy is away.",
            "proxy": "proxy mode needs none.",
        }
        what = f"litellm is not installed: {why[mode]}"
        return Finding(subject, _WEIGHT[mode], what, "" if mode == "proxy" else mend)
    words, besides = trouble(version)
    if words:
        severity: Severity = "error" if is_malicious(version) or mode == "embedded" else "warning"
        return Finding(subject, severity, f"litellm {version} {words}.", f"{mend}. {besides}" if besides else mend)
    if not within(version, wanted.specifier):
        unused = " Proxy mode does not use it." if mode == "proxy" else ""
        what = f"litellm {version} is none of the releases that the embedded router was made for ({wanted.specifier})."
        return Finding(subject, _WEIGHT[mode], what + unused, mend)
    return None


def bounds() -> Requirement:
    """The releases of litellm that this package's extra `embedded` takes."""
    found = (one for one in requirements(OURS) if one.extra == "embedded" and one.name == "litellm")
    return next(found, Requirement("litellm", ""))
