"""A LiteLLM Proxy as a process of its own, from the environment that `make proxy` starts it in."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.processes import ROOT, clean_environment, free_port, required

PROGRAM = ROOT / ".venv-proxy" / "bin" / "litellm"
# It takes about ten seconds on a quiet machine.
_BOOT_SECONDS = 90


class LiteLLMProxy:
    """A LiteLLM Proxy that can be killed and started again: its address, its master key, its log."""

    def __init__(self, folder: Path, config: str, port: int | None, env: Mapping[str, str]) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = f"sk-master-{secrets.token_hex(16)}"
        self.config_file = folder / "proxy.yaml"
        self.log_file = folder / "proxy.log"
        self.configure(config)
        self._folder = folder
        self._command = [required(PROGRAM, "a LiteLLM Proxy"), "--config", str(self.config_file)]
        self._env = {
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
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything that the proxy has written so far."""
        return self.log_file.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The proxy's process id."""
        assert self._process is not None
        return self._process.pid

    def configure(self, config: str) -> None:
        """Have another config (YAML text) from the next start on."""
        self.config_file.write_text(_with_keys(config))

    def start(self) -> None:
        """Start the proxy, at the same address each time, and wait until it answers."""
        command = [*self._command, "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log, cwd=self._folder)
        deadline = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the LiteLLM Proxy ended with {self._process.returncode}:\n{self.log[-4000:]}")
            try:
                httpx.get(f"{self.url}/health/readiness", timeout=2).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"the LiteLLM Proxy did not answer within {_BOOT_SECONDS} s:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """End the proxy as a service manager does; one that does not end is killed."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the proxy as a crash does: it says nothing to whom it talks with."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


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
