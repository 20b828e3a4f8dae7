"""Which models there are: name, type, vector size, window and price.

What the LiteLLM config says in ``model_info`` comes first, then LiteLLM's own registry. The catalogue
also answers which names a wildcard deployment (``anthropic/*``) serves.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Literal

from .errors import ConfigError, ModelNotFound, ModelsUnknown, ProxyGone, RequestError

logger = logging.getLogger(__name__)

ModelType = Literal["llm", "embedding", "rerank"]
# LiteLLM's model_info (config) or registry entry of a vendor's model name; empty for an unknown one.
Registry = Callable[[str], Mapping[str, Any]]

# LiteLLM's `mode` → what Llama Stack can serve. A mode that is missing here (image_generation,
# audio_transcription …) has no place in its inference API.
_TYPES: dict[str, ModelType] = {
    "chat": "llm",
    "completion": "llm",
    "responses": "llm",
    "embedding": "embedding",
    "rerank": "rerank",
}


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One name under which models can be asked.

    ``dimension`` is the vector size of an embedding model, ``context_length`` the longest prompt in
    tokens, prices are USD per token; None where nobody says.
    """

    name: str
    type: ModelType
    deployments: tuple[str, ...]
    dimension: int | None = None
    context_length: int | None = None
    input_cost: float | None = None
    output_cost: float | None = None

    @property
    def is_wildcard(self) -> bool:
        """Whether the name is a pattern such as ``anthropic/*``."""
        return "*" in self.name


@dataclass(frozen=True)
class Catalog:
    """The models of one LiteLLM config, or of a LiteLLM Proxy.

    ``hidden`` are aliases that work and are in no list, ``unmeasured`` the embedding models that are left out because
    nobody states their vector size. ``where`` names what the models come from; ``away`` says why nobody knows them yet.
    """

    entries: Mapping[str, ModelEntry]
    groups: Mapping[str, list[Mapping[str, Any]]]
    registry: Registry
    hidden: Mapping[str, ModelEntry] = field(default_factory=dict)
    unmeasured: frozenset[str] = frozenset()
    where: str = "the LiteLLM config"
    away: RequestError | None = None

    def resolve(self, name: str) -> ModelEntry | None:
        """The entry that serves ``name``: a listed model, or one that a wildcard matches.

        Of several wildcards the most specific wins, as in LiteLLM's Router.
        """
        if (entry := self.entries.get(name) or self.hidden.get(name)) is not None:
            return None if entry.is_wildcard else entry
        return self._matched(name) if self._patterns else None

    def suggestions(self, name: str) -> list[str]:
        """Up to three listed names that look like ``name``."""
        return difflib.get_close_matches(name, list(self.entries), n=3, cutoff=0.5)

    def not_found(self, name: str, *, suggest: bool = True) -> RequestError:
        """The error for a name that nothing here serves, with the names that come near."""
        if self.away is not None:
            kind = ModelsUnknown if isinstance(self.away, ProxyGone) else type(self.away)
            return kind(f"Model '{name}' cannot be looked up. {self.away}", model=name)
        near = self.suggestions(name) if suggest else []
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return ModelNotFound(
            f"Model '{name}' is not in {self.where}.{hint} `llama-stack-litellm models` shows what is.",
            model=name,
        )

    @cached_property
    def _patterns(self) -> list[tuple[ModelEntry, re.Pattern[str]]]:
        wildcards = [entry for entry in self.entries.values() if entry.is_wildcard]
        # Longest literal part first.
        wildcards.sort(key=lambda entry: len(entry.name.replace("*", "")), reverse=True)
        return [(entry, re.compile(re.escape(entry.name).replace(r"\*", "(.*)"), re.S)) for entry in wildcards]

    def deployments(self, name: str) -> list[Mapping[str, Any]]:
        """The entries of ``model_list`` that serve ``name``, a wildcard's with the name put in."""
        return self.groups.get(name) or self._group(name)

    def check_dimensions(self, before: Catalog) -> None:
        """Raise ConfigError when an embedding model has another vector size than ``before``: the vectors that
        stores hold could not be compared with its new ones."""
        for name, entry in self.entries.items():
            old = before.entries.get(name)
            if old and old.dimension and entry.dimension and old.dimension != entry.dimension:
                raise ConfigError(
                    f"model_list: embedding model '{name}' gave vectors of {old.dimension} numbers and would give "
                    f"{entry.dimension}: what is stored could not be found with it any more. Give the new model a "
                    "`model_name` of its own."
                )

    @cached_property
    def _matched(self) -> Callable[[str], ModelEntry | None]:
        # Bounded: the names come from callers.
        return lru_cache(maxsize=1024)(self._match)

    def _match(self, name: str) -> ModelEntry | None:
        group = self._group(name)
        return _entry(name, group, self.registry) if group else None

    def _group(self, name: str) -> list[Mapping[str, Any]]:
        # Some of LiteLLM's vendors (huggingface, oobabooga) take a URL for a model's name, and would send the
        # configured key there.
        if "://" in name or any(char.isspace() for char in name):
            return []
        for wildcard, pattern in self._patterns:
            if match := pattern.fullmatch(name):
                return [_filled(deployment, match.groups()) for deployment in self.groups[wildcard.name]]
        return []


def build(
    model_list: Iterable[Mapping[str, Any]],
    registry: Registry,
    aliases: object = None,
    *,
    measured: Mapping[str, int] = MappingProxyType({}),
    where: str = Catalog.where,
    lenient: bool = False,
) -> Catalog:
    """The catalogue of a config's ``model_list``, with ``router_settings.model_group_alias``.

    ``measured`` are vector sizes, by model name, for embedding models of which nobody states it.
    A model that cannot be served (an embedding model of unknown vector size, an image model), or an alias of
    one, is left out with a warning that says how to change that. Raises ConfigError when deployments of one
    name are of different types or vector sizes, and for aliases that cannot be read. ``lenient`` leaves out such
    models too, and whatever else cannot be read: a proxy's config is not for us to refuse.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for deployment in model_list:
        groups.setdefault(deployment["model_name"], []).append(deployment)
    entries, unmeasured = {}, []
    for name, group in groups.items():
        try:
            entry = _entry(name, group, registry)
        except (ConfigError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
            if not lenient:
                raise
            logger.warning("Model '%s' is left out: %s", name, exc if isinstance(exc, ConfigError) else repr(exc))
            continue
        if entry is not None and entry.type == "embedding" and entry.dimension is None:
            entry = replace(entry, dimension=measured.get(name))
        if entry is None:
            logger.warning("Model '%s' is left out: Llama Stack's inference API has no place for its mode.", name)
        elif entry.type == "embedding" and entry.dimension is None and not entry.is_wildcard:
            unmeasured.append(name)
            logger.warning(
                "Embedding model '%s' is left out: its vector size is unknown. Add to its entry in %s: "
                "`model_info: {mode: embedding, output_vector_size: <N>}`, or set `probe_dimensions: true` in the "
                "provider's config.",
                *(name, where),
            )
        else:
            entries[name] = entry
    models = Catalog(entries=entries, groups=groups, registry=registry, unmeasured=frozenset(unmeasured), where=where)
    return _with_aliases(models, aliases)


def _with_aliases(models: Catalog, aliases: object) -> Catalog:
    """``models`` with the aliases; as in LiteLLM's Router an alias goes before a model of its name, and is none of
    another alias."""
    entries, groups = dict(models.entries), dict(models.groups)
    hidden: dict[str, ModelEntry] = {}
    for alias, target, is_hidden in _read_aliases(aliases):
        group = models.deployments(target) if models.resolve(target) else []
        entry = _entry(alias, group, models.registry) if group and "*" not in alias else None
        if entry is None or (entry.type == "embedding" and entry.dimension is None):
            logger.warning("Alias '%s' is left out: the config has no model '%s' that can be served.", alias, target)
            continue
        groups[alias] = group
        (hidden if is_hidden and alias not in entries else entries)[alias] = entry
    return replace(models, entries=entries, groups=groups, hidden=hidden)


def together(first: Catalog, second: Catalog) -> Catalog:
    """Both: of a name that both have, the entry of ``first``."""
    return Catalog(
        entries={**second.entries, **first.entries},
        groups={**second.groups, **first.groups},
        registry=lambda upstream: first.registry(upstream) or second.registry(upstream),
        hidden={**second.hidden, **first.hidden},
        unmeasured=first.unmeasured | second.unmeasured,
        where=f"{first.where} or {second.where}",
        away=first.away,
    )


def _read_aliases(aliases: object) -> Iterator[tuple[str, str, bool]]:
    """Alias, model and whether it is hidden, of LiteLLM's ``alias: model`` and ``alias: {model: …, hidden: …}``."""
    where = "router_settings.model_group_alias"
    if not isinstance(aliases or {}, Mapping):
        raise ConfigError(f"{where}: must be a mapping of aliases to names of `model_list`.")
    for alias, value in (aliases or {}).items():  # type: ignore[attr-defined]
        said = value if isinstance(value, Mapping) else {"model": value}
        if not isinstance(said.get("model"), str):
            raise ConfigError(f"{where}: '{alias}': must be a name of `model_list`, or a mapping with one as `model`.")
        yield str(alias), said["model"], said.get("hidden") is True


def _filled(deployment: Mapping[str, Any], parts: Iterable[str]) -> Mapping[str, Any]:
    """A wildcard's deployment with what its pattern matched put into the vendor's model name."""
    params = deployment["litellm_params"]
    upstream = params["model"]
    for part in parts:
        upstream = upstream.replace("*", part, 1)
    return {**deployment, "litellm_params": {**params, "model": upstream}}


def _entry(name: str, group: list[Mapping[str, Any]], registry: Registry) -> ModelEntry | None:
    upstreams = tuple(deployment["litellm_params"]["model"] for deployment in group)
    infos = [_info(name, deployment, registry) for deployment in group]
    modes = [_mode(upstream, info) for upstream, info in zip(upstreams, infos, strict=True)]
    kinds = {_TYPES.get(mode) for mode in modes}
    if len(kinds) > 1:
        raise ConfigError(
            f"model_list: the deployments of '{name}' are of different types: "
            + ", ".join(f"{upstream} is {mode}" for upstream, mode in zip(upstreams, modes, strict=True))
            + ". Give them different `model_name`s, or correct `model_info.mode`."
        )
    kind = kinds.pop()
    if kind is None:
        return None
    windows = [info["max_input_tokens"] for info in infos if info.get("max_input_tokens")]
    return ModelEntry(
        name=name,
        type=kind,
        deployments=upstreams,
        dimension=_same_dimension(name, infos) if kind == "embedding" else None,
        context_length=min(windows) if windows else None,
        input_cost=infos[0].get("input_cost_per_token"),
        output_cost=infos[0].get("output_cost_per_token"),
    )


def _info(name: str, deployment: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """``model_info`` of the config over what LiteLLM knows of the vendor's model."""
    stated = {key: value for key, value in (deployment.get("model_info") or {}).items() if value is not None}
    for size in stated.keys() & {"output_vector_size", "max_input_tokens"}:
        try:
            stated[size] = int(stated[size])
        except (TypeError, ValueError):
            raise ConfigError(f"model_list: '{name}': `model_info.{size}` must be a whole number.") from None
    known = registry(stated.get("base_model") or deployment["litellm_params"]["model"])
    info = {**known, **stated}
    # `dimensions` among the params shortens every vector that the deployment returns.
    dimensions = deployment["litellm_params"].get("dimensions")
    if dimensions and not stated.get("output_vector_size"):
        info["output_vector_size"] = dimensions
    if "mode" not in stated and stated.get("output_vector_size"):
        info["mode"] = "embedding"
    return info


def _mode(upstream: str, info: Mapping[str, Any]) -> str:
    if mode := info.get("mode"):
        return str(mode)
    # Local servers' models are in no registry; their names follow a custom.
    lowered = upstream.lower()
    if "rerank" in lowered:
        return "rerank"
    return "embedding" if "embed" in lowered else "chat"


def _same_dimension(name: str, infos: list[dict[str, Any]]) -> int | None:
    sizes = {int(info["output_vector_size"]) for info in infos if info.get("output_vector_size")}
    if len(sizes) > 1:
        raise ConfigError(
            f"model_list: the deployments of '{name}' give vectors of different sizes ({sorted(sizes)}). "
            "Vectors of one name must be comparable: give the deployments different `model_name`s."
        )
    return sizes.pop() if sizes else None
