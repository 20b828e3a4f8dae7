"""A LiteLLM Proxy as a process of its own, from the environment that `make proxy` starts it in."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.processes import ROOT, Server, clean_environment, free_port, required

PROGRAM = ROOT / ".venv-proxy" / "bin" / "litellm"


class LiteLLMProxy(Server):
    """A LiteLLM Proxy that can be killed and started again at the same address, and its master key."""

    def __init__(self, folder: Path, config: str, port: int | None, env: Mapping[str, str]) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = f"sk-master-{secrets.token_hex(16)}"
        self.config_file = folder / "proxy.yaml"
        self.configure(config)
        command = [required(PROGRAM, "a LiteLLM Proxy"), "--config", str(self.config_file)]
        env = {
            **clean_environment(folder),
            # The upstream has OpenAI's chats, and not the Responses that the proxy would make of Anthropic's messages.
            "LITELLM_USE_CHAT_COMPLETIONS_URL_FOR_ANTHROPIC_MESSAGES": "true",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MASTER_KEY": self.key,
            "PYTHONPATH": str(ROOT),
            # Without it the log comes in blocks, and what a killed process wrote last is lost.
            "PYTHONUNBUFFERED": "1",
            **env,
        }
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        super().__init__([*command, *address], env, folder / "proxy.log", f"{self.url}/health/readiness")

    def configure(self, config: str) -> None:
        """Have another config (YAML text) from the next start on."""
        self.config_file.write_text(_with_keys(config))

    def stop(self, how: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> int:
        """End the proxy as a service manager does; one that does not end is killed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return super().stop(how, seconds=seconds)
        return -signal.SIGKILL


@contextmanager
def litellm_proxy(folder: Path, config: str, port: int | None = None, **env: str) -> Iterator[LiteLLMProxy]:
    """A started LiteLLM Proxy on ``config`` (YAML text), which takes the keys of `tests.proxy_auth`.

    Modules that the config names are looked for in ``folder``, and from the repository's root.
    """
    proxy = LiteLLMProxy(folder, config, port, env)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def _with_keys(config: str) -> str:
    """``config`` with a master key and our check of keys, where it says nothing about either."""
    document: dict[str, Any] = yaml.safe_load(config)
    ours = {"master_key": "os.environ/LITELLM_MASTER_KEY", "custom_auth": "tests.proxy_auth.check"}
    document["general_settings"] = {**ours, **(document.get("general_settings") or {})}
    return yaml.safe_dump(document, sort_keys=False)
