"""``llama-stack-litellm check``: what a LiteLLM config says, key by key, without starting anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich.markup import escape

from .. import catalog, errors, redaction, settings, storage
from ..engines import library, parameters
from ..settings.keys import Use
from ..wording import words_of
from . import keys as vendor_keys
from .console import clear_errors, err, out, table
from .logs import heard, quiet
from .up import found_config

_Deployment = tuple[settings.Place, dict[str, Any]]
_COLOURS = {"honoured": "green", "ignored": "yellow", "unknown": "yellow", "wrong": "red"}
# A trial Router must not look for a server.
_CONNECTING = ("redis_url", "redis_host", "redis_port", "redis_password", "redis_db", "cache_responses")


@click.command()
@click.argument("config", required=False, envvar="LITELLM_CONFIG")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(config: str | None, as_json: bool) -> None:
    """Check a LiteLLM config, and show what becomes of each of its keys.

    CONFIG is LiteLLM's config.yaml [env: LITELLM_CONFIG]; without one it is what `up` would serve. Nothing is
    started, and no vendor is asked. The exit status is 1 when the config cannot be used.
    """
    with clear_errors(), quiet():
        reading = settings.read_config(config or found_config(storage.folder(), out=err))
        with err.status("Reading LiteLLM's model registry…"):
            library.import_litellm()
            report = _report(reading)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _show(report)
    if any(problem["severity"] == "error" for problem in report["problems"]):
        raise click.exceptions.Exit(1)


def _report(reading: settings.Reading) -> dict[str, Any]:
    config, problems = reading.settings, reading.problems
    redact = redaction.Redactor(config.secrets())
    if not problems.errors:
        _apply(reading, redact)
    models = [_model(name, group, _entry(name, group, problems, redact)) for name, group in _groups(reading).items()]
    return {
        "config": str(config.path),
        "files": [str(file) for file in config.files],
        "keys": list(_keys(reading)),
        "models": models,
        "problems": [
            {
                "severity": problem.severity,
                "file": str(problem.place.file),
                "line": problem.place.line or None,
                "key": problem.key,
                "text": problem.text,
            }
            for problem in problems.found
        ],
    }


def _groups(reading: settings.Reading) -> dict[str, list[_Deployment]]:
    groups: dict[str, list[_Deployment]] = {}
    for place, model in reading.models:
        groups.setdefault(model["model_name"], []).append((place, model))
    return groups


def _entry(
    name: str, group: list[_Deployment], problems: settings.Problems, redact: redaction.Redactor
) -> catalog.ModelEntry | None:
    """What the catalogue makes of a model; its complaints become problems."""
    place = group[0][0]
    for where, item in group:
        if missing := vendor_keys.missing_key(item["litellm_params"]):
            problems.warn(where, name, f"has no key: {vendor_keys.mend(missing)}")
    with heard(catalog.__name__) as texts:
        try:
            built = catalog.build(parameters.opened(item for _, item in group), library.known_model)
        except errors.ConfigError as exc:
            problems.error(place, "", redact(str(exc)))
            return None
    for text in texts:
        problems.warn(place, name, redact(text))
    return built.entries.get(name)


def _apply(reading: settings.Reading, redact: redaction.Redactor) -> None:
    """Let LiteLLM take what it is to be given, as far as that starts nothing; what it refuses is an error."""
    config = reading.settings
    try:
        settings.apply(config)
        asyncio.run(_try_router(config))
    except errors.ConfigError as exc:
        reading.problems.error(settings.Place(config.path), "", redact(str(exc)).removeprefix(f"{config.path}: "))
    except Exception as exc:  # whatever LiteLLM says
        words = redact(words_of(exc))
        reading.problems.error(settings.Place(config.path), "", f"LiteLLM's Router refuses the config: {words}")


async def _try_router(config: settings.LiteLLMSettings) -> None:
    from ..engines.running import RunningRouter

    known = settings.router_arguments() - set(_CONNECTING)
    arguments = {key: value for key, value in config.router_settings.items() if key in known}
    RunningRouter(parameters.opened(config.model_list), arguments).discard()


def _keys(reading: settings.Reading) -> Iterator[dict[str, Any]]:
    unknown = {problem.key: problem.text for problem in settings.unknown_keys(reading.settings)}
    wrong = {problem.key for problem in reading.problems.errors}
    for place, name, key in reading.uses:
        if any(found == name or found.startswith((f"{name}.", f"{name}[")) for found in wrong):
            use = "wrong"
        elif key is None:
            use = "unknown" if name in unknown else "honoured"
        else:
            use = "honoured" if key.use is Use.HONOURED else "ignored"
        yield {
            "key": name,
            "file": str(place.file),
            "line": place.line or None,
            "use": use,
            "meaning": key.meaning if key else unknown.get(name, "an attribute of litellm"),
            "how": key.how if key else ("ignored" if name in unknown else "set on `litellm`"),
        }


def _model(name: str, group: list[_Deployment], entry: catalog.ModelEntry | None) -> dict[str, Any]:
    return {
        "name": name,
        # Without an entry it is none that Llama Stack can serve; the problems say why.
        "type": entry.type if entry else None,
        "wildcard": "*" in name,
        "embedding_dimension": entry.dimension if entry else None,
        "context_length": entry.context_length if entry else None,
        "input_cost_per_token": entry.input_cost if entry else None,
        "output_cost_per_token": entry.output_cost if entry else None,
        "deployments": [
            {
                "model": item["litellm_params"]["model"],
                "key": vendor_keys.key_of(item["litellm_params"]),
                "line": place.line or None,
            }
            for place, item in group
        ],
    }


def _show(report: Mapping[str, Any]) -> None:
    keys = table("key", "line", "use", "")
    for key in report["keys"]:
        colour = _COLOURS[key["use"]]
        line = f"{key['line'] or ''}"
        if key["file"] != report["config"]:
            line = f"{key['file']}:{line}"
        meaning = key["meaning"]
        if key["use"] == "ignored":
            meaning += " (needs a LiteLLM Proxy)"
        keys.add_row(escape(key["key"]), line, f"[{colour}]{key['use']}[/{colour}]", escape(meaning))
    out.print(keys)
    if report["models"]:
        out.print()
        out.print(_models(report["models"]))
    for problem in report["problems"]:
        colour = "red" if problem["severity"] == "error" else "yellow"
        where = f"{problem['file']}, line {problem['line']}" if problem["line"] else problem["file"]
        key = f"{problem['key']}: " if problem["key"] else ""
        out.print(f"[{colour}]{problem['severity']}:[/{colour}] {escape(f'{where}: {key}{problem["text"]}')}")
    counts = [sum(problem["severity"] == kind for problem in report["problems"]) for kind in ("error", "warning")]
    out.print(f"\n{report['config']}: {counts[0]} errors, {counts[1]} warnings, {len(report['models'])} models")


def _models(models: list[dict[str, Any]]) -> Any:
    shown = table("model", "type", "deployment", "key", "dimension", "context", "$ / 1M in", "$ / 1M out")
    for model in models:
        for number, deployment in enumerate(model["deployments"]):
            first = number == 0
            shown.add_row(
                escape(f"litellm/{model['name']}") if first else "",
                (model["type"] or "not served") if first else "",
                escape(deployment["model"]),
                deployment["key"],
                *((_cell(model[field], factor) if first else "") for field, factor in _NUMBERS),
            )
    return shown


_NUMBERS = (
    ("embedding_dimension", None),
    ("context_length", None),
    ("input_cost_per_token", 1_000_000),
    ("output_cost_per_token", 1_000_000),
)


def _cell(value: float | None, factor: int | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if factor is None else f"{value * factor:.2f}"
