"""A config's effect on this process: environment variables and litellm's module attributes.

:func:`apply` can be called again with another config; it then changes only what differs, and puts back what the
earlier config set and the new one does not. The environment is set before anything of the user's is imported.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from .config import LiteLLMSettings
from .handlers import SPECIAL
from .keys import Use, find
from .keys.litellm_settings import CACHE, CALLBACKS
from .problems import Place, Problem

logger = logging.getLogger(__name__)

# Of litellm's attributes, objects that no config can hold; LiteLLM would break on text in their place.
_OBJECTS = frozenset(
    {"client_session", "aclient_session", "secret_manager_client", "adapters", "in_memory_llm_clients_cache"}
    | {"credential_list", "vector_store_registry", "vector_store_index_registry", "callback_settings"}
)
# The Router's arguments that LiteLLM's proxy supplies from elsewhere; in a config it ignores them
# (litellm.constants.ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG).
_SUPPLIED = frozenset(
    {"model_list", "search_tools", "assistants_config", "router_general_settings", "ignore_invalid_deployments"}
    | {"fallback_access_check", "fallback_budget_check", "auto_router_capability_limit"}
)
_ABSENT: Any = object()

_applying = threading.Lock()
# What each name was before a config set it.
_variables: dict[str, Any] = {}
_attributes: dict[str, Any] = {}


def outside_environment() -> dict[str, str]:
    """The process's environment as it would be without the config that is applied."""
    environment = dict(os.environ)
    for name, before in list(_variables.items()):
        if before is _ABSENT:
            environment.pop(name, None)
        else:
            environment[name] = before
    return environment


def apply(settings: LiteLLMSettings) -> None:
    """Make ``settings`` the config of this process: its environment variables, litellm's globals.

    Imports litellm. What needs a LiteLLM Proxy, what nobody knows and what deserves a look is named in the log, in
    one warning each. Raises ConfigError, and leaves everything as it was, for a custom handler that cannot be
    imported and for values that LiteLLM refuses.
    """
    with _applying, _variables_set(settings.environment):
        _switch(_LITELLM, _attributes, _wanted(settings))
    for problem in settings.warnings:
        logger.warning("%s", problem)
    if settings.needs_proxy:
        logger.warning(
            "%s: these keys need a LiteLLM Proxy and do nothing here: %s. Serve your models from a LiteLLM Proxy to "
            "have them, or take them out.",
            settings.path,
            ", ".join(problem.key for problem in settings.needs_proxy),
        )
    if unknown := unknown_keys(settings):
        logger.warning("%s: unknown, and not honoured: %s.", settings.path, ", ".join(map(_named, unknown)))


@contextmanager
def environment_of(settings: LiteLLMSettings) -> Iterator[None]:
    """Set the environment that a config asks for, ahead of :func:`apply`; put it back when what follows fails."""
    with _applying, _variables_set(settings.environment):
        yield


def withdraw() -> None:
    """Put back what :func:`apply` set, as if no config had been applied."""
    with _applying:
        if _attributes:
            _switch(_LITELLM, _attributes, {})
        _switch(_ENVIRONMENT, _variables, {})


def unknown_keys(settings: LiteLLMSettings) -> list[Problem]:
    """The keys that neither LiteLLM's documents nor the installed litellm know. Imports litellm."""
    return [problem for problem in settings.unknown if not is_attribute(problem.key)]


def is_attribute(key: str) -> bool:
    """Whether a dotted ``litellm_settings.…`` names something that the installed litellm has and a config may set."""
    import litellm

    section, _, name = key.partition(".")
    if section != "litellm_settings" or name.startswith("_") or name in _OBJECTS:
        return False
    if not hasattr(litellm, name):
        return False
    return not isinstance(getattr(litellm, name), FunctionType | ModuleType | type)


def router_arguments() -> frozenset[str]:
    """The ``router_settings`` that LiteLLM's Router takes from a config."""
    from litellm import Router

    return frozenset(Router.get_valid_args()) - _SUPPLIED


def _named(problem: Problem) -> str:
    line = f"line {problem.place.line}" if problem.place.line else ""
    hint = problem.text.removeprefix("unknown").strip(" ()")
    inside = ", ".join(filter(None, (line, hint)))
    return f"{problem.key} ({inside})" if inside else problem.key


# What is to be set


def _wanted(settings: LiteLLMSettings) -> dict[str, Any]:
    """The attributes of litellm as ``settings`` want them. Raises ConfigError."""
    wanted: dict[str, Any] = {}
    for key, value in settings.litellm_settings.items():
        place = settings.places.get(key) or Place(settings.path)
        known = find("litellm_settings", key)
        if key in CACHE | CALLBACKS or (known is not None and known.use is not Use.HONOURED):
            continue
        if key in SPECIAL:
            wanted |= SPECIAL[key](value, settings.path, f"{place}: litellm_settings.{key}", _original)
        elif known is not None or is_attribute(f"litellm_settings.{key}"):
            # A copy: the Router appends to the fallbacks that it finds.
            wanted[key] = copy.deepcopy(value)
    wanted |= settings.globals
    if settings.credential_list:
        wanted["credential_list"] = _credentials(settings)
    if settings.vector_store_registry:
        wanted["vector_store_registry"] = _vector_stores(settings)
    return wanted


def _original(name: str) -> Any:
    """An attribute of litellm as it is without a config."""
    import litellm

    return _attributes.get(name, getattr(litellm, name, None))


def _credentials(settings: LiteLLMSettings) -> list[Any]:
    from litellm.models.credentials import CredentialItem

    return [CredentialItem.model_validate({**entry, "source": "config"}) for entry in settings.credential_list]


def _vector_stores(settings: LiteLLMSettings) -> Any:
    from litellm.vector_stores.vector_store_registry import VectorStoreRegistry

    # Without a list of its own the registry would share one with every other.
    registry = VectorStoreRegistry(vector_stores=[])
    registry.load_vector_stores_from_config(copy.deepcopy(settings.vector_store_registry))
    return registry


# Setting it, and taking it back


class _Attributes:
    """litellm's module attributes, to be read and set by name."""

    def get(self, name: str) -> Any:
        import litellm

        return getattr(litellm, name, _ABSENT)

    def put(self, name: str, value: Any) -> None:
        import litellm

        if value is not _ABSENT:
            setattr(litellm, name, value)
        elif name in vars(litellm):
            delattr(litellm, name)


class _Variables:
    """The environment, to be read and set by name."""

    def get(self, name: str) -> Any:
        return os.environ.get(name, _ABSENT)

    def put(self, name: str, value: Any) -> None:
        if value is _ABSENT:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


_LITELLM, _ENVIRONMENT = _Attributes(), _Variables()


def _switch(target: _Attributes | _Variables, before: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    """Give ``target`` what is ``wanted``, and what it had ``before`` under the other names that were set."""
    for name in [name for name in before if name not in wanted]:
        target.put(name, before.pop(name))
    for name, value in wanted.items():
        before.setdefault(name, target.get(name))
        target.put(name, value)


@contextmanager
def _variables_set(wanted: Mapping[str, str]) -> Iterator[None]:
    """Sets the environment, and puts it back when what follows fails."""
    earlier = {name: os.environ[name] for name in _variables if name in os.environ}
    _switch(_ENVIRONMENT, _variables, wanted)
    try:
        yield
    except BaseException:
        _switch(_ENVIRONMENT, _variables, earlier)
        raise
