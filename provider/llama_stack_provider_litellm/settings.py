"""LiteLLM's ``config.yaml``: read it, check it, apply its global settings.

The format is LiteLLM Proxy's own (https://docs.litellm.ai/docs/proxy/configs). Reading needs no
litellm; :func:`apply` sets litellm's module globals, as the proxy does at its start.
"""

from __future__ import annotations

import importlib.resources
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import yaml

from .errors import ConfigError

logger = logging.getLogger(__name__)

_ENV = "os.environ/"
_SECTIONS = {"model_list": list, "router_settings": dict, "litellm_settings": dict}
# Of litellm_settings: what needs more than setting a litellm global.
_NOT_HONOURED_SETTINGS = frozenset(
    {"guardrails"}
    | {"audit_log_callbacks", "post_call_rules", "pre_call_rules", "default_team_settings", "callback_settings"}
    # LiteLLM compares it with a cost that it raises in the proxy alone.
    | {"max_budget"}
)


_ENGINES = frozenset({"cache", "cache_params", "callbacks", "success_callback", "failure_callback", "service_callback"})


@dataclass(frozen=True, slots=True)
class LiteLLMSettings:
    """What a config file says, with every ``os.environ/…`` resolved."""

    path: Path
    model_list: list[dict[str, Any]]
    router_settings: dict[str, Any] = field(default_factory=dict)
    litellm_settings: dict[str, Any] = field(default_factory=dict)
    not_honoured: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read."""
        return (self.path,)


def demo_config_path() -> Path:
    """The packaged demo models' config, wherever the working directory is."""
    return Path(str(importlib.resources.files(__package__) / "demo" / "config.yaml"))


def load(path: str | os.PathLike[str] | None) -> LiteLLMSettings:
    """Read and check the config at ``path``; the packaged demo config when it is empty.

    Raises ConfigError, naming file, key and mend, for a file that cannot be used.
    """
    source = Path(path).expanduser() if path and str(path) else demo_config_path()
    document = _read(source)
    for section, kind in _SECTIONS.items():
        if not isinstance(document.get(section) or kind(), kind):
            raise ConfigError(f"{source}: `{section}` must be a {'list' if kind is list else 'mapping'}.")
    models = [_checked_model(source, index, item) for index, item in enumerate(document.get("model_list") or [])]
    if not models:
        logger.warning("%s: `model_list` is empty: the stack will have no models. Add one and restart.", source)
    litellm_settings = _resolved(source, "litellm_settings", document.get("litellm_settings") or {})
    return LiteLLMSettings(
        path=source,
        model_list=models,
        router_settings=_resolved(source, "router_settings", document.get("router_settings") or {}),
        litellm_settings={k: v for k, v in litellm_settings.items() if k not in _NOT_HONOURED_SETTINGS},
        not_honoured=(
            *(key for key in document if key not in _SECTIONS),
            *(f"litellm_settings.{key}" for key in litellm_settings if key in _NOT_HONOURED_SETTINGS),
        ),
    )


def _read(source: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{source}: no such file. Set LITELLM_CONFIG (or `config_path` of the provider) to your "
            "LiteLLM config.yaml, or leave it empty for the demo models."
        ) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{source}: cannot be read: {exc}.") from None
    except yaml.YAMLError as exc:
        # The mark names line and column; the exception's text would quote the line or a word of it, perhaps a key.
        mark = getattr(exc, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # The parser quotes its own tokens ("expected ',' or ']'"), of a letter or two, and words of the file.
        problem = re.sub(r"(['\"])[^'\"]{3,}\1", "…", getattr(exc, "problem", None) or "unreadable")
        raise ConfigError(f"{source}{line}: not YAML: {problem}.") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{source}: must be a YAML mapping with a `model_list`, as LiteLLM Proxy's config.yaml is.")
    return document


def _checked_model(source: Path, index: int, item: object) -> dict[str, Any]:
    where = f"{source}: model_list[{index}]"
    if not isinstance(item, dict):
        raise ConfigError(f"{where}: must be a mapping with `model_name` and `litellm_params`.")
    name = item.get("model_name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: `model_name` is missing. It is the name that the stack will show.")
    where = f"{where} ({name})"
    params = item.get("litellm_params")
    if not isinstance(params, dict) or not isinstance(params.get("model"), str) or not params["model"]:
        raise ConfigError(f"{where}: `litellm_params.model` is missing. Add for example `model: openai/gpt-4o-mini`.")
    if not isinstance(item.get("model_info") or {}, dict):
        raise ConfigError(f"{where}: `model_info` must be a mapping.")
    checked: dict[str, Any] = _resolved(source, f"model_list[{index}] ({name})", item)
    _check_wildcard(where, name, checked["litellm_params"])
    return checked


def _check_wildcard(where: str, name: str, params: Mapping[str, Any]) -> None:
    """A wildcard must not let a caller choose the vendor that a configured key is sent to."""
    model = params["model"]
    if 0 < model.count("*") < name.count("*"):
        # LiteLLM then asks for the caller's own words, whatever vendor they name.
        raise ConfigError(f"{where}: `model_name` has more * than `litellm_params.model` ({model}). Give both as many.")
    bound = params.get("api_base") or params.get("base_url") or params.get("custom_llm_provider")
    if "*" in model.split("/", 1)[0] and not bound and any("key" in key or "token" in key for key in params):
        raise ConfigError(
            f"{where}: with `model: {model}` and a key, a caller could choose the vendor that gets the key. Write one "
            "wildcard for each vendor (`openai/*`), or take the key out: LiteLLM reads each vendor's own variable."
        )


def _resolved(source: Path, where: str, value: Any) -> Any:
    """``value`` with every ``os.environ/NAME`` in it replaced, at any depth."""
    if isinstance(value, Mapping):
        return {key: _resolved(source, f"{where}.{key}", item) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(source, f"{where}[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, str) and value.startswith(_ENV):
        variable = value.removeprefix(_ENV)
        if not os.environ.get(variable):
            raise ConfigError(
                f"{source}: {where}: the environment variable {variable} is not set. "
                f"Set it (export {variable}=…) or take the entry out."
            )
        return os.environ[variable]
    return value


def apply(settings: LiteLLMSettings) -> None:
    """Set litellm's globals from ``litellm_settings`` and name, once, what is not honoured.

    Imports litellm. Raises ConfigError for a custom handler that cannot be imported.
    """
    import litellm

    ignored = list(settings.not_honoured)
    for key, value in settings.litellm_settings.items():
        if key in _ENGINES:
            continue
        if key == "custom_provider_map":
            _set_custom_providers(settings.path, value)
        elif key == "request_timeout":
            litellm.request_timeout = _seconds(settings.path, value)
            # Tells the Router that the value is meant, not litellm's default.
            litellm.request_timeout_explicitly_set = True
        elif hasattr(litellm, key) and not isinstance(getattr(litellm, key), FunctionType | ModuleType | type):
            setattr(litellm, key, value)
        else:
            ignored.append(f"litellm_settings.{key}")
    ignored += [f"router_settings.{key}" for key in settings.router_settings if key not in router_arguments()]
    if ignored:
        logger.warning("%s: not honoured by the embedded router: %s.", settings.path, ", ".join(ignored))


def _seconds(source: Path, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ConfigError(
            f"{source}: litellm_settings.request_timeout must be a number of seconds, not {value!r}."
        ) from None


def router_arguments() -> frozenset[str]:
    """The ``router_settings`` that LiteLLM's Router takes."""
    from litellm import Router

    return frozenset(Router.get_valid_args()) - {"model_list"}


def _set_custom_providers(source: Path, entries: object) -> None:
    """LiteLLM's ``custom_provider_map``: providers that are Python classes."""
    import litellm
    from litellm.proxy.types_utils.utils import get_instance_fn
    from litellm.types.llms.custom_llm import CustomLLMItem
    from litellm.utils import custom_llm_setup

    where = f"{source}: litellm_settings.custom_provider_map"
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: must be a list of `provider` and `custom_handler`.")
    items = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"provider", "custom_handler"} <= entry.keys():
            raise ConfigError(f"{where}: each entry needs `provider` and `custom_handler`.")
        try:
            handler = get_instance_fn(value=entry["custom_handler"], config_file_path=str(source))
        except Exception as exc:  # whatever the user's module raises while it is imported
            raise ConfigError(
                f"{where}: custom_handler '{entry['custom_handler']}' cannot be imported: {exc}. "
                "Give module.instance, from a module beside the config file or on the Python path."
            ) from None
        items.append(CustomLLMItem(provider=entry["provider"], custom_handler=handler))
    litellm.custom_provider_map = items
    custom_llm_setup()
