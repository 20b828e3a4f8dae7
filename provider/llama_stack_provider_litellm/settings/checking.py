"""Checks of the values in a config: shapes, numbers, names out of a fixed set.

What LiteLLM takes and serves is never refused. Numbers may stand as text (``"30"``), as an ``os.environ/NAME`` gives
them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .keys import CACHE_TYPES, ROUTING_STRATEGIES, near
from .problems import Path_, Problems, dotted
from .reading import Document, as_mapping

_COUNTS = frozenset(
    {"num_retries", "num_retries_per_request", "max_retries", "max_fallbacks", "allowed_fails", "max_parallel_requests"}
    | {"default_max_parallel_requests"}
)
_SECONDS = frozenset(
    {"timeout", "stream_timeout", "request_timeout", "cooldown_time", "retry_after", "polling_interval", "client_ttl"}
    | {"deployment_affinity_ttl_seconds"}
)
_LIMITS = frozenset({"rpm", "tpm", "itpm", "otpm"})
_BUDGETS = frozenset({"max_budget", "budget_limit"})
_POLICIES = frozenset({"retry_policy", "allowed_fails_policy"})
_OFTEN_MISSPELT = frozenset(
    {"api_key", "api_base", "api_version", "base_url", "custom_llm_provider", "litellm_credential_name", "timeout"}
    | {"stream_timeout", "max_retries", "max_budget", "budget_duration", "drop_params"}
)
_SECTIONS_WITH_NUMBERS = ("router_settings", "litellm_settings")


class Checker:
    """Takes down what is wrong in one config.

    ``names`` are how the entries of its lists are called, in what is said about them.
    """

    def __init__(self, document: Document, problems: Problems, names: Mapping[Path_, str]) -> None:
        self._document = document
        self._problems = problems
        self._names = names

    def error(self, path: Path_, text: str) -> None:
        """An error at ``path``, the way to what is wrong."""
        self._problems.error(self._document.place(*path), dotted(path, self._names), text)

    def warn(self, path: Path_, text: str) -> None:
        """A warning at ``path``."""
        self._problems.warn(self._document.place(*path), dotted(path, self._names), text)

    # Numbers

    def numbers(self, value: Any, path: Path_) -> Any:
        """``value``, a mapping of settings, with its numbers as numbers. A wrong one is an error."""
        if not isinstance(value, Mapping):
            return value
        return {key: self._number(key, item, (*path, key)) for key, item in value.items()}

    def _number(self, key: Any, value: Any, path: Path_) -> Any:
        if value is None:
            return value
        if key in _COUNTS:
            return self._count(value, path, "must be a whole number, 0 or more")
        if key in _SECONDS:
            return self._amount(value, path, "must be a number of seconds, 0 or more")
        if key in _POLICIES and path[0] in _SECTIONS_WITH_NUMBERS:
            return self._policy(value, path)
        if key == "model_group_retry_policy" and isinstance(value, Mapping):
            return {model: self._policy(policy, (*path, model)) for model, policy in value.items()}
        if key == "provider_budget_config":
            return self._budgets(value, path)
        if path[0] == "model_list" and key in _LIMITS:
            return self._positive(self._count(value, path, "must be a whole number, more than 0"), path)
        if path[0] == "model_list" and key in _BUDGETS:
            return self._positive(self._amount(value, path, "must be a number of USD, more than 0"), path)
        return value

    def _policy(self, value: Any, path: Path_) -> Any:
        if not isinstance(value, Mapping):
            self.error(path, "must be a mapping of kinds of errors and numbers. Write `TimeoutErrorRetries: 3`.")
            return value
        wanted = "must be a whole number, 0 or more"
        return {key: item if item is None else self._count(item, (*path, key), wanted) for key, item in value.items()}

    def _budgets(self, value: Any, path: Path_) -> Any:
        if not isinstance(value, Mapping) or not all(isinstance(item, Mapping) for item in value.values()):
            self.error(path, "must be a mapping of vendors. Write `openai: {budget_limit: 5, time_period: 1d}`.")
            return value
        wanted = "must be a number of USD, more than 0"
        return {
            vendor: {
                key: self._positive(self._amount(item, (*path, vendor, key), wanted), (*path, vendor, key))
                if key in _BUDGETS and item is not None
                else item
                for key, item in budget.items()
            }
            for vendor, budget in value.items()
        }

    def _amount(self, value: Any, path: Path_, wanted: str) -> Any:
        number = _number(value)
        if number is None or number < 0:
            self.error(path, f"{wanted}, not {_shown(value)}. Correct it or take it out.")
            return value
        return number if isinstance(value, str) else value

    def _count(self, value: Any, path: Path_, wanted: str) -> Any:
        number = self._amount(value, path, wanted)
        if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            return value
        if not math.isfinite(number) or number != int(number):
            self.error(path, f"{wanted}, not {_shown(value)}. Correct it or take it out.")
            return value
        return int(number)

    def _positive(self, value: Any, path: Path_) -> Any:
        # LiteLLM's default strategy serves such a deployment; others never choose it.
        if value == 0 and not isinstance(value, bool):
            self.warn(path, "0 lets nothing through, where LiteLLM counts it. Give a number above 0, or take it out.")
        return value

    # Names and shapes

    def deployment(self, item: Mapping[str, Any], path: Path_) -> None:
        """Check what stands in one entry of ``model_list`` besides its numbers."""
        params, below = item["litellm_params"], (*path, "litellm_params")
        tags = params.get("tags")
        if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
            self.error((*below, "tags"), "must be a list of texts. Write `tags: [free, eu]`.")
        for key in params:
            # Any key may be a parameter of the vendor's: only what looks misspelt is worth a word.
            if key not in _OFTEN_MISSPELT and (hint := near(str(key), _OFTEN_MISSPELT, cutoff=0.87)):
                self.warn((*below, key), f"is passed on to the vendor as it is{hint}. Correct it if it is misspelt.")

    def wildcard(self, name: str, params: Mapping[str, Any], path: Path_) -> None:
        """A wildcard must not let a caller choose the vendor that a configured key is sent to."""
        model = params["model"]
        if 0 < model.count("*") < name.count("*"):
            # LiteLLM then asks for the caller's own words, whatever vendor they name.
            self.error(path, f"`model_name` has more * than `litellm_params.model` ({model}). Give both as many.")
        bound = params.get("api_base") or params.get("base_url") or params.get("custom_llm_provider")
        secret = any("key" in str(key) or "token" in str(key) for key in params)
        if "*" in model.split("/", 1)[0] and not bound and secret:
            self.error(
                path,
                f"with `model: {model}` and a key, a caller could choose the vendor that gets the key. Write one "
                "wildcard for each vendor (`openai/*`), or take the key out: LiteLLM reads each vendor's own variable.",
            )

    def choices(self, litellm_settings: Mapping[str, Any], router_settings: Mapping[str, Any]) -> None:
        """Check the values that LiteLLM takes out of a fixed set."""
        self._choice(router_settings, "routing_strategy", ("router_settings",), ROUTING_STRATEGIES)
        groups = router_settings.get("routing_groups")
        for index, group in enumerate(groups if isinstance(groups, list) else ()):
            path = ("router_settings", "routing_groups", index)
            self._choice(as_mapping(group), "routing_strategy", path, (*ROUTING_STRATEGIES, "priority"))
        if litellm_settings.get("cache") is True:
            parameters = as_mapping(litellm_settings.get("cache_params"))
            self._choice(parameters, "type", ("litellm_settings", "cache_params"), CACHE_TYPES)

    def _choice(self, mapping: Mapping[str, Any], key: str, path: Path_, known: tuple[str, ...]) -> None:
        value = mapping.get(key)
        if value is not None and value not in known:
            hint = near(value, known) if isinstance(value, str) else ""
            self.error((*path, key), f"{_shown(value)} is not known{hint}. Choose one of {', '.join(known)}.")

    def credentials(self, entries: list[Any]) -> list[dict[str, Any]]:
        """The usable entries of ``credential_list``; the others are errors."""
        usable = []
        for index, entry in enumerate(entries):
            name = as_mapping(entry).get("credential_name")
            if not isinstance(name, str) or not name:
                self.error(("credential_list", index), "`credential_name` is missing. Give the credential a name.")
            elif not isinstance(entry.get("credential_values"), Mapping):
                self.error(("credential_list", index), "`credential_values` is missing. Add for example `api_key: …`.")
            elif not isinstance(entry.get("credential_info"), Mapping):
                self.error(("credential_list", index), "`credential_info` is missing. LiteLLM wants one: `{}` will do.")
            else:
                usable.append(dict(entry))
        return usable

    def vector_stores(self, entries: list[Any]) -> list[dict[str, Any]]:
        """The usable entries of ``vector_store_registry``; the others are errors."""
        usable = []
        for index, entry in enumerate(entries):
            params = as_mapping(as_mapping(entry).get("litellm_params"))
            missing = [key for key in ("vector_store_id", "custom_llm_provider") if params.get(key) is None]
            if missing:
                path = ("vector_store_registry", index)
                self.error(path, f"`litellm_params.{missing[0]}` is missing. LiteLLM needs it.")
            else:
                usable.append(dict(entry))
        return usable


def _number(value: Any) -> float | int | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if math.isnan(number):
        return None
    return int(number) if math.isfinite(number) and number == int(number) else number


def _shown(value: Any) -> str:
    """A value in an error: short, and never a whole mapping, in which there may be keys."""
    if isinstance(value, Mapping | list):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
