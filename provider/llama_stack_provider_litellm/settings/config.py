"""What a LiteLLM config says, once it has been read, checked and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .problems import Problem


@dataclass(frozen=True, slots=True)
class LiteLLMSettings:
    """What a config file says, with every ``os.environ/…`` that is honoured resolved.

    ``files`` are the file itself and all that it includes. ``environment`` are its ``environment_variables``, which
    :func:`apply` sets. ``litellm_settings`` and ``router_settings`` hold every key of the file, honoured or not.
    ``globals`` are litellm's module attributes that other sections set (``callback_settings``, the URL guards of
    ``general_settings``). ``needs_proxy`` are the keys that do nothing without a LiteLLM Proxy, ``unknown`` those that
    LiteLLM's documents do not name, each with its place; ``warnings`` is what else deserves a look.
    """

    path: Path
    model_list: list[dict[str, Any]]
    router_settings: dict[str, Any] = field(default_factory=dict)
    litellm_settings: dict[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    credential_list: list[dict[str, Any]] = field(default_factory=list)
    vector_store_registry: list[dict[str, Any]] = field(default_factory=list)
    globals: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    needs_proxy: tuple[Problem, ...] = ()
    unknown: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    # Where the keys of litellm_settings stand, for what only applying them finds out.
    places: Mapping[str, Any] = field(default_factory=dict)

    def secrets(self) -> list[Any]:
        """The parts that hold secrets, for a :class:`redaction.Redactor`."""
        credentials = [entry.get("credential_values") for entry in self.credential_list]
        return [self.model_list, self.router_settings, self.litellm_settings, self.environment, credentials]
