"""The models that the stack would have, and the capabilities that want one."""

from __future__ import annotations

import os

from ... import catalog, settings
from ...config import ProxySettings
from ..guards import guard_among
from ..logs import heard
from .finding import Finding


async def models_of(
    reading: settings.Reading | None, proxy: ProxySettings | None
) -> tuple[catalog.Catalog | None, list[Finding]]:
    """The models of a proxy and of a config, as far as there are both, and what is wrong with them; None for neither.

    Imports litellm for a config. Raises ConfigError for one that LiteLLM refuses, and for a proxy that contradicts
    itself.
    """
    theirs = ours = None
    with heard(catalog.__name__) as told:
        if proxy is not None:
            from ...engines.proxy import ProxyEngine

            theirs = await ProxyEngine(proxy).catalog()
        if reading is not None and not reading.problems.errors:
            from ...engines.router import RouterEngine

            ours = await RouterEngine(reading.settings).catalog()
    mend = "Take it out, or correct its `model_info.mode`."
    found = [Finding.of_words("models", "warning", text, mend) for text in told]
    if theirs is None or ours is None:
        return theirs or ours, found
    return catalog.together(theirs, ours), [*found, *_failover(theirs, ours)]


def _failover(theirs: catalog.Catalog, ours: catalog.Catalog) -> list[Finding]:
    """Which of the proxy's models the config cannot stand in for."""
    found = []
    both = {name: (entry, ours.resolve(name)) for name, entry in theirs.entries.items() if not entry.is_wildcard}
    if alone := [name for name, (_, here) in both.items() if here is None]:
        what = f"Only the proxy has {', '.join(alone)}: nothing can stand in while it is away."
        found.append(Finding("models", "note", what, "Give the LiteLLM config of the stack models of these names too."))
    for name, (entry, here) in both.items():
        if here is not None and here.dimension != entry.dimension:
            what = f"'{name}' has vectors of {entry.dimension} numbers at the proxy, and of {here.dimension} here."
            found.append(Finding("models", "warning", what, "Give the same model under this name in both."))
    return found


def check(models: catalog.Catalog) -> list[Finding]:
    """What cannot work with these models."""
    entries = models.entries.values()
    if models.away is not None:
        return [Finding.of_words("models", "warning", str(models.away), "")]
    if not entries:
        return [Finding("models", "warning", "There is no model.", f"Add one to {models.where}.")]
    kinds = {entry.type for entry in entries}
    counts = ", ".join(f"{sum(entry.type == kind for entry in entries)} {kind}" for kind in sorted(kinds))
    found = [Finding("models", "ok", f"Models by type: {counts}.")]
    if "llm" not in kinds:
        mend = f"Add a chat model to {models.where}."
        found.append(Finding("models", "warning", "There is no chat model: agents will not work.", mend))
    if "embedding" not in kinds:
        mend = f"Add one to {models.where}, with `model_info: {{mode: embedding, output_vector_size: <N>}}`."
        found.append(Finding("models", "warning", "There is no embedding model: RAG will not work.", mend))
    return found + _guard(models)


def _guard(models: catalog.Catalog) -> list[Finding]:
    if named := os.environ.get("SAFETY_MODEL"):
        if models.resolve(named.removeprefix("litellm/")) is not None:
            return []
        mend = "Set it to litellm/<model_name> of a guard model, or unset it."
        return [Finding("models", "warning", f"SAFETY_MODEL is {named}, which is no model here.", mend)]
    pairs = ((entry.name, vendors) for entry in models.entries.values() for vendors in entry.deployments)
    if guard_among(pairs) is not None:
        return []
    mend = (
        f"Add a model whose name holds 'guard' to {models.where}, or set SAFETY_MODEL to litellm/<model_name> of one."
    )
    return [Finding("models", "warning", "There is no guard model: there will be no shield.", mend)]
