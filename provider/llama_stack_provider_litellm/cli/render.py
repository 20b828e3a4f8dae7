"""``llama-stack-litellm render``: the run config, and the build config, of a server line and a mode."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
import jinja2

from ..config import Mode
from ..errors import LiteLLMProviderError
from . import lines
from .console import clear_errors, out

_HOSTS = tuple(lines.LINES)


class RenderError(LiteLLMProviderError):
    """A config was not written."""


@click.command()
@click.option("--host", type=click.Choice(_HOSTS), help="The server line. [default: the one that is installed]")
@click.option("--mode", type=click.Choice(get_args(Mode)), default="embedded", show_default=True)
@click.option(
    "--run", "run_config", type=click.Path(dir_okay=False, path_type=Path), default="run.yaml", show_default=True
)
@click.option(
    "--build",
    "build_config",
    type=click.Path(dir_okay=False, path_type=Path),
    default="build.yaml",
    show_default=True,
    help="Only where the line has `llama stack build`.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def render(host: lines.Name | None, mode: Mode, run_config: Path, build_config: Path, force: bool) -> None:
    """Write the run config of a server line and a mode, and its build config where the line has one."""
    installed = lines.installed()
    line = lines.LINES[host] if host else installed[0] if installed else lines.LINES["0.2"]
    written = {run_config: rendered_run(line, mode, str(run_config))}
    if line.builds:
        written[build_config] = rendered_build(line)
    with clear_errors():
        for path in written:
            if path.exists() and not force:
                raise RenderError(f"{path} is there already. Name another with --run or --build, or add --force.")
        for path, text in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            out.print(f"Wrote {path}")
    out.print(f"\n[dim]{line.command(str(run_config))}[/dim]")


def rendered_run(line: lines.Line, mode: Mode, path: str) -> str:
    """The run config of a line and a mode, as the file ``path``."""
    name = "run-0.2.yaml" if line.name == "0.2" else "run.yaml"
    return _rendered(
        name,
        host=line.name,
        mode=mode,
        release=line.release,
        run=line.run,
        command=line.command(path),
        logging=line.logging,
    )


def rendered_build(line: lines.Line) -> str:
    """The build config of a line that has one."""
    return _rendered(f"build-{line.name}.yaml")


def _rendered(name: str, **values: str) -> str:
    environment = jinja2.Environment(  # noqa: S701 (YAML is no HTML, and no value is a caller's)
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{name}.jinja").render(values)
