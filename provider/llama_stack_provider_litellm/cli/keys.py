"""Whether a deployment has a key. The key itself is in nothing that is said here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MISSING = "missing: "


def key_of(params: Mapping[str, Any]) -> str:
    """Whether a deployment's ``litellm_params`` have a key, and where from. Imports litellm."""
    import litellm

    if params.get("api_key"):
        return "present"
    if params.get("litellm_credential_name"):
        return "credential"
    if any(params.get(name) for name in params if name.startswith(("aws_", "vertex_", "azure_"))):
        return "present"
    try:
        missing = litellm.validate_environment(params["model"], api_base=params.get("api_base"))["missing_keys"]
    except Exception:  # a vendor that LiteLLM cannot tell from the name
        return "not known"
    # An address is no key, and has a default.
    missing = [name for name in missing if not name.endswith(("_BASE", "_URL"))]
    return f"{_MISSING}{', '.join(missing)}" if missing else "present in the environment, or not needed"


def missing_key(params: Mapping[str, Any]) -> str:
    """The environment variables that a deployment without a key would take it from; empty for one that has a key."""
    # An `api_key` that is written and empty is an unset variable, which is an error already.
    found = key_of(params) if "api_key" not in params else ""
    return found.removeprefix(_MISSING) if found.startswith(_MISSING) else ""


def mend(missing: str) -> str:
    """What to do about it."""
    return f"set {missing}, or give it an `api_key`."
