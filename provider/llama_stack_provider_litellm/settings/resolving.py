"""``os.environ/NAME`` in a config, and the ``environment_variables`` that a config sets itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .problems import Path_, Problems, dotted
from .reading import Document, is_reference

_PREFIX = "os.environ/"
# What LiteLLM does not let a config change (ProxyConfig._BLOCKED_ENV_KEYS and its switch for local MCP servers).
_BLOCKED = frozenset(
    {"PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONPATH"}
    | {"PYTHONSTARTUP", "PYTHONHOME", "HOME", "USER", "SHELL", "LOGNAME", "NO_PROXY", "no_proxy"}
    | {"LITELLM_ENABLE_MCP_STDIO"}
)
# Pointers that LiteLLM follows itself at each use (litellm.types.router.holds_secret_pointer).
_POINTERS = "_ref"


class Resolver:
    """Puts the environment's values in the place of ``os.environ/NAME``.

    ``environment`` is the process's, with what the config sets on top. ``names`` say how list items are called.
    ``hint`` is added to the complaint about a variable that is not set.
    """

    def __init__(
        self, document: Document, problems: Problems, environment: Mapping[str, str], names: Mapping[Path_, str]
    ) -> None:
        self._document = document
        self._problems = problems
        self._environment = environment
        self._names = names
        manager = (document.data.get("general_settings") or {}) if isinstance(document.data, dict) else {}
        self._managed = isinstance(manager, Mapping) and bool(manager.get("key_management_system"))

    def __call__(self, value: Any, path: Path_, *, required: bool = True) -> Any:
        """``value`` with every reference in it replaced, at any depth; ``path`` is the way to it.

        A variable that is not set is an error when it is ``required``, and None as in LiteLLM's proxy when not.
        """
        if isinstance(value, Mapping):
            return {key: self(item, (*path, key), required=required) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item, (*path, index), required=required) for index, item in enumerate(value)]
        if not is_reference(value) or (path and str(path[-1]).endswith(_POINTERS)):
            return value
        variable = value.removeprefix(_PREFIX)
        found = self._environment.get(variable)
        if not found:
            if required:
                self._missing(variable, path)
            return None
        # As LiteLLM reads them: a switch must not be the text "false", which counts as on.
        return {"true": True, "false": False}.get(found.lower(), found)

    def _missing(self, variable: str, path: Path_) -> None:
        export = f"Set it (export {variable}=…) or take the entry out."
        if self._managed:
            export += " A secret manager (`general_settings.key_management_system`) is asked by a LiteLLM Proxy alone."
        self._problems.error(
            self._document.place(*path),
            dotted(path, self._names),
            f"the environment variable {variable} is not set. {export}",
        )


def declared_environment(document: Document, problems: Problems, outside: Mapping[str, str]) -> dict[str, str]:
    """The ``environment_variables`` of a config, as they are to be set; ``outside`` is the environment without them.

    A value may be the ``os.environ/NAME`` of another; one that is not set sets nothing, as in LiteLLM's proxy.
    """
    section = "environment_variables"
    declared: dict[str, str] = {}
    entries = document.data.get(section) or {}
    if not isinstance(entries, Mapping):
        problems.error(document.place(section), section, "must be a mapping of names and values.")
        return declared
    for name, value in entries.items():
        place, key = document.place(section, name), dotted((section, name))
        if not isinstance(name, str) or not name or "=" in name or "\0" in name or "\0" in str(value):
            problems.error(place, key, "is no name and value of an environment variable. Correct them.")
        elif name in _BLOCKED:
            problems.warn(place, key, "LiteLLM does not let a config set this variable. Set it outside.")
        elif isinstance(value, Mapping | list):
            problems.error(place, key, "must be one value, not a list or mapping.")
        elif is_reference(value):
            variable = value.removeprefix(_PREFIX)
            if found := declared.get(variable) or outside.get(variable):
                declared[name] = found
            else:
                problems.warn(place, key, f"sets nothing: the environment variable {variable} is not set. Set it.")
        elif value is not None:
            declared[name] = str(value)
    return declared
