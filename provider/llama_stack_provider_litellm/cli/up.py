"""``llama-stack-litellm up``: a stack on a LiteLLM config, in one command."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.markup import escape

from .. import settings, storage
from ..config import LiteLLMConfig, Mode
from ..engines.proxy import ProxyEngine
from . import lines, options
from .checks.releases import OURS, install
from .console import clear_errors, err, out, table
from .discover import discover
from .guards import guard_among
from .lines import Line
from .packaged import packaged
from .server import Server, ServerError


@click.command()
@options.config
@options.mode
@options.proxy_url
@options.port
@options.workers
@click.option("--run-config", type=click.Path(exists=True, dir_okay=False), help="Another run.yaml for the stack.")
@click.option("--verbose", is_flag=True, help="Show the server's log.")
def up(
    path: str | None, mode: Mode, proxy_url: str, port: int, workers: int | None, run_config: str | None, verbose: bool
) -> None:
    """Start a Llama Stack server on a LiteLLM config, or on a LiteLLM Proxy; Ctrl-C stops it.

    Without a config one is made from the provider keys in the environment and a running Ollama;
    without these the demo models are served. In mode `proxy` the proxy has the config.
    """
    store = storage.folder()
    with clear_errors():
        line = installed_line()
        stack = Path(run_config) if run_config else packaged_run_config(line)
        _check_workers(workers, line, stack)
        asked = options.provider_config(mode, proxy_url)
        config = settings.load(path or found_config(store)) if mode != "proxy" else None
        sources = [asked.proxy.url] if mode != "embedded" else []
        sources += [str(config.path)] if config else []
        server = Server(
            line,
            run_config=stack,
            port=port,
            log_file=None if verbose else store / "server.log",
            environment=_environment(asked, config, store) | ({} if workers is None else _workers(workers)),
        )
        with server:
            with err.status("Starting Llama Stack…"):
                server.wait_until_ready()
            for warning in server.warnings():
                err.print(f"[yellow]{escape(warning)}[/yellow]")
            _announce(server, " and ".join(sources))
            server.wait()
    out.print("Stopped.")


def installed_line() -> Line:
    """The server line that is installed. Raises ServerError for none."""
    found = lines.installed()
    if found is None:
        mend = install(f"{OURS}[distribution]")
        raise ServerError(f"No Llama Stack is installed: there is nothing to start. Install one: {mend}")
    return found[0]


def packaged_run_config(line: Line) -> Path:
    """The run config for a line that comes with the package."""
    return packaged("run_configs") / line.folder / lines.RUN_CONFIGS["embedded"]


_WORKERS = "LLAMA_STACK_WORKERS"


def _workers(count: int) -> dict[str, str]:
    # OGX has a variable of its own, which goes before its config.
    return {_WORKERS: str(count), "OGX_WORKERS": str(count)}


def _check_workers(workers: int | None, line: Line, run_config: Path) -> None:
    """Raises ServerError where so many processes cannot serve, and says what they do not share where they can."""
    if workers is None or workers == 1:
        return
    if not line.workers:
        raise ServerError(
            f"{line.release} serves in one process, and --workers {workers} asks for more. Start several stacks, each "
            "with a port and a storage folder (SQLITE_STORE_DIR) of its own, behind a load balancer; or go to Llama "
            "Stack 0.7 or later."
        )
    if _WORKERS not in run_config.read_text(encoding="utf-8"):
        raise ServerError(
            f"{run_config} does not say how many processes serve. Add to its `server:`: workers: ${{env.{_WORKERS}:=1}}"
        )
    err.print(
        f"[yellow]{workers} processes serve. What one of them puts into a vector store of inline::faiss the others "
        "find after a restart: take another provider of vector_io. LiteLLM's limits, cooldowns and caches they share "
        "where its config has a Redis.[/yellow]"
    )


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


def _environment(asked: LiteLLMConfig, config: settings.LiteLLMSettings | None, store: Path) -> dict[str, str]:
    environment = {
        **os.environ,
        "LITELLM_MODE": asked.mode,
        "LITELLM_PROXY_URL": asked.proxy.url,
        "SQLITE_STORE_DIR": str(store),
    }
    if config is not None:
        environment["LITELLM_CONFIG"] = str(config.path.absolute())
    environment.setdefault("FILES_STORAGE_DIR", str(store / "files"))
    if not environment.get("SAFETY_MODEL"):
        if guard := guard_among(_named(asked, config)):
            environment["SAFETY_MODEL"] = f"litellm/{guard}"
        else:
            err.print(
                "[yellow]No guard model: there will be no shield. Add a model whose name holds 'guard', or set "
                "SAFETY_MODEL.[/yellow]"
            )
    return environment


def _named(asked: LiteLLMConfig, config: settings.LiteLLMSettings | None) -> list[tuple[str, str]]:
    """The models' names, and what is behind each: the proxy's first, where one is asked."""
    named: list[tuple[str, str]] = []
    if asked.mode != "embedded":
        entries = asyncio.run(ProxyEngine(asked.proxy).catalog()).entries.values()
        named += [(entry.name, " ".join(entry.deployments)) for entry in entries]
    if config is not None:
        named += [(str(item["model_name"]), str(item["litellm_params"]["model"])) for item in config.model_list]
    return named


def _announce(server: Server, source: str) -> None:
    try:
        models = server.models()
    except ServerError as exc:
        out.print(
            f"\n[bold green]Llama Stack is up at {server.url}[/bold green]  {escape(str(exc))}\n\nCtrl-C stops it."
        )
        return
    if not models:
        err.print(
            f"[yellow]The stack runs at {server.url}, but {source} gives it no model yet. `llama-stack-litellm doctor` "
            "says why; the stack takes it up by itself when there is one.[/yellow]"
        )
        return
    shown = table("model", "type", "dimension")
    for name, facts in models.items():
        kind = facts["model_type"] + (" (wildcard)" if facts.get("wildcard") else "")
        shown.add_row(name, kind, str(facts.get("embedding_dimension", "")))
    chat = next((name for name, facts in models.items() if facts["model_type"] == "llm"), next(iter(models)))
    out.print(f"\n[bold green]Llama Stack is up at {server.url}[/bold green]  [dim](models from {source})[/dim]\n")
    out.print(shown)
    out.print(
        "\n[dim]from openai import OpenAI[/dim]\n"
        f'[dim]client = OpenAI(base_url="{server.openai_url}", api_key="unused")[/dim]\n'
        f'[dim]print(client.chat.completions.create(model="{chat}", '
        'messages=\\[{"role": "user", "content": "Hello"}]).choices\\[0].message.content)[/dim]'
    )
    log = f" Its log: {server.log_file}" if server.log_file else ""
    out.print(f"\nCtrl-C stops it.{log}")
