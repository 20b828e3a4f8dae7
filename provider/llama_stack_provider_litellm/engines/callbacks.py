"""LiteLLM's callbacks: who is told of each call, as ``litellm_settings`` says.

``callbacks``, ``success_callback`` and ``failure_callback`` hold names that LiteLLM knows (``langfuse``) and
dotted ones of the user's own loggers, in a module beside the config file or on the Python path, as for
LiteLLM Proxy (https://docs.litellm.ai/docs/proxy/logging).
"""

from __future__ import annotations

import difflib
import importlib.util
import logging
import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..settings.handlers import instance
from ..settings.keys.litellm_settings import CALLBACKS

logger = logging.getLogger(__name__)

KEYS = tuple(sorted(CALLBACKS))
"""The keys of ``litellm_settings`` that are honoured here."""
LISTS = (*KEYS, "input_callback", "_async_input_callback", "_async_success_callback", "_async_failure_callback")
"""litellm's global lists of who is told of calls; its first call copies them from ``callbacks`` into the others."""

# Names that LiteLLM makes clients for at its first call, beside its known loggers.
_CLIENTS = frozenset(
    {"athina", "datadog", "dynamodb", "greenscale", "helicone", "langfuse", "logfire", "lunary", "openmeter"}
    | {"promptlayer", "s3", "sentry", "slack", "supabase", "traceloop", "wandb"}
)
# Guards that look at a request before it is sent: only LiteLLM Proxy asks them.
_PROXY_ONLY = frozenset(
    {"aporia_prompt_injection", "azure_content_safety", "banned_keywords", "batch_redis_requests"}
    | {"blocked_user_check", "detect_prompt_injection", "google_text_moderation", "hide_secrets"}
    | {"lakera_prompt_injection", "llamaguard_moderations", "llmguard_moderations", "openai_moderations", "presidio"}
    | {"dynamic_rate_limiter", "dynamic_rate_limiter_v3", "resend_email", "sendgrid_email", "smtp_email"}
    | {"vector_store_pre_call_hook", "websearch_interception"}
)
# What a name needs beside litellm: LiteLLM says so amid the first request only, or installs it then.
_PACKAGES = {
    "agentops": "agentops",
    "dynamodb": "boto3",
    "langfuse": "langfuse",
    "lunary": "lunary",
    "mlflow": "mlflow",
    "prometheus": "prometheus_client",
    "sentry": "sentry_sdk",
    "slack": "slack_bolt",
    "traceloop": "traceloop",
    "wandb": "wandb",
}
_COLOURS = re.compile(r"\x1b\[\d*m")


class Callbacks:
    """The callbacks of one config, ready to be put into litellm's lists."""

    def __init__(self, litellm_settings: Mapping[str, Any], source: Path) -> None:
        """Import what is the user's. Imports litellm. Raises ConfigError, with file and key, for what cannot be
        used; names in a warning what only a LiteLLM Proxy asks."""
        self._lists = {key: [*_found(litellm_settings.get(key), key, source)] for key in KEYS}

    def install(self, before: Callbacks | None = None) -> None:
        """Let litellm tell them of every call from now on. Functions and loggers that ``before`` has too are left where
        litellm has put them meanwhile: a call that is under way looks there."""
        import litellm

        for key, items in self._lists.items():
            getattr(litellm, key).extend(item for item in items if before is None or not self._stays(item, before))

    def _stays(self, item: Any, other: Callbacks) -> bool:
        """Whether both have it, and under the same keys."""
        keys = self._keys(item)
        return not isinstance(item, str) and bool(keys) and keys == other._keys(item)

    def _keys(self, item: Any) -> set[str]:
        return {key for key, items in self._lists.items() if any(item is mine for mine in items)}

    def _names(self) -> set[str]:
        return {item for items in self._lists.values() for item in items if isinstance(item, str)}

    def remove(self, successor: Callbacks | None = None) -> None:
        """Let litellm forget them, and the loggers that it has made for their names, unless a successor has them."""
        import litellm
        from litellm.litellm_core_utils import litellm_logging

        mine = {
            id(item)
            for items in self._lists.values()
            for item in items
            if successor is None or not successor._stays(item, self)
        }
        if successor is None or successor._names() != self._names():
            # Which of them is for which name LiteLLM alone knows; it makes those that are still wanted again.
            mine |= {id(item) for item in litellm_logging._in_memory_loggers}
            litellm_logging._in_memory_loggers.clear()
        forget(mine)
        # Its note of which clients it has made: with it, new names would get none.
        litellm.utils.callback_list = []

    def check(self) -> None:
        """Make the clients that LiteLLM would make amid the first request. Raises ConfigError in its words."""
        from litellm.litellm_core_utils.litellm_logging import set_callbacks

        for key, items in self._lists.items():
            for name in (item for item in items if isinstance(item, str)):
                try:
                    set_callbacks([name])
                except Exception as exc:  # whatever the integration raises
                    words = _COLOURS.sub("", str(exc) or repr(exc)).strip()
                    raise ConfigError(f"litellm_settings.{key}: '{name}' cannot be used: {words}") from None


def forget(ids: Container[int]) -> None:
    """Take callbacks out of all of litellm's lists, by identity: they need not be hashable."""
    import litellm

    for name in LISTS:
        found = getattr(litellm, name)
        found[:] = [item for item in found if id(item) not in ids]


def _found(value: object, key: str, source: Path) -> Iterable[Any]:
    where = f"{source}: litellm_settings.{key}"
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{where}: must be a list of names, such as `langfuse` or `my_module.my_logger`.")
    for name in names:
        if name in _PROXY_ONLY:
            logger.warning("%s: '%s' is asked by a LiteLLM Proxy alone, before it sends a request.", where, name)
        elif name in _known():
            package = _PACKAGES.get(name)
            if package and importlib.util.find_spec(package) is None:
                raise ConfigError(f"{where}: '{name}' needs a package that is missing: pip install {package}.")
            yield name
        elif "." in name:
            yield instance(name, source, where, "callback")
        else:
            near = difflib.get_close_matches(name, _known(), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"{where}: LiteLLM knows no callback '{name}'.{hint} A logger of yours has a dotted name."
            )


def _known() -> frozenset[str]:
    import litellm

    return _CLIENTS.union(litellm._known_custom_logger_compatible_callbacks)
