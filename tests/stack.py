"""A Llama Stack server as a process of its own, as users run it."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from llama_stack_client import LlamaStackClient
from openai import OpenAI

from tests import line, modes
from tests.litellm_proxy import LiteLLMProxy, litellm_proxy
from tests.processes import Server, clean_environment, free_port

# OGX waits for its two processes for jobs, which may have seconds of imports before them, and for the thread that
# watches them: ten seconds each at most.
_STOP_SECONDS = 50 if line.LINE.name == "ogx" else 20


class Stack(Server):
    """A Llama Stack server: its address, its clients, its log."""

    def __init__(self, folder: Path, env: Mapping[str, str], command: list[str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.openai_url = self.url + line.OPENAI
        self.proxy: LiteLLMProxy | None = None
        """The LiteLLM Proxy that it is on, where the run's mode is another than embedded."""
        super().__init__(
            [*(command or line.command(line.run_config())), "--port", str(self.port)],
            {**clean_environment(folder), **env},
            folder / "stack.log",
            f"{self.url}/v1/health",
            # Who has to say who he is gets a 401 there, from a server that is up.
            statuses=(200, 401),
        )
        self._clients: list[LlamaStackClient | OpenAI] = []

    def client(self, **options: object) -> Any:
        """Llama Stack's own client, which does not repeat a failed request. Untyped: what a test needs to
        know of an answer's type it asserts."""
        client = LlamaStackClient(base_url=self.url, max_retries=0, **options)  # type: ignore[arg-type]
        self._clients.append(client)
        return client

    def openai(self, **options: object) -> Any:
        """The OpenAI client at the stack's OpenAI-compatible address."""
        client = OpenAI(base_url=self.openai_url, api_key="unused", max_retries=0, **options)  # type: ignore[arg-type]
        self._clients.append(client)
        return client

    def models(self) -> dict[str, dict[str, Any]]:
        """What the server says of each of its models, by the model's id."""
        return line.models(self.url)

    def close_clients(self) -> None:
        """Close the connections of every client that was handed out."""
        while self._clients:
            self._clients.pop().close()

    def stop(self, how: signal.Signals = signal.SIGINT, *, seconds: float = _STOP_SECONDS) -> int:
        """End the server, as Ctrl-C does."""
        return super().stop(how, seconds=seconds)

    def restart(self) -> None:
        """Stop the server and start it again with the same storage."""
        self.stop()
        self.start()


@contextmanager
def running_stack(folder: Path, litellm_config: str | None = None, **env: str) -> Iterator[Stack]:
    """A started stack on the shipped run config and on the given LiteLLM config (YAML text), in the run's mode."""
    with reaching(folder, litellm_config, env) as stack:
        stack.start()
        yield stack


@contextmanager
def reaching(
    folder: Path,
    litellm_config: str | None,
    env: Mapping[str, str],
    command: list[str] | None = None,
    proxy: LiteLLMProxy | None = None,
) -> Iterator[Stack]:
    """A stack that has not been started yet; the LiteLLM Proxy that the run's mode may need runs already.

    ``proxy`` is one on the same config, where there is one: it takes ten seconds to start.
    """
    with ExitStack() as servers:
        env = dict(env)
        if litellm_config is not None and modes.current != "embedded":
            proxy = proxy or servers.enter_context(litellm_proxy(folder, litellm_config, None, **env))
            env |= {"LITELLM_MODE": modes.current, "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": proxy.key}
            litellm_config = _nowhere(litellm_config) if modes.current == "auto" else None
        if litellm_config is not None:
            config = folder / "config.yaml"
            config.write_text(litellm_config)
            env["LITELLM_CONFIG"] = str(config)
        stack = Stack(folder, env, command)
        stack.proxy = proxy
        try:
            yield stack
        finally:
            stack.close_clients()
            stack.stop()


def _nowhere(litellm_config: str) -> str:
    """The same models at an address that refuses every connection.

    What a stack in mode ``auto`` would serve by itself: when there is an answer, the proxy gave it.
    """
    config: dict[str, Any] = yaml.safe_load(litellm_config)
    for deployment in config["model_list"]:
        deployment["litellm_params"]["api_base"] = "http://127.0.0.1:9/v1"
    return yaml.safe_dump(config, sort_keys=False)
