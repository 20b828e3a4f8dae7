"""The lock, the constraints, the build recipe and the run config say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from llama_stack_provider_litellm.provider import get_provider_spec

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements" / "llama-stack-0.2.txt").read_text()
PROXY_LOCK = (ROOT / "requirements" / "proxy.txt").read_text()
CONSTRAINTS = (ROOT / "distribution" / "constraints.txt").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
GROUPS: dict[str, list[str]] = PYPROJECT["dependency-groups"]

_ENTRY = re.compile(r"^(?P<pin>[a-z0-9][^\n\\]*==[^\n\\]*)(?P<rest>(?:\\\n.*|\n +.*)*)", re.MULTILINE)
_VIA = re.compile(r"^ +#(?: via)? +(?P<parent>\S[^\n]*)$", re.MULTILINE)
_OURS = "llama-stack-provider-litellm (pyproject.toml"


def entries(text: str) -> dict[str, tuple[str, str]]:
    """For each package of a lock, its pin with its marker, and the lines that belong to it."""
    found = [(match["pin"].strip(), match["rest"]) for match in _ENTRY.finditer(text)]
    return {canonicalize_name(Requirement(pin).name): (pin, rest) for pin, rest in found}


def runtime_pins() -> dict[str, str]:
    """What of the lock is installed without the development group, followed through its `via` comments."""
    locked = entries(LOCK)
    parents = {name: set(_VIA.findall(rest)) for name, (_, rest) in locked.items()}
    runtime = {name for name, wanted_by in parents.items() if f"{_OURS})" in wanted_by}
    while more := {name for name, wanted_by in parents.items() if wanted_by & runtime} - runtime:
        runtime |= more
    return {name: locked[name][0] for name in sorted(runtime)}


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for and the lock has to hold."""
    wanted = [
        *PYPROJECT["project"]["dependencies"],
        *EXTRAS["embedded"],
        *EXTRAS["distribution"],
        *GROUPS["dev"],
    ]
    return [Requirement(line) for line in wanted]


def test_constraints_hold_the_runtime_packages_of_the_lock() -> None:
    constraints = {name: pin for name, (pin, _) in entries(CONSTRAINTS).items()}
    runtime = runtime_pins()
    assert {name: constraints.get(name) for name in runtime} == runtime
    for name in entries(LOCK).keys() & constraints.keys():
        assert constraints[name] == entries(LOCK)[name][0]


def test_constraints_hold_what_only_the_build_installs() -> None:
    constraints = entries(CONSTRAINTS)
    for requirement in map(Requirement, GROUPS["host-build"]):
        pin = Requirement(constraints[canonicalize_name(requirement.name)][0])
        assert pin.specifier, pin
        assert requirement.specifier.contains(_version(pin)), pin


def test_build_installs_nothing_that_is_not_pinned() -> None:
    from llama_stack.core.build import SERVER_DEPENDENCIES, get_provider_dependencies
    from llama_stack.core.datatypes import BuildConfig

    normal, special, external = get_provider_dependencies(BuildConfig(**_build_config()))
    wanted = [*normal, *special, *SERVER_DEPENDENCIES, *get_provider_spec().pip_packages, "llama-stack"]
    assert {canonicalize_name(Requirement(line).name) for line in wanted} <= entries(CONSTRAINTS).keys()
    assert external == ["llama_stack_provider_litellm"]


@pytest.mark.parametrize("text", [LOCK, PROXY_LOCK], ids=["lock", "proxy"])
def test_lock_has_a_hash_for_each_package(text: str) -> None:
    locked = entries(text)
    assert len(locked) > 100
    assert [name for name, (_, rest) in locked.items() if "--hash=sha256:" not in rest] == []
    assert len(locked) == len(re.findall(r"^[^ #\n]", text, re.MULTILINE))


@pytest.mark.parametrize("text", [LOCK, PROXY_LOCK, CONSTRAINTS], ids=["lock", "proxy", "constraints"])
def test_no_address_and_no_path_of_a_machine(text: str) -> None:
    assert not re.search(r"--(?:index-url|extra-index-url|find-links|trusted-host)|https?://|file:|[\s@]/", text)


@pytest.mark.parametrize("text", [LOCK, CONSTRAINTS], ids=["lock", "constraints"])
def test_refused_releases(text: str) -> None:
    pins = {name: Requirement(pin) for name, (pin, _) in entries(text).items()}
    assert _version(pins["litellm"]) == "1.106.2"
    assert _version(pins["llama-stack"]) == "0.2.24"
    assert "torch" not in pins


def test_the_proxy_is_of_the_embedded_release() -> None:
    assert entries(PROXY_LOCK)["litellm"][0] == f"litellm=={_version(Requirement(entries(LOCK)['litellm'][0]))}"
    assert GROUPS["proxy"] == [line.replace("litellm", "litellm[proxy]") for line in EXTRAS["embedded"][:1]]


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8", "1.83.0", "1.107.0rc2", "1.107.0", "1.109.0"])
def test_embedded_extra_shuts_out(version: str) -> None:
    (line,) = [line for line in EXTRAS["embedded"] if line.startswith("litellm")]
    assert not Requirement(line).specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_lock_keeps_the_bounds(requirement: Requirement) -> None:
    pin, _ = entries(LOCK)[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(_version(Requirement(pin)))


def test_spec_names_the_litellm_of_the_extra() -> None:
    assert [str(Requirement(line)) for line in get_provider_spec().pip_packages] == [
        str(Requirement(line)) for line in EXTRAS["embedded"]
    ]


def test_build_and_run_config_name_the_same_providers() -> None:
    built = _providers(_build_config()["distribution_spec"]["providers"])
    run = _providers(_run_config()["providers"])
    assert run == built
    assert set(_run_config()["apis"]) == set(built)


def test_run_config_names_no_path_and_no_port_of_its_own() -> None:
    fixed = [
        value
        for key, value in _leaves(_run_config())
        if key in {"db_path", "sqlite_db_path", "storage_dir", "config_path", "host", "port"}
        and not re.match(r"\$\{env\.[A-Z_]+:=", str(value))
    ]
    assert fixed == []


def _build_config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "distribution" / "build.yaml").read_text())
    return config


def _run_config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "run_configs" / "run.yaml").read_text())
    return config


def _providers(apis: dict[str, list[dict[str, Any]]]) -> dict[str, set[tuple[str, str | None]]]:
    return {api: {(entry["provider_type"], entry.get("module")) for entry in found} for api, found in apis.items()}


def _leaves(node: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        return [leaf for name, value in node.items() for leaf in _leaves(value, name)]
    if isinstance(node, list):
        return [leaf for value in node for leaf in _leaves(value, key)]
    return [(key, node)]


def _version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version
