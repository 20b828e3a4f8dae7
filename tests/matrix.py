"""What was tested with which server, in which mode, on which LiteLLM: README's table, made from test runs.

A run with `--record` writes what came of it into docs/matrix.json; ``python -m tests.matrix`` makes the table of that.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

from llama_stack_provider_litellm.cli.checks.releases import installed
from tests.processes import ROOT

FILE = ROOT / "docs" / "matrix.json"
README = ROOT / "README.md"
_TABLE = re.compile(r"(<!-- matrix -->\n).*?(\n<!-- /matrix -->)", re.S)
PROXY = "LiteLLM Proxy"
_PACKAGES = ("llama-stack", "ogx", "litellm", "openai", "mcp")
# Feature → the file of tests/integration that tests it.
FEATURES = {
    "chat and text completions, streams, tools, images": "chat",
    "embeddings": "embeddings",
    "errors with status, words and `Retry-After`": "errors",
    "Responses: file_search, MCP, files, batches": "responses",
    "the client's `Agent`": "agents",
    "token arrays, rerank, conversations, reasoning, more in a body": "later_hosts",
    "Anthropic's `/v1/messages`": "messages",
    "moderations and shields": "safety",
    "eval, scoring, datasets": "eval",
    "MCP tool groups": "mcp",
    "the RAG tool": "rag",
    "the host's own inference API": "inference_api",
    "callers, and what they cannot do": "callers",
}
HOSTS = {"0.2": "llama-stack 0.2.24", "0.7": "llama-stack 0.7.3", "ogx14": "OGX 1.4.0", "ogx15": "OGX 1.5.0"}
MODES = ("embedded", "proxy", "auto")


class Recorder:
    """A pytest plugin that counts what came of each file of tests/integration."""

    def __init__(self, host: str, mode: str) -> None:
        self._run = f"{host} {mode}"
        self._has_proxy = mode != "embedded"
        self._counts: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        found = re.match(r"tests/integration/test_(\w+)\.py::", report.nodeid)
        if found is None or found[1] not in FEATURES.values():
            return
        if report.when == "call" or report.outcome != "passed":
            self._counts.setdefault(found[1], Counter())[report.outcome] += 1

    def pytest_sessionfinish(self, session: Any) -> None:
        """Write what this run has to say beside what others have said."""
        if hasattr(session.config, "workerinput") or not self._counts:
            return
        runs = json.loads(FILE.read_text()) if FILE.exists() else {}
        run = runs.setdefault(self._run, {"releases": {}, "tests": {}})
        run["releases"] = {**releases(), **({PROXY: proxy_release()} if self._has_proxy else {})}
        run["tests"] = {**run["tests"], **{name: dict(count) for name, count in self._counts.items()}}
        run["tests"] = {name: run["tests"][name] for name in sorted(run["tests"])}
        FILE.write_text(json.dumps({key: runs[key] for key in sorted(runs)}, indent=1) + "\n")


def releases() -> dict[str, str]:
    """The releases that make the difference, of what is installed here."""
    return {name: version for name in _PACKAGES if (version := installed(name))}


def proxy_release() -> str:
    """The release of the LiteLLM Proxy that the tests start."""
    (folder,) = (ROOT / ".venv-proxy").glob("lib/python*/site-packages")
    (found,) = metadata.distributions(name="litellm", path=[str(folder)])
    return found.version


def table() -> str:
    """The matrix, in Markdown."""
    runs: dict[str, Any] = json.loads(FILE.read_text())
    columns = [(host, mode) for host in HOSTS for mode in MODES if f"{host} {mode}" in runs]
    used = [runs[f"{host} {mode}"]["releases"] for host, mode in columns]
    # In mode proxy nothing of the stack's own is asked.
    own = ["–" if mode == "proxy" else found["litellm"] for (_, mode), found in zip(columns, used, strict=True)]
    lines = [
        "| | " + " | ".join(f"{HOSTS[host]}, {mode}" for host, mode in columns) + " |",
        "|---|" + "---|" * len(columns),
        f"| LiteLLM in the stack | {' | '.join(own)} |",
        f"| {PROXY} | {' | '.join(found.get(PROXY, '–') for found in used)} |",
    ]
    for feature, name in FEATURES.items():
        cells = (_cell(runs[f"{host} {mode}"]["tests"].get(name)) for host, mode in columns)
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(counts: dict[str, int] | None) -> str:
    if counts is None:
        return ""
    if counts.get("failed"):
        return f"{counts['failed']} failed"
    return str(counts["passed"]) if counts.get("passed") else "–"


def written(page: Path = README) -> str:
    """The table that stands in the README."""
    found = _TABLE.search(page.read_text())
    assert found is not None
    return found[0].split("\n", 1)[1].rsplit("\n", 1)[0]


if __name__ == "__main__" and sys.argv[1:] == ["files"]:
    print(*(f"tests/integration/test_{name}.py" for name in FEATURES.values()))
elif __name__ == "__main__":
    README.write_text(_TABLE.sub(lambda found: found[1] + table() + found[2], README.read_text()))
