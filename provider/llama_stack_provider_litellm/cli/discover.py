"""A LiteLLM config from what a machine has: provider keys in the environment, an Ollama that runs."""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..address import is_local

# Environment variable → LiteLLM's prefix of that vendor, and models to name. A wildcard for the vendor
# comes with them, so that every other model of the vendor can be asked for as prefix/model.
_VENDORS: dict[str, tuple[str, tuple[str, ...]]] = {
    "OPENAI_API_KEY": ("openai", ("gpt-4o-mini", "text-embedding-3-small")),
    "ANTHROPIC_API_KEY": ("anthropic", ("claude-sonnet-4-5",)),
    "GEMINI_API_KEY": ("gemini", ("gemini-2.5-flash", "gemini-embedding-001")),
    "MISTRAL_API_KEY": ("mistral", ("mistral-large-latest",)),
    "DEEPSEEK_API_KEY": ("deepseek", ("deepseek-chat",)),
    "GROQ_API_KEY": ("groq", ()),
    "XAI_API_KEY": ("xai", ("grok-4.3",)),
    "COHERE_API_KEY": ("cohere", ("command-a-03-2025",)),
    "TOGETHERAI_API_KEY": ("together_ai", ()),
    "OPENROUTER_API_KEY": ("openrouter", ()),
}
_OLLAMA = "http://127.0.0.1:11434"
_OLLAMA_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Discovery:
    """A generated LiteLLM config and, in words, what it was made from."""

    config: dict[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


def discover(environment: Mapping[str, str] = os.environ) -> Discovery:
    """What this machine has; an empty discovery when it has nothing. Keys stay in the environment: the
    config names their variables."""
    models: list[dict[str, Any]] = []
    sources: list[str] = []
    for variable, (prefix, names) in _VENDORS.items():
        if not environment.get(variable):
            continue
        sources.append(variable)
        models += [_deployment(name, f"{prefix}/{name}", api_key=f"os.environ/{variable}") for name in names]
        models.append(_deployment(f"{prefix}/*", f"{prefix}/*", api_key=f"os.environ/{variable}"))
    base = _ollama_address(environment)
    local = _ollama_models(base)
    if local:
        sources.append(f"Ollama at {base}")
        models += local
    return Discovery({"model_list": models}, tuple(sources)) if models else Discovery()


def _deployment(name: str, model: str, info: dict[str, Any] | None = None, **params: str) -> dict[str, Any]:
    deployment: dict[str, Any] = {"model_name": name, "litellm_params": {"model": model, **params}}
    return {**deployment, "model_info": info} if info else deployment


def _ollama_address(environment: Mapping[str, str]) -> str:
    """Ollama's own variable OLLAMA_HOST holds a host, a port, or both."""
    host = environment.get("OLLAMA_HOST", "").strip().rstrip("/")
    if not host:
        return _OLLAMA
    host = host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (where it listens, not where it is asked)
    if "://" in host:
        # Then the port is the scheme's where none is given.
        return host
    return f"http://{host}" if host.rsplit(":", 1)[-1].isdigit() else f"http://{host}:11434"


def _ollama_models(base: str) -> list[dict[str, Any]]:
    tags = _ask(f"{base}/api/tags")
    return [_ollama_model(base, item["name"]) for item in (tags or {}).get("models", []) if item.get("name")]


def _ollama_model(base: str, name: str) -> dict[str, Any]:
    details = _ask(f"{base}/api/show", {"model": name}) or {}
    facts = details.get("model_info") or {}
    size = next((value for key, value in facts.items() if key.endswith(".embedding_length")), None)
    window = next((value for key, value in facts.items() if key.endswith(".context_length")), None)
    if "embedding" in details.get("capabilities", ()) and size:
        return _deployment(name, f"ollama/{name}", {"mode": "embedding", "output_vector_size": size}, api_base=base)
    info = {"mode": "chat", **({"max_input_tokens": window} if window else {})}
    return _deployment(name, f"ollama_chat/{name}", info, api_base=base)


def _ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """The JSON at ``url``; None when nothing there answers in time with JSON."""
    data = None if body is None else json.dumps(body).encode()
    # Loopback never goes through the environment's HTTP proxy.
    proxies = [urllib.request.ProxyHandler({})] if is_local(urllib.parse.urlsplit(url).hostname or "") else []
    try:
        with urllib.request.build_opener(*proxies).open(url, data=data, timeout=_OLLAMA_SECONDS) as answer:
            found = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return found if isinstance(found, dict) else None
