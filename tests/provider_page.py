"""The provider's settings, and what comes with a request, as a page: made of the models that check them.

``python -m tests.provider_page`` writes docs/provider.md anew; a test keeps it as the models say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from llama_stack_provider_litellm.config import LiteLLMConfig, ProviderData
from tests.processes import ROOT

PAGE = ROOT / "docs" / "provider.md"
_RUN_CONFIG = ROOT / "run_configs" / "run.yaml"

HEAD = """# The provider's settings, and what comes with a request

This page is made by `make docs` from the models that check both, and a test keeps it so.

## Settings

They stand under `config:` of the provider `remote::litellm` in the run config. The shipped run configs take those that
have a variable from the environment. An unknown key, or a value that cannot be, ends the start with a sentence that
names it.

"""

DATA = """
## Who asks

Each request may say it, in the JSON of one header: `X-LlamaStack-Provider-Data`, on OGX `X-OGX-Provider-Data`. Only
keys that begin with `litellm_` are read here; all others belong to other providers. An unknown or mistyped one is a 400
that names it.

"""

WHERE = """
In the modes that have a LiteLLM Proxy these become the proxy's own: `litellm_api_key` takes the place of the stack's
key, for this request alone; `litellm_user` is the body's `user` (for embeddings and rerank `metadata.user_id`), the
tags are `x-litellm-tags`, all that is for accounting is `x-litellm-spend-logs-metadata`, the cache controls are the
body's `cache`.

Nothing of it reaches an MCP server, a vector store or another provider.

## Which headers of a caller can be seen

| server | header | authenticated user |
|---|---|---|
| llama-stack 0.2.24 | `X-LlamaStack-Provider-Data` | the principal that the server's `auth` has established |
| llama-stack 0.7.3 | `X-LlamaStack-Provider-Data` | the same |
| OGX 1.x | `X-OGX-Provider-Data` alone | the same |

Of a caller's other headers three are read, where the package looks into the server's own request: `x-request-id`, which
the usage records keep, and `traceparent` with `tracestate`, which go on to a LiteLLM Proxy, from an agent's and a
response's inner calls too. No other reaches a provider: not `Authorization`, nor any `x-litellm-…`. What the vendor or
the LiteLLM Proxy shall see has to stand in `litellm_headers`, and in `allowed_headers` of the settings; headers that
carry a key or choose a host can never be allowed.

llama-stack 0.7 and OGX also hand on the fields of a request's body that OpenAI's API does not have. `cache` is
`litellm_cache`; `top_k`, `min_p`, `repetition_penalty`, `guided_choice`, `prompt_logprobs`, `thinking` and `verbosity`
go to the vendor; one that could lead a call or a key elsewhere (`api_base`, `headers`, `mock_response` …) is a 400 that
names it; all others are left out, and named in the log.

Where the server has `auth`, the authenticated principal is the user of a request whose data names none. It is taken
from the host's own object only: a caller who writes `__authenticated_user` into the header is nobody.
"""


def page() -> str:
    """The whole page."""
    return HEAD + _table(LiteLLMConfig) + DATA + _table(ProviderData) + WHERE


def _table(model: type[BaseModel]) -> str:
    lines = list(_rows(model, ""))
    if model is LiteLLMConfig:
        return "\n".join(["| key | default | variable | meaning |", "|---|---|---|---|", *lines, ""])
    return "\n".join(["| key | kind | meaning |", "|---|---|---|", *lines, ""])


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if model is ProviderData:
            yield f"| `{name}` | {_kind(field)} | {field.description} |"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _rows(field.annotation, f"{name}.")
        else:
            yield f"| `{prefix}{name}` | {_default(field)} | {_variable(f'{prefix}{name}')} | {field.description} |"


def _variable(key: str) -> str:
    """The variable that the run config takes a setting from."""
    config: Any = yaml.safe_load(_RUN_CONFIG.read_text())["providers"]["inference"][0]["config"]
    for part in key.split("."):
        config = config.get(part, "") if isinstance(config, dict) else ""
    found = re.match(r"\$\{env\.(\w+):=", str(config))
    return f"`{found[1]}`" if found else ""


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr) or value == "":
        return ""
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(field: FieldInfo) -> str:
    text = str(field.annotation)
    kinds = {"CacheControls": "object", "dict": "object of strings", "list": "list of strings", "SecretStr": "string"}
    return next((kind for word, kind in kinds.items() if word in text), "string")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
