"""A config file, read and checked as a whole."""

from __future__ import annotations

import dataclasses
import importlib.resources
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import redaction
from .applying import outside_environment
from .checking import Checker
from .config import LiteLLMSettings
from .including import with_includes
from .keys import OTHER, SECTIONS, TABLES, Key, Use, find, near
from .problems import Path_, Place, Problem, Problems, dotted
from .reading import Document, as_mapping, read
from .references import References
from .resolving import Resolver, declared_environment

_MAPPINGS = ("litellm_settings", "router_settings", "general_settings", "environment_variables", "callback_settings")
_LISTS = ("model_list", "credential_list", "vector_store_registry")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a config: the settings, of all that could be used, and every problem.

    ``uses`` has one entry for each key of the file: where it stands, its dotted name and what it is documented as
    (None where nobody documents it). ``models`` are the usable entries of ``model_list``, each with its place.
    """

    settings: LiteLLMSettings
    problems: Problems
    uses: tuple[tuple[Place, str, Key | None], ...] = ()
    models: tuple[tuple[Place, dict[str, Any]], ...] = ()


def demo_config_path() -> Path:
    """The packaged demo models' config, wherever the working directory is."""
    return Path(str(importlib.resources.files("llama_stack_provider_litellm") / "demo" / "config.yaml"))


def load(path: str | os.PathLike[str] | None) -> LiteLLMSettings:
    """Read and check the config at ``path``; the packaged demo config when it is empty.

    Raises ConfigError, naming file, line, key and mend, a line for each error. No litellm is needed.
    """
    reading = read_config(path)
    reading.problems.raise_errors()
    return reading.settings


def read_config(path: str | os.PathLike[str] | None) -> Reading:
    """Read and check the config at ``path``, and collect all that is wrong with it.

    Raises ConfigError for what cannot be read at all. The problems' texts are without the file's secrets.
    """
    source = Path(path).expanduser() if path and str(path) else demo_config_path()
    problems = Problems()
    missing = (
        f"{source}: no such file. Set LITELLM_CONFIG (or `config_path` of the provider) to your "
        "LiteLLM config.yaml, or leave it empty for the demo models."
    )
    document = with_includes(read(source, problems, missing=missing), problems)
    names = _names(document)
    checker = Checker(document, problems, names)
    _check_sections(document, checker)
    environment = declared_environment(document, problems, outside_environment())
    resolver = Resolver(document, problems, {**outside_environment(), **environment}, names)
    entries = _entries(document.data.get("model_list"))
    read_models = [(index, _model(item, index, checker, resolver)) for index, item in enumerate(entries)]
    usable = [(index, model) for index, model in read_models if model is not None]
    settings = _settings(document, checker, resolver, environment, [model for _, model in usable])
    redact = redaction.Redactor(*_secret(document.data), *_secret(dataclasses.asdict(settings)), environment)
    uses = tuple((place, redact(name), key) for place, name, key in _uses(document, names))
    problems.found[:] = [Problem(p.severity, p.place, redact(p.key), redact(p.text)) for p in problems.found]
    settings = dataclasses.replace(
        settings,
        needs_proxy=tuple(_needing_proxy(uses)),
        unknown=tuple(_unknown(uses)),
        warnings=tuple(problems.warnings),
    )
    models = tuple((document.place("model_list", index), model) for index, model in usable)
    return Reading(settings, problems, uses, models)


def _secret(config: Mapping[Any, Any]) -> list[Any]:
    """The parts of a config in which there are secrets, without the names of credentials, which are none."""
    credentials = config.get("credential_list")
    models = config.get("model_list")
    return [
        *(config.get(section) for section in ("litellm_settings", "router_settings", "general_settings", "globals")),
        *(as_mapping(entry).get("credential_values") for entry in _entries(credentials)),
        *({**as_mapping(entry), "litellm_params": _without_name(entry)} for entry in _entries(models)),
    ]


def _without_name(entry: Any) -> dict[str, Any]:
    params = as_mapping(as_mapping(entry).get("litellm_params"))
    return {key: value for key, value in params.items() if key != "litellm_credential_name"}


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(document: Document) -> dict[Path_, str]:
    """How the entries of the lists are called: by their models, by their credentials."""
    found: dict[Path_, str] = {}
    for section, key in (("model_list", "model_name"), ("credential_list", "credential_name")):
        entries = document.data.get(section)
        for index, item in enumerate(_entries(entries)):
            name = as_mapping(item).get(key)
            if isinstance(name, str) and name:
                found[(section, index)] = name
    return found


def _check_sections(document: Document, checker: Checker) -> None:
    for section in (*_MAPPINGS, *_LISTS):
        value, kind = document.data.get(section), list if section in _LISTS else Mapping
        if value and not isinstance(value, kind):
            checker.error((section,), f"must be a {'list' if kind is list else 'mapping'}.")
    if not document.data.get("model_list"):
        checker.warn(("model_list",), "is empty: the stack will have no models. Add one.")


def _settings(
    document: Document,
    checker: Checker,
    resolver: Resolver,
    environment: Mapping[str, str],
    models: list[dict[str, Any]],
) -> LiteLLMSettings:
    def section(name: str) -> Mapping[str, Any]:
        return as_mapping(document.data.get(name))

    def entries(name: str) -> list[Any]:
        return _entries(document.data.get(name))

    litellm_settings = {
        key: resolver(value, ("litellm_settings", key), required=_is_used(section("litellm_settings"), key))
        for key, value in section("litellm_settings").items()
    }
    litellm_settings = checker.numbers(litellm_settings, ("litellm_settings",))
    router_settings = {
        key: resolver(value, ("router_settings", key), required=_is_honoured("router_settings", key))
        for key, value in section("router_settings").items()
    }
    router_settings = checker.numbers(router_settings, ("router_settings",))
    checker.choices(litellm_settings, router_settings)
    credentials = checker.credentials(resolver(entries("credential_list"), ("credential_list",)))
    if len(models) == len(entries("model_list")):
        # With a broken entry left out, what refers to it would be called unknown as well.
        stored = section("general_settings").get("store_model_in_db") is True
        references = References(checker, models, router_settings, elsewhere=stored)
        references.check("litellm_settings", litellm_settings)
        references.check("router_settings", router_settings)
        references.check_models(credentials)
    set_elsewhere = {
        key: resolver(section("general_settings")[key], ("general_settings", key))
        for key in section("general_settings")
        if _is_honoured("general_settings", key)
    }
    if callback_settings := section("callback_settings"):
        set_elsewhere["callback_settings"] = resolver(callback_settings, ("callback_settings",))
    stores = checker.vector_stores(resolver(entries("vector_store_registry"), ("vector_store_registry",)))
    return LiteLLMSettings(
        path=document.path,
        model_list=models,
        router_settings=router_settings,
        litellm_settings=litellm_settings,
        environment=environment,
        credential_list=credentials,
        vector_store_registry=stores,
        globals=set_elsewhere,
        files=document.files,
        places={key: document.place("litellm_settings", key) for key in litellm_settings},
    )


def _model(item: Any, index: int, checker: Checker, resolver: Resolver) -> dict[str, Any] | None:
    path: Path_ = ("model_list", index)
    if not isinstance(item, Mapping):
        checker.error(path, "must be a mapping with `model_name` and `litellm_params`.")
        return None
    name, params = item.get("model_name"), item.get("litellm_params")
    if not isinstance(name, str) or not name:
        checker.error(path, "`model_name` is missing. It is the name that the stack will show.")
        return None
    if not isinstance(params, Mapping) or not isinstance(params.get("model"), str) or not params["model"]:
        checker.error(path, "`litellm_params.model` is missing. Add for example `model: openai/gpt-4o-mini`.")
        return None
    if not isinstance(item.get("model_info") or {}, Mapping):
        checker.error(path, "`model_info` must be a mapping.")
        return None
    resolved: dict[str, Any] = resolver(item, path)
    if not isinstance(resolved["litellm_params"]["model"], str):
        return None
    resolved["litellm_params"] = checker.numbers(resolved["litellm_params"], (*path, "litellm_params"))
    checker.deployment(resolved, path)
    checker.wildcard(name, resolved["litellm_params"], path)
    return resolved


def _is_honoured(section: str, key: str) -> bool:
    found = find(section, key)
    return found is not None and found.use is Use.HONOURED


def _is_used(litellm_settings: Mapping[str, Any], key: str) -> bool:
    if key == "cache_params" and litellm_settings.get("cache") is not True:
        return False
    return _is_honoured("litellm_settings", key)


def _uses(document: Document, names: Mapping[Path_, str]) -> list[tuple[Place, str, Key | None]]:
    uses = []

    def use(path: Path_, key: Key | None) -> None:
        uses.append((document.place(*path), dotted(path, names), key))

    for section, value in document.data.items():
        tables = TABLES.get(section) if isinstance(section, str) else None
        if tables is not None and isinstance(value, Mapping):
            for key in value:
                use((section, key), tables.get(key))
        elif section == "model_list" and isinstance(value, list):
            for index, item in enumerate(value):
                for part in ("litellm_params", "model_info"):
                    for key in as_mapping(as_mapping(item).get(part)):
                        # The vendor's parameters and the user's own notes: documented as any key at all.
                        use((section, index, part, key), find(part, key) or OTHER[part])
        else:
            use((section,), SECTIONS.get(section) if isinstance(section, str) else None)
    return uses


def _needing_proxy(uses: tuple[tuple[Place, str, Key | None], ...]) -> list[Problem]:
    return [
        Problem("warning", place, name, f"{key.meaning}: {key.how}")
        for place, name, key in uses
        # What stands beside a model for a proxy's pages needs no word here.
        if key is not None and key.use is Use.NEEDS_PROXY and not name.startswith("model_list")
    ]


def _unknown(uses: tuple[tuple[Place, str, Key | None], ...]) -> list[Problem]:
    found = []
    for place, name, key in uses:
        if key is None:
            section, _, last = name.partition(".")
            known = TABLES[section] if last and section in TABLES else SECTIONS
            found.append(Problem("warning", place, name, f"unknown{near(last or section, known)}"))
    return found
