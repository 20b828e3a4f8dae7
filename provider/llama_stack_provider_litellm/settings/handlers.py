"""The ``litellm_settings`` that take more than setting an attribute: Python objects, flags, LiteLLM's own classes.

Each function gives the attributes of litellm to set, and raises ConfigError for a value that LiteLLM refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError

logger = logging.getLogger(__name__)

_Original = Callable[[str], Any]


def _custom_providers(entries: object, source: Path, where: str, original: _Original) -> dict[str, Any]:
    """Providers that are Python classes, as litellm.utils.custom_llm_setup makes them known."""
    from litellm.types.llms.custom_llm import CustomLLMItem

    if not isinstance(entries, list):
        raise ConfigError(f"{where}: must be a list of `provider` and `custom_handler`.")
    items = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"provider", "custom_handler"} <= entry.keys():
            raise ConfigError(f"{where}: each entry needs `provider` and `custom_handler`.")
        handler = instance(entry["custom_handler"], source, where, "custom_handler")
        items.append(CustomLLMItem(provider=entry["provider"], custom_handler=handler))
    names = [item["provider"] for item in items]
    return {
        "custom_provider_map": items,
        **{name: _joined(original(name) or [], names) for name in ("provider_list", "_custom_providers")},
    }


def _joined(present: list[Any], names: list[str]) -> list[Any]:
    return [*present, *(name for name in dict.fromkeys(names) if name not in present)]


def instance(value: object, source: Path, where: str, key: str) -> Any:
    """The Python object that a config names as ``module.instance``, from beside the config or the Python path.

    Raises ConfigError, beginning with ``where``, when it cannot be imported.
    """
    try:
        return _imported(str(value), str(source))
    except Exception as exc:  # whatever the user's module raises while it is imported
        raise ConfigError(
            f"{where}: {key} '{value}' cannot be imported: {exc}. "
            "Give module.instance, from a module beside the config file or on the Python path."
        ) from None


# Kept: a module that is imported at every reload would stay in memory every time.
@lru_cache(maxsize=256)
def _imported(name: str, source: str) -> Any:
    from litellm.proxy.types_utils.utils import get_instance_fn

    return get_instance_fn(value=name, config_file_path=source)


def _request_timeout(value: object, source: Path, where: str, original: _Original) -> dict[str, Any]:
    if value is None:
        return {}
    # The second tells the Router that the value is meant, not litellm's default.
    return {"request_timeout": float(value), "request_timeout_explicitly_set": True}  # type: ignore[arg-type]


def _drop_params(value: object, source: Path, where: str, original: _Original) -> dict[str, Any]:
    from litellm.litellm_core_utils.core_helpers import drop_params_flag

    # A text such as "off" would count as on.
    return {"drop_params": drop_params_flag(value, where, logger)}


def _rules(name: str) -> Callable[[object, Path, str, _Original], dict[str, Any]]:
    def wanted(value: object, source: Path, where: str, original: _Original) -> dict[str, Any]:
        # LiteLLM's proxy takes one function; litellm itself has a list of them.
        rules = value if isinstance(value, list) else [value]
        return {name: [instance(rule, source, where, "the rule") for rule in rules if rule is not None]}

    return wanted


SPECIAL: dict[str, Callable[[object, Path, str, _Original], dict[str, Any]]] = {
    "custom_provider_map": _custom_providers,
    "request_timeout": _request_timeout,
    "drop_params": _drop_params,
    "pre_call_rules": _rules("pre_call_rules"),
    "post_call_rules": _rules("post_call_rules"),
}
