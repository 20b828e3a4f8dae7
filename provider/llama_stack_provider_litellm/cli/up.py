"""``llama-stack-litellm up``: a stack on a LiteLLM config, in one command."""

from __future__ import annotations

import os
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.markup import escape

from .. import settings, storage
from .console import clear_errors, err, out, table
from .discover import discover
from .guards import guard_among
from .packaged import packaged
from .server import Server


@click.command()
@click.option("--config", "path", envvar="LITELLM_CONFIG", help="LiteLLM's config.yaml. [env: LITELLM_CONFIG]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="LLAMA_STACK_PORT",
    default=8321,
    show_default=True,
    show_envvar=True,
)
@click.option("--run-config", type=click.Path(exists=True, dir_okay=False), help="Another run.yaml for the stack.")
@click.option("--verbose", is_flag=True, help="Show the server's log.")
def up(path: str | None, port: int, run_config: str | None, verbose: bool) -> None:
    """Start a Llama Stack server on a LiteLLM config; Ctrl-C stops it.

    Without a config one is made from the provider keys in the environment and a running Ollama;
    without these the demo models are served.
    """
    store = storage.folder()
    with clear_errors():
        config = settings.load(path or found_config(store))
        server = Server(
            run_config=Path(run_config) if run_config else packaged_run_config(),
            port=port,
            log_file=None if verbose else store / "server.log",
            environment=_environment(config, store),
        )
        with server:
            with err.status("Starting Llama Stack…"):
                server.wait_until_ready()
            for warning in server.warnings():
                err.print(f"[yellow]{escape(warning)}[/yellow]")
            _announce(server, config)
            server.wait()
    out.print("Stopped.")


def packaged_run_config() -> Path:
    """The run config that comes with the package."""
    return packaged("run_configs") / "run.yaml"


def found_config(store: Path, out: Console = out) -> Path | None:
    """A config made from what the machine has, written down where the user can take it from."""
    discovery = discover()
    if not discovery.config:
        out.print(
            "No LiteLLM config, provider key or Ollama found: serving the [bold]demo models[/bold], scripted, no AI."
        )
        out.print(
            "[dim]For real ones set a key such as OPENAI_API_KEY, or LITELLM_CONFIG to your LiteLLM config.yaml.[/dim]"
        )
        return None
    target = store / "found-config.yaml"
    store.mkdir(parents=True, exist_ok=True)
    target.write_text(yaml.safe_dump(discovery.config, sort_keys=False), encoding="utf-8")
    out.print(f"Found {', '.join(discovery.sources)}; the LiteLLM config made from it is {target}")
    return target


def _environment(config: settings.LiteLLMSettings, store: Path) -> dict[str, str]:
    environment = {
        **os.environ,
        "LITELLM_CONFIG": str(config.path.absolute()),
        "SQLITE_STORE_DIR": str(store),
    }
    environment.setdefault("FILES_STORAGE_DIR", str(store / "files"))
    if not environment.get("SAFETY_MODEL"):
        named = [(str(item["model_name"]), str(item["litellm_params"]["model"])) for item in config.model_list]
        if guard := guard_among(named):
            environment["SAFETY_MODEL"] = f"litellm/{guard}"
        else:
            err.print(
                "[yellow]No guard model in the config: there will be no shield. Add a model whose name holds "
                "'guard', or set SAFETY_MODEL.[/yellow]"
            )
    return environment


def _announce(server: Server, config: settings.LiteLLMSettings) -> None:
    models = server.models()
    if not models:
        err.print(
            f"[yellow]The stack runs at {server.url}, but {config.path} gives it no model. "
            "Add one and restart.[/yellow]"
        )
        return
    shown = table("model", "type", "dimension")
    for model in models:
        metadata = model["metadata"]
        kind = model["model_type"] + (" (wildcard)" if metadata.get("wildcard") else "")
        shown.add_row(model["identifier"], kind, str(metadata.get("embedding_dimension", "")))
    chat = next((model["identifier"] for model in models if model["model_type"] == "llm"), models[0]["identifier"])
    out.print(f"\n[bold green]Llama Stack is up at {server.url}[/bold green]  [dim](models from {config.path})[/dim]\n")
    out.print(shown)
    out.print(
        "\n[dim]from llama_stack_client import LlamaStackClient[/dim]\n"
        f'[dim]client = LlamaStackClient(base_url="{server.url}")[/dim]\n'
        f'[dim]print(client.chat.completions.create(model="{chat}", '
        'messages=\\[{"role": "user", "content": "Hello"}]).choices\\[0].message.content)[/dim]'
    )
    log = f" Its log: {server.log_file}" if server.log_file else ""
    out.print(f"\nCtrl-C stops it.{log}")
