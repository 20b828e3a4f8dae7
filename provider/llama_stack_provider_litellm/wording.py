"""What LiteLLM's exceptions say, in words for those who did not call LiteLLM."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress

# "litellm.RateLimitError: RateLimitError: OpenAIException - slow down" → "slow down"
_CLASS_PREFIX = re.compile(
    r"^(?:(?:litellm\.\w+|\w+(?:Error|Exception)): |\w+(?:Error|Exception) - |Error code: \d+ - )+"
)
# What the Router appends about fallbacks, settings and internal ids; our own mends say it better.
_ROUTER_SUFFIX = re.compile(
    r"(?:Traceback \(most recent call last\)|No fallback model group found|LiteLLM: model group|Deployment Info:|"
    r"Handle with `litellm|Received Model Group|Passed model=|To drop (?:it|these)[ ,]|"
    r"model=\S+\. (?:context_window|content_policy)_fallback).*",
    re.S,
)


# What usage-based routing says of each deployment that it passed over.
_USAGE = re.compile(
    r"'([^']+)': \{'current_tpm': (\S+), 'tpm_limit': (\S+), 'current_rpm': (\S+), 'rpm_limit': ([^\s}]+)\}"
)
# LiteLLM's refusal of a deployment's budget compares what was spent with the budget's duration.
_OVERSPENT = "Exceeded budget for deployment "
_SPENT = re.compile(r"(?<=: )([\d.e+-]+) >= (\d+[a-z]+)")


def words_of(exc: BaseException) -> str:
    """What an exception of LiteLLM says, without class names, advice on LiteLLM's Python API and tracebacks."""
    return words_in(str(getattr(exc, "message", None) or exc)) or f"{type(exc).__name__}."


def words_in(whole: str) -> str:
    """The same of an exception's whole text; empty where it says nothing."""
    text = _ROUTER_SUFFIX.sub("", _CLASS_PREFIX.sub("", whole)).strip()
    if _OVERSPENT in text:
        text = _SPENT.sub(r"\1 USD spent in \2", text)
    if limits := _limits(whole):
        text = f"{text.rstrip('.')}: {limits}."
    if text.startswith(("b'", 'b"')):
        # LiteLLM prints some bodies as Python prints bytes.
        with suppress(ValueError, SyntaxError):
            text = ast.literal_eval(text).decode(errors="replace")
    text = _inner_message(text) or text
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _limits(text: str) -> str:
    """The limits that usage-based routing keeps, and how far each deployment is."""
    told = []
    for deployment, tokens, tpm, requests, rpm in _USAGE.findall(text):
        used = [(requests, rpm, "requests (rpm)"), (tokens, tpm, "tokens (tpm)")]
        told += [
            f"{deployment} has had {0 if count == 'None' else count} of {limit} {unit} this minute"
            for count, limit, unit in used
            if limit != "inf"
        ]
    return ", ".join(told)


def _inner_message(text: str) -> str | None:
    """The words in a vendor's error body (``{"error": {"message": …}}``), where LiteLLM quotes it whole."""
    if not text.startswith("{"):
        return None
    body = None
    # As it came, or as Python prints it.
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            body = read(text)
            break
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else None
