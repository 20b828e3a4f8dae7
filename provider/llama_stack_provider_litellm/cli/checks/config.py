"""The LiteLLM config of the embedded router, and the keys that its deployments need."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from ... import settings
from ...errors import ConfigError
from .. import keys
from ..discover import discover
from .finding import Finding

_MOST_NAMED = 5


def check(path: str | None) -> tuple[settings.Reading | None, list[Finding]]:
    """What is wrong with the config at ``path``, or else what `up` would serve, and what could be read of it."""
    if not path:
        return _without()
    mend = f"`llama-stack-litellm check {path}` shows it key by key."
    try:
        reading = settings.read_config(path)
    except ConfigError as exc:
        return None, [Finding.of_words("config", "error", str(exc), mend)]
    found = [Finding.of_words("config", problem.severity, str(problem), mend) for problem in reading.problems.found]
    if not reading.problems.errors:
        count = len(reading.models)
        found.append(Finding("config", "ok", f"{path} has {count} deployment{'' if count == 1 else 's'}."))
    found += [Finding("config", "note", f"{problem}.", mend) for problem in reading.settings.unknown]
    if names := [problem.key for problem in reading.settings.needs_proxy]:
        found.append(
            Finding("config", "note", f"{path}: without a LiteLLM Proxy these do nothing: {_some(names)}.", mend)
        )
    return reading, found


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _without() -> tuple[settings.Reading, list[Finding]]:
    mend = "For your own models set LITELLM_CONFIG to your LiteLLM config.yaml."
    discovery = discover()
    if not discovery.config:
        what = "There is no LiteLLM config, provider key or Ollama: `up` would serve the demo models, scripted, no AI."
        return settings.read_config(None), [Finding("config", "note", what, mend)]
    sources = ", ".join(discovery.sources)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "found-config.yaml"
        made.write_text(yaml.safe_dump(discovery.config, sort_keys=False), encoding="utf-8")
        reading = settings.read_config(made)
    what = f"There is no LiteLLM config: `up` would make one from {sources}."
    return reading, [Finding("config", "note", what, mend)]


def check_keys(reading: settings.Reading) -> list[Finding]:
    """Whether each deployment has a key. Imports litellm."""
    found: list[Finding] = []
    states: dict[str, list[str]] = {}
    with settings.environment_of(reading.settings):
        for place, item in reading.models:
            params, name = item["litellm_params"], item["model_name"]
            if missing := keys.missing_key(params):
                mend = keys.mend(missing)
                what = f"{place}: {name} ({params['model']}) has no key."
                found.append(Finding("keys", "warning", what, mend[0].upper() + mend[1:]))
            else:
                states.setdefault(keys.key_of(params), []).append(name)
    return [*(Finding("keys", "ok", f"{state}: {_some(names)}") for state, names in states.items()), *found]
