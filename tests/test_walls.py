"""The walls of the house: who may import whom, how long a file is, what is documented."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "llama_stack_provider_litellm"
SOURCES = ROOT / "provider" / PACKAGE
HOST = {"llama_stack", "llama_stack_client", "llama_stack_api", "ogx", "ogx_api", "ogx_client"}
LINES = 400

# Decorators under which a function is described by the one it belongs to.
_SAID_ELSEWHERE = {"setter", "getter", "deleter", "overload"}


def files(*folders: Path) -> list[Path]:
    found = sorted(path for folder in folders for path in folder.rglob("*.py"))
    assert found, "nothing to look at"
    return found


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    parts = [PACKAGE, *path.relative_to(SOURCES).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.AST, path: Path) -> list[str]:
    """The full names that an import statement may bind: the module, and each name as if it were one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        parts = module_of(path).split(".")
        # A package's own file counts as a module inside it.
        here = parts if path.name == "__init__.py" else parts[:-1]
        base = ".".join([*here[: len(here) - node.level + 1], *([node.module] if node.module else [])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import in the file, those inside functions and under TYPE_CHECKING too, and importlib's by a literal."""
    for node in ast.walk(tree(path)):
        for name in imported(node, path):
            yield getattr(node, "lineno", 0), name
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in {"import_module", "__import__", "find_spec"}:
                yield node.lineno, str(node.args[0].value)


def offenders(folder: str, forbidden: set[str]) -> list[str]:
    return [
        f"{named(path)}:{line} imports {name}"
        for path in files(SOURCES / folder)
        for line, name in imports(path)
        if name.split(".")[0] in forbidden or name.startswith(tuple(f"{PACKAGE}.{wall}" for wall in forbidden))
    ]


def test_engines_never_import_the_host() -> None:
    assert offenders("engines", HOST | {"hosts"}) == []


def test_hosts_never_import_litellm() -> None:
    assert offenders("hosts", {"litellm", "engines.router"}) == []


def test_what_both_sides_share_imports_neither() -> None:
    shared = [path for path in SOURCES.glob("*.py") if path.name not in {"__init__.py", "provider.py"}]
    assert {path.stem for path in shared} >= {"caller", "catalog", "config", "errors"}
    for path in shared:
        found = {name.split(".")[0] for _, name in imports(path)}
        assert not found & (HOST | {"litellm"}), named(path)


def test_only_hosts_and_cli_know_the_host() -> None:
    users = {named(path) for path in files(SOURCES) for _, name in imports(path) if name.split(".")[0] in HOST}
    assert users
    allowed = (f"provider/{PACKAGE}/hosts/", f"provider/{PACKAGE}/cli/")
    assert [user for user in users if not user.startswith(allowed)] == []


def test_only_hosts_and_cli_know_the_lines_apart() -> None:
    apart = {named(path) for path in files(SOURCES) for _, name in imports(path) if name.endswith("installed.LINE")}
    assert apart
    beyond = [user for user in apart if not user.startswith((f"provider/{PACKAGE}/hosts/", f"provider/{PACKAGE}/cli/"))]
    assert beyond == []


def test_no_circular_imports() -> None:
    modules = {module_of(path): path for path in files(SOURCES)}
    wanted = {name: {other for other in _at_import(path) if other in modules} for name, path in modules.items()}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in sorted(wanted[name]):
                visit(other, (*trail, name))
            done.add(name)

    done: set[str] = set()
    for name in sorted(modules):
        visit(name, ())


def _at_import(path: Path) -> set[str]:
    """The modules of the package that importing this file runs; what stands in a function runs later."""

    def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            yield child
            yield from outside_functions(child)

    found = set()
    for node in outside_functions(tree(path)):
        names = imported(node, path)
        # `from . import x` needs the module x, and of the package itself only that it has begun to load.
        longest = [name for name in names[1:] if (SOURCES / "/".join(name.split(".")[1:])).with_suffix(".py").exists()]
        found |= set(longest or names[:1])
    return found - {module_of(path)}


def loaded_by(statement: str) -> list[str]:
    """The top-level modules that an interpreter of its own has loaded after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


@pytest.mark.parametrize(
    "statement",
    [
        f"import {PACKAGE}",
        f"from {PACKAGE} import settings, catalog, caller, errors, config",
        f"from {PACKAGE}.engines import Engine",
        f"from {PACKAGE}.engines.router import RouterEngine",
        f"from {PACKAGE} import LiteLLMConfig; from {PACKAGE}.engines import choosing; "
        "choosing.engine_of(LiteLLMConfig(mode='proxy'))",
    ],
)
def test_importing_loads_neither_litellm_nor_the_host(statement: str) -> None:
    loaded = loaded_by(statement)
    assert PACKAGE in loaded
    assert not {"litellm", "watchfiles", *HOST} & set(loaded)


def test_the_adapter_loads_no_litellm() -> None:
    loaded = loaded_by(f"import warnings; warnings.simplefilter('ignore'); import {PACKAGE}.hosts.v0_2")
    assert "llama_stack" in loaded
    assert "litellm" not in loaded


@pytest.mark.parametrize("path", files(ROOT / "provider", ROOT / "tests"), ids=named)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


def test_all_that_is_public_is_documented() -> None:
    missing = []
    for path in files(SOURCES):
        if not ast.get_docstring(tree(path)):
            missing.append(named(path))
        missing += [f"{named(path)}:{node.lineno} {name}" for name, node in _public(tree(path)) if not _described(node)]
    # Said once, on the base that they implement.
    bases = {"Engine": SOURCES / "engines" / "base.py", "Adapter": SOURCES / "hosts" / "adapter.py"}
    said = tuple(method for base, path in bases.items() for method in _methods_of(base, path))
    missing = [entry for entry in missing if not entry.endswith(said)]
    assert missing == []


def _methods_of(base: str, path: Path) -> list[str]:
    methods = [name for name, node in _public(tree(path)) if name.startswith(f"{base}.") and _described(node)]
    assert methods
    return methods


_Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(parent: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, _Documented]]:
    for node in parent.body:
        if not isinstance(node, _Documented) or node.name.startswith("_"):
            continue
        if any(isinstance(d, ast.Attribute) and d.attr in _SAID_ELSEWHERE for d in node.decorator_list):
            continue
        yield f"{prefix}{node.name}", node
        # What a custom handler's methods do is LiteLLM's word.
        if isinstance(node, ast.ClassDef) and "CustomLLM" not in map(ast.unparse, node.bases):
            yield from _public(node, f"{prefix}{node.name}.")


def _described(node: _Documented) -> bool:
    return bool((ast.get_docstring(node) or "").strip())
