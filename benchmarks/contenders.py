"""What is compared, and how each is started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.processes import ROOT, Server, clean_environment, free_port

from benchmarks import upstream
from llama_stack_provider_litellm.cli.lines import LINES, RUN_CONFIGS, Line

VENVS = {"0.2": ".venv", "0.7": ".venv-0.7", "ogx": ".venv-ogx15"}
"""The environment of each line, as the Makefile has it."""
QUIET = {"TELEMETRY_SINKS": "", "LLAMA_STACK_LOGGING": "all=error", "OGX_LOGGING": "all=error"}
"""The same telemetry and log settings for every stack that is compared."""
_KEY = "sk-benchmark"
_PARAMS = "api_key: sk-upstream, api_base: '{url}/v1'"
# With Llama Stack 0.7 remote::openai asks for vectors with `dimensions`, which LiteLLM refuses for an unknown model.
_CONFIG = """
litellm_settings: {{drop_params: true}}
model_list:
- {{model_name: gpt, litellm_params: {{model: openai/gpt-4o-mini, {params}}}}}
- model_name: embed
  litellm_params: {{model: openai/embed, {params}}}
  model_info: {{mode: embedding, output_vector_size: {dimension}}}
- model_name: slow
  litellm_params: {{model: voyage/slow, {params}}}
  model_info: {{mode: embedding, output_vector_size: {dimension}}}
"""


@dataclass
class Target:
    """Something that has OpenAI's API: where, and what its models are called there."""

    name: str
    url: str
    chat: str
    embedding: str
    key: str = "unused"
    pids: list[int] = field(default_factory=list)
    """Every process that works for it, its own first."""
    batches: tuple[str, int] | None = None
    """The embedding model of a vendor that takes few texts in a request, and how many it is sent here."""
    boot: float | None = None
    """Seconds from the start of its process to its first answer."""

    @property
    def is_stack(self) -> bool:
        """Whether it has the stack's other APIs too."""
        return self.name not in (UPSTREAM, ROUTER, PROXY)


UPSTREAM = "upstream"
ROUTER = "LiteLLM Router"
CANNED = "stack, canned answer"
PROXY = "LiteLLM Proxy"
TODAY = "stack, remote::openai → proxy"
EMBEDDED = "ours, embedded"
PROXIED = "ours, proxy mode"
TODAY_DEFAULT = f"{TODAY}, as released"
EMBEDDED_DEFAULT = f"{EMBEDDED}, as released"


@contextmanager
def process(command: Sequence[str], env: Mapping[str, str], folder: Path, ready: str) -> Iterator[int]:
    """A started server that answers at ``ready``; its process id."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(command, env, folder / "server.log", ready)
    server.start()
    try:
        yield server.pid
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.stop(signal.SIGINT)


@contextmanager
def upstream_target(folder: Path) -> Iterator[Target]:
    """The vendor."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {**clean_environment(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks.upstream", str(port)]
    with process(command, env, folder / "upstream", f"{url}/health/readiness") as pid:
        yield Target(UPSTREAM, f"{url}/v1", "gpt-4o-mini", "embed", pids=[pid], batches=("slow", upstream.BATCH))


@contextmanager
def proxy_target(folder: Path, vendor: Target) -> Iterator[Target]:
    """A LiteLLM Proxy, as `make proxy` starts it."""
    port = free_port()
    config = folder / "proxy.yaml"
    config.write_text(litellm_config(vendor) + f"general_settings: {{master_key: {_KEY}}}\n")
    env = {**clean_environment(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [str(ROOT / ".venv-proxy/bin/litellm"), "--config", str(config), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    with process([*command, "--port", str(port)], env, folder / "proxy", f"{url}/health/readiness") as pid:
        yield Target(PROXY, f"{url}/v1", "gpt", "embed", key=_KEY, pids=[pid, *vendor.pids])


@contextmanager
def stack_target(name: str, line: Line, folder: Path, vendor: Target, proxy: Target) -> Iterator[Target]:
    """A stack with one of the providers."""
    folder = folder / name.replace(" ", "-").replace(":", "").replace(",", "").replace("→", "to")
    folder.mkdir(parents=True)
    prefix, provider, env = _provider(name, folder, vendor, proxy)
    settings = {} if name in (TODAY_DEFAULT, EMBEDDED_DEFAULT) else QUIET
    path = [str(ROOT)] + ([] if settings == {} else [str(ROOT / "benchmarks" / "quiet")])
    env = {**clean_environment(folder), **settings, **env, "PYTHONPATH": os.pathsep.join(path)}
    env["TIKTOKEN_CACHE_DIR"] = str(next((ROOT / VENVS[line.name]).glob("lib/*/site-packages/litellm")) / _TOKENIZERS)
    config = folder / "run.yaml"
    config.write_text(yaml.safe_dump(_run_config(line, name, prefix, provider), sort_keys=False))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program, *arguments = line.run.split()
    command = [str(ROOT / VENVS[line.name] / "bin" / program), *arguments, str(config), "--port", str(port)]
    began = time.monotonic()
    with process([*command, *line.options], env, folder, f"{url}/v1/health") as pid:
        through = vendor.pids if prefix != "openai" and name != PROXIED else proxy.pids
        target = Target(name, url + line.openai, f"{prefix}/gpt", f"{prefix}/embed", pids=[pid, *through])
        if name == EMBEDDED:
            target.batches = (f"{prefix}/slow", upstream.TEXTS)
        _first_answer(target)
        target.boot = time.monotonic() - began
        yield target


_TOKENIZERS = "litellm_core_utils/tokenizers"


def litellm_config(vendor: Target) -> str:
    """The models of every contender that has LiteLLM in it."""
    params = _PARAMS.format(url=vendor.url.removesuffix("/v1"))
    return _CONFIG.format(params=params, dimension=upstream.DIMENSION)


_CANNED = {"provider_type": "remote::canned", "module": "benchmarks.canned", "config": {}}


def _provider(
    name: str, folder: Path, vendor: Target, proxy: Target
) -> tuple[str, dict[str, Any] | None, dict[str, str]]:
    """The provider's id, its row in a run config (None for the one that is there), and its environment."""
    if name == CANNED:
        return "canned", _CANNED, {}
    if name in (TODAY, TODAY_DEFAULT):
        config = {"api_key": proxy.key, "base_url": proxy.url}
        return "openai", {"provider_type": "remote::openai", "config": config}, {}
    config_path = folder / "litellm.yaml"
    config_path.write_text(litellm_config(vendor))
    if name in (EMBEDDED, EMBEDDED_DEFAULT):
        return "litellm", None, {"LITELLM_CONFIG": str(config_path)}
    where = proxy.url.removesuffix("/v1")
    return (
        "litellm",
        None,
        {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": where, "LITELLM_PROXY_API_KEY": proxy.key},
    )


def _run_config(line: Line, name: str, prefix: str, provider: dict[str, Any] | None) -> dict[str, Any]:
    """The shipped run config with another inference provider, where it is another."""
    source = ROOT / "run_configs" / line.folder / RUN_CONFIGS["embedded"]
    config: dict[str, Any] = yaml.safe_load(source.read_text())
    if provider is not None:
        config["providers"]["inference"] = [{"provider_id": prefix, **provider}]
        if name == TODAY and line.name != "0.2":
            # It brings the store's settings of the others, and is asked nothing.
            config["providers"]["inference"].append({"provider_id": "settings", **_CANNED})
        facts = {"embedding_dimension": upstream.DIMENSION, "context_length": 8192}
        models = [
            {"model_id": f"{prefix}/gpt", "provider_model_id": "gpt", "model_type": "llm", "metadata": {}},
            {"model_id": f"{prefix}/embed", "provider_model_id": "embed", "model_type": "embedding", "metadata": facts},
        ]
        rows = [{**model, "provider_id": prefix} for model in models]
        if line.name == "0.2":
            config["models"] = [] if prefix == "canned" else rows
        else:
            config["registered_resources"]["models"] = [] if prefix == "canned" else rows
    if name == TODAY_DEFAULT and "telemetry" in config["providers"]:
        del config["providers"]["telemetry"]
        sinks = {"sinks": ["console", "sqlite"], "sqlite_db_path": "${env.SQLITE_STORE_DIR}/trace_store.db"}
        row = {"provider_id": "meta-reference", "provider_type": "inline::meta-reference", "config": sinks}
        config["providers"]["telemetry"] = [row]
    return config


def _first_answer(target: Target) -> None:
    body = {"model": target.chat, "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx.post(f"{target.url}/chat/completions", json=body, timeout=60, trust_env=False)
    if answer.status_code != 200:
        raise RuntimeError(f"{target.name} answers {answer.status_code}: {answer.text[:1000]}")


def line_named(name: str) -> Line:
    """The server line of a name."""
    return {str(key): line for key, line in LINES.items()}[name]
