"""Installed releases: against what this package needs, known traps, and the set that was tested."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata

from ...config import Mode
from ..packaged import packaged
from . import litellm_releases
from .finding import Finding, Severity
from .hosts import Host, installed_host
from .releases import OURS, Requirement, install, installed, line_of, requirements, within

_SUBJECT = "versions"
# Those whose release makes a difference: hosts, what speaks HTTP, what stores and searches.
_WATCHED = (
    *("llama-stack", "llama-stack-client", "ogx", "ogx-api", "ogx-client", "litellm", "openai", "mcp"),
    *("aiohttp", "httpx", "fastapi", "starlette", "uvicorn", "pydantic", "sqlalchemy", "greenlet", "aiosqlite"),
    *("faiss-cpu", "numpy", "tiktoken", "watchfiles"),
)
_PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)", re.M)


def versions() -> dict[str, str | None]:
    """The releases that make a difference; None for what is not installed."""
    return {"python": platform.python_version(), **{name: installed(name) for name in (OURS, *_WATCHED)}}


def check(mode: Mode) -> list[Finding]:
    """One finding for each package that deserves a word, and one for all the others."""
    host = installed_host()
    found: dict[str, Finding] = {"python": _python()}
    for name, finding in _wrong(host, mode):
        # The gravest comes first; one word is enough.
        found.setdefault(name, finding)
    fine = [f"{name} {version}" for name in _WATCHED if name not in found and (version := installed(name))]
    state = "As tested" if host and _tested(host) else "Installed"
    return [*found.values(), *([Finding(_SUBJECT, "ok", f"{state}: {', '.join(fine)}")] if fine else [])]


def _python() -> Finding:
    version = platform.python_version()
    try:
        classifiers = metadata.metadata(OURS).get_all("Classifier") or []
    except metadata.PackageNotFoundError:
        return Finding(_SUBJECT, "note", f"Python {version}; the metadata of {OURS} is not installed.")
    tested = [line.rsplit(" ", 1)[-1] for line in classifiers if re.search(r":: \d+\.\d+$", line)]
    if line_of(version) in tested:
        return Finding(_SUBJECT, "ok", f"Python {version}")
    mend = f"Make the environment anew with Python {' or '.join(tested)}."
    return Finding(_SUBJECT, "note", f"Python {version} was not tested; {', '.join(tested)} was.", mend)


def _wrong(host: Host | None, mode: Mode) -> Iterator[tuple[str, Finding]]:
    yield from _traps(host)
    if litellm := litellm_releases.check(mode, _SUBJECT):
        yield "litellm", litellm
    yield from _host(host)
    yield from _needs(host, mode)
    yield from _conflicts(host)
    yield from _untested(host)


def _traps(host: Host | None) -> Iterator[tuple[str, Finding]]:
    """What pip installs without a word, and the host dies of."""
    if host is None:
        return
    mcp, api = installed("mcp"), installed("ogx-api")
    if host.name == "llama-stack" and mcp and not within(mcp, "<2"):
        what = f"mcp {mcp} is installed, and {host.name} {host.version} dies of mcp 2 when it is imported (McpError)."
        yield "mcp", Finding(_SUBJECT, "error", what, install("mcp>=1.8.1,<2"))
    if host.name == "ogx" and api and api != host.version:
        what = f"ogx-api {api} is installed beside ogx {host.version}: they work in the same release only."
        yield "ogx-api", Finding(_SUBJECT, "error", what, install(f"ogx-api=={host.version}"))
    if host.line != "llama-stack 0.2" and installed("litellm") is None and not os.environ.get("TIKTOKEN_CACHE_DIR"):
        what = (
            "litellm, which brings the tokenizer cl100k_base, is not installed: the host's vector stores fetch it from "
            "the network when they start, and a start without one fails."
        )
        mend = f"{install(litellm_releases.bounds())}; or set TIKTOKEN_CACHE_DIR to a folder that has it."
        yield "tiktoken", Finding(_SUBJECT, "note", what, mend)
    if installed("greenlet") is None:
        what = "greenlet is not installed: SQLAlchemy needs it, and the host dies when it starts."
        yield "greenlet", Finding(_SUBJECT, "error", what, install("sqlalchemy[asyncio]>=2.0.41"))


def _host(host: Host | None) -> Iterator[tuple[str, Finding]]:
    served = _served()
    if not served:
        return
    mend = install(f"{OURS}[{served[0].extra}]")
    if host is None:
        yield "llama-stack", Finding(_SUBJECT, "error", "No Llama Stack is installed: there is nothing to start.", mend)
    elif _extra_of(host) is None:
        lines = " or ".join(map(str, served))
        what = f"{host.name} {host.version} is installed; this release of {OURS} serves {lines}."
        yield host.name, Finding(_SUBJECT, "error", what, mend)


def _needs(host: Host | None, mode: Mode) -> Iterator[tuple[str, Finding]]:
    """What this package asks for: itself, in this mode, and for this host."""
    wanted = {"": "this package needs it.", "embedded": "embedded mode needs it."}
    if mode == "proxy":
        del wanted["embedded"]
    if host and (extra := _extra_of(host)):
        wanted[extra] = "the run config that comes with this package needs it."
    for needed in requirements(OURS):
        if needed.extra not in wanted:
            continue
        version, mend = installed(needed.name), install(needed)
        if version is None:
            what = f"{needed.name} is not installed: {wanted[needed.extra]}"
            severity: Severity = "warning" if needed.extra == "embedded" and mode == "auto" else "error"
            yield needed.name, Finding(_SUBJECT, severity, what, mend)
        elif not within(version, needed.specifier):
            what = f"{needed.name} {version} is installed; {OURS} asks for {needed.specifier}."
            yield needed.name, Finding(_SUBJECT, "warning", what, mend)


def _conflicts(host: Host | None) -> Iterator[tuple[str, Finding]]:
    """What the host and litellm ask for and do not find."""
    for name in (*([host.name] if host else []), "litellm"):
        for needed in requirements(name):
            version = installed(needed.name)
            if needed.extra or (version and within(version, needed.specifier)):
                continue
            state = f"{version} is installed" if version else "is not installed"
            what = f"{needed.name} {state}; {name} {installed(name)} asks for {str(needed).removeprefix(needed.name)}."
            yield needed.name, Finding(_SUBJECT, "warning", what, install(needed))


def _untested(host: Host | None) -> Iterator[tuple[str, Finding]]:
    tested = _tested(host) if host else {}
    for name in _WATCHED:
        version = installed(name)
        if version and name in tested and version != tested[name]:
            what = f"{name} {version} is installed; {tested[name]} was tested."
            yield name, Finding(_SUBJECT, "note", what, install(f"{name}=={tested[name]}"))


def _served() -> list[Requirement]:
    """The hosts that this package serves, each with the extra that brings it."""
    return [one for one in requirements(OURS) if one.extra and one.name in {"llama-stack", "ogx"}]


def _extra_of(host: Host) -> str | None:
    """The extra that brings a host of this line."""
    fits = (one.extra for one in _served() if one.name == host.name and _has_line(one, host))
    return next(fits, None)


def _has_line(needed: Requirement, host: Host) -> bool:
    # Another patch of a line is served too, and named as untested.
    return within(host.version, needed.specifier) or host.line == f"{needed.name} {line_of(_version_in(needed))}"


def _version_in(requirement: Requirement) -> str:
    found = re.search(r"\d[\w.]*", requirement.specifier)
    return found[0] if found else ""


@cache
def _tested(host: Host) -> Mapping[str, str]:
    """Package → release of the set that was tested with the host's line; empty where there is none."""
    file = packaged("requirements") / f"{host.line.replace(' ', '-')}.txt"
    return dict(_PIN.findall(file.read_text(encoding="utf-8"))) if file.is_file() else {}
