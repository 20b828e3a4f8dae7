"""Checks of the names with which a config refers to its own models: fallbacks, aliases, wildcards, credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .checking import Checker
from .keys import near
from .problems import Path_
from .reading import as_mapping

_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


class References:
    """Knows the models of a config, and checks what refers to them.

    With ``elsewhere`` more models may stand in a proxy's database: an unknown one is then a warning.
    """

    def __init__(
        self,
        checker: Checker,
        model_list: Iterable[Mapping[str, Any]],
        router_settings: Mapping[str, Any],
        *,
        elsewhere: bool,
    ) -> None:
        self._checker = checker
        self._elsewhere = elsewhere
        self._models = list(model_list)
        self._names = {item["model_name"] for item in self._models}
        self._aliases = as_mapping(router_settings.get("model_group_alias"))
        groups = router_settings.get("routing_groups")
        # What else the Router takes for a model: a deployment by its id or its vendor's name, a group, an alias.
        self._known = self._names | set(self._aliases)
        for item in self._models:
            info = as_mapping(item.get("model_info"))
            self._known |= {str(info[key]) for key in ("id", "team_public_model_name") if info.get(key)}
            self._known.add(item["litellm_params"]["model"])
        self._known |= {str(as_mapping(group).get("group_name")) for group in groups or () if isinstance(groups, list)}
        wildcards = [name for name in self._names if "*" in name]
        self._patterns = [re.compile(re.escape(name).replace(r"\*", ".*"), re.S) for name in wildcards]

    def check(self, section: str, settings: Mapping[str, Any]) -> None:
        """Check the fallbacks of ``litellm_settings`` or ``router_settings``."""
        for kind in _FALLBACKS:
            self._chains(settings.get(kind), (section, kind))
        defaults = settings.get("default_fallbacks")
        if defaults is not None:
            self._targets(defaults, (section, "default_fallbacks"))

    def check_models(self, credentials: Iterable[Mapping[str, Any]]) -> None:
        """Check aliases, entries that nothing reaches, and what single deployments refer to."""
        self._check_aliases()
        self._check_unreachable()
        known = {credential["credential_name"] for credential in credentials}
        for index, item in enumerate(self._models):
            params, path = item["litellm_params"], ("model_list", index, "litellm_params")
            name = params.get("litellm_credential_name")
            if name is not None and name not in known:
                hint = near(str(name), known)
                self._checker.warn(
                    (*path, "litellm_credential_name"),
                    f"`credential_list` has no '{name}'{hint}: calls go without it. Add or correct it.",
                )
            for kind in _FALLBACKS:
                self._own_fallbacks(params.get(kind), (*path, kind))

    def _chains(self, value: Any, path: Path_) -> None:
        if value is None:
            return
        if not isinstance(value, list):
            self._checker.error(path, "must be a list. Write `- gpt: [claude]`.")
            return
        graph: dict[str, list[str]] = {}
        for index, item in enumerate(value):
            if not isinstance(item, Mapping) or len(item) != 1:
                self._checker.error((*path, index), "must be a mapping of one model. Write `gpt: [claude]`.")
                continue
            ((source, targets),) = item.items()
            below = (*path, index, source)
            if not self._is_source(str(source)):
                self._unknown(below, str(source))
            graph.setdefault(str(source), []).extend(self._targets(targets, below))
        self._cycle(graph, path)

    def _targets(self, value: Any, path: Path_) -> list[str]:
        if not isinstance(value, list):
            self._checker.error(path, "must be a list of models. Write `[claude]`.")
            return []
        found = []
        for index, target in enumerate(value):
            name = target.get("model") if isinstance(target, Mapping) else target
            if not isinstance(name, str):
                self._checker.error((*path, index), "must be the name of a model, or a mapping with `model`.")
                continue
            found.append(name)
            if not self._is_known(name):
                self._unknown((*path, index), name)
        return found

    def _own_fallbacks(self, value: Any, path: Path_) -> None:
        """Those of one deployment: LiteLLM's library follows them, which knows vendors' models alone."""
        for index, target in enumerate(value if isinstance(value, list) else ()):
            name = target.get("model") if isinstance(target, Mapping) else target
            if isinstance(name, str) and "/" not in name and name in self._names:
                self._checker.warn(
                    (*path, index),
                    f"a deployment's own fallbacks are vendors' models (`openai/gpt-4o-mini`), and '{name}' is a model "
                    f"of this config. Move it to `router_settings.{path[-1]}`.",
                )

    def _is_known(self, name: str) -> bool:
        return name in self._known or any(pattern.fullmatch(name) for pattern in self._patterns)

    def _is_source(self, name: str) -> bool:
        """Whether requests may be for ``name``, as LiteLLM looks up whose fallbacks to take."""
        if name == "*" or self._is_known(name) or name.rsplit("/", 1)[-1] in self._known:
            return True
        # `gpt-4o` is also whose fallbacks `openai/gpt-4o` takes, which `openai/*` serves.
        return any(known.endswith(f"/{name}") or ("/" in known and known.endswith("*")) for known in self._names)

    def _unknown(self, path: Path_, name: str) -> None:
        text = f"'{name}' is no model of this config{near(name, self._known)}. Add it to `model_list`, or correct it."
        if self._elsewhere:
            text += " If it stands in the proxy's database (`store_model_in_db`), it is not known here."
            self._checker.warn(path, text)
        else:
            self._checker.error(path, text)

    def _cycle(self, graph: Mapping[str, list[str]], path: Path_) -> None:
        # Common, and bounded by `max_fallbacks`: a request may ask the same model twice before it fails.
        for circle in _circles(graph):
            self._checker.warn(
                path,
                f"the fallbacks lead back to where they began: {' → '.join(circle)}. When all of them fail, a request "
                "asks them again until `max_fallbacks` (5) is reached. Take one step out to end it sooner.",
            )

    def _check_aliases(self) -> None:
        path: Path_ = ("router_settings", "model_group_alias")
        for alias, target in self._aliases.items():
            name = target.get("model") if isinstance(target, Mapping) else target
            if not isinstance(name, str):
                self._checker.error((*path, alias), "must be the name of a model, or a mapping with `model`.")
            elif isinstance(target, Mapping) and "hidden" not in target:
                self._checker.error((*path, alias), "`hidden` is missing. LiteLLM wants it: add `hidden: false`.")
            elif name not in self._names and (name in self._aliases or not self._is_known(name)):
                # LiteLLM follows one alias, and not that of another.
                self._unknown((*path, alias), name)
            if alias in self._names and name != alias:
                text = f"the alias is also a `model_name`, whose deployments no request reaches: all go to '{name}'."
                self._checker.warn((*path, alias), f"{text} Rename one of the two.")

    def _check_unreachable(self) -> None:
        # A name wins over a wildcard and a longer wildcard over a shorter one, so that only wildcards which match
        # the very same names hide one another.
        longest: dict[str, str] = {}
        for name in sorted(self._names):
            if "*" in name:
                same = re.sub(r"\*+", "*", name)
                longest[same] = max(name, longest.get(same, ""), key=len)
        for index, item in enumerate(self._models):
            name = item["model_name"]
            winner = longest.get(re.sub(r"\*+", "*", name), name)
            if winner != name:
                text = f"no request reaches this: '{winner}' matches the same names and wins. Take one of them out."
                self._checker.warn(("model_list", index), text)


def _circles(graph: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """One way round for each circle that the graph has, each told once."""
    done: set[str] = set()
    for start in graph:
        trail: list[str] = []
        steps = [iter([start])]
        while steps:
            name = next(steps[-1], None)
            if name is None:
                steps.pop()
                if trail:
                    done.add(trail.pop())
            elif name in trail:
                yield [*trail[trail.index(name) :], name]
            elif name not in done and name in graph:
                trail.append(name)
                steps.append(iter(graph[name]))
