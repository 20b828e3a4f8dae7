"""``llama-stack-litellm doctor``: what keeps a stack from working here, and the mend."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import groupby

import click
from rich.markup import escape

from ..config import Mode
from . import options
from .checks.examination import Examination, Report
from .checks.finding import Finding
from .console import err, out
from .listing import listed, row
from .logs import quiet

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "red"}
_INDENT = " " * 11


@click.command()
@options.config
@options.mode
@options.proxy_url
@options.port
@options.as_json
def doctor(path: str | None, mode: Mode, proxy_url: str, port: int, as_json: bool) -> None:
    """Look for what keeps a stack from working here, and say how to mend it.

    Releases, config, keys, proxy, models, port and storage are looked at as `up` would take them; no model is asked.
    The exit status is 1 when there is an error.
    """
    with err.status("Looking…"), _alone():
        report = Examination(path, mode, proxy_url, port).report()
    if as_json:
        _print_json(report)
    else:
        _show(report)
    if any(finding.severity == "error" for finding in report.findings):
        raise click.exceptions.Exit(1)


@contextmanager
def _alone() -> Iterator[None]:
    """Without what libraries, and the handlers that a config names, would print."""
    with quiet(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _print_json(report: Report) -> None:
    told = {
        "findings": [
            {"subject": one.subject, "severity": one.severity, "what": one.what, "mend": one.mend or None}
            for one in report.findings
        ],
        "models": [row(entry) for entry in report.models],
        "versions": report.versions,
    }
    click.echo(json.dumps(told, indent=2))


def _show(report: Report) -> None:
    for subject, found in groupby(report.findings, lambda finding: finding.subject):
        out.print(f"[bold]{subject}[/bold]")
        for finding in found:
            _show_finding(finding)
    if report.models:
        out.print()
        out.print(listed(report.models))
    counts = {
        name: sum(finding.severity == name for finding in report.findings) for name in ("error", "warning", "note")
    }
    out.print("\n" + ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items()))


def _show_finding(finding: Finding) -> None:
    colour = _COLOURS[finding.severity]
    what = escape(finding.what).replace("\n", f"\n{_INDENT}")
    out.print(f"  [{colour}]{finding.severity:<8}[/{colour}] {what}", emoji=False)
    if finding.mend:
        out.print(f"{_INDENT}[dim]→[/dim] {escape(finding.mend)}", emoji=False)
