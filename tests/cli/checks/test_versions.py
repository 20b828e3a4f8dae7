"""What the doctor says of installed releases, told by metadata that is put before the real."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from tests.cli.machine import Machine

LITELLM = ["litellm!=1.107.*,<1.109,>=1.106.2"]


def mends(*wanted: str) -> str:
    return f"{sys.executable} -m pip install {' '.join(repr(one) for one in wanted)}"


def test_the_tested_set_is_all_right(machine: Machine) -> None:
    done = machine.doctor("--mode", "proxy")
    assert {one["severity"] for one in done.of("versions")} == {"ok"}
    (said,) = [one["what"] for one in done.of("versions") if "litellm" in one["what"]]
    assert f"litellm {metadata.version('litellm')}" in said
    assert said.startswith("As tested: ")
    versions = done.report["versions"]
    assert versions["llama-stack"] == "0.2.24"
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["ogx"] is None


def test_another_release_than_the_tested_one(machine: Machine) -> None:
    machine.install("fastapi", "0.120.0")
    done = machine.doctor("--mode", "proxy")
    tested = metadata.version("fastapi")
    found = done.one("versions", "note", "fastapi")
    assert found["what"] == f"fastapi 0.120.0 is installed; {tested} was tested."
    assert found["mend"] == f"{sys.executable} -m pip install fastapi=={tested}"


def test_a_release_that_is_out_of_bounds(machine: Machine) -> None:
    machine.install("aiohttp", "3.9.0")
    found = machine.doctor("--mode", "proxy").one("versions", "warning", "aiohttp")
    assert "asks for >=3.12" in found["what"]
    assert found["mend"] == mends("aiohttp>=3.12")


def test_a_release_that_litellm_does_not_take(machine: Machine) -> None:
    machine.install("openai", "3.1.0")
    found = machine.doctor("--mode", "proxy").one("versions", "warning", "openai")
    assert found["what"].startswith("openai 3.1.0 is installed; litellm 1.106.2 asks for ")
    assert ",<3" in found["mend"] or "<3," in found["mend"]


def test_mcp_2(machine: Machine) -> None:
    machine.install("mcp", "2.0.0")
    machine.write("mcp", "raise RuntimeError('imported')")
    machine.write("llama_stack", "raise RuntimeError('imported')")
    done = machine.doctor("--mode", "proxy")
    found = done.one("versions", "error", "mcp 2.0.0")
    assert "llama-stack 0.2.24 dies" in found["what"]
    assert found["mend"] == mends("mcp>=1.8.1,<2")
    assert done.status == 1
    assert "RuntimeError" not in done.out


def test_ogx_takes_mcp_2(machine: Machine) -> None:
    machine.uninstall("llama-stack", "mcp")
    machine.install("ogx", "1.5.0")
    machine.install("mcp", "2.2.0")
    done = machine.doctor("--mode", "proxy")
    (found,) = [one for one in done.of("versions") if one["what"].startswith("mcp")]
    assert (found["severity"], "was tested" in found["what"]) == ("note", True)


def test_no_greenlet(machine: Machine) -> None:
    machine.uninstall("greenlet")
    done = machine.doctor("--mode", "proxy")
    found = done.one("versions", "error", "greenlet is not installed")
    assert found["mend"] == mends("sqlalchemy[asyncio]>=2.0.41")
    assert done.status == 1


@pytest.mark.parametrize(("version", "mode"), [("1.82.7", "embedded"), ("1.82.8", "proxy"), ("1.82.8", "auto")])
def test_a_malicious_litellm_is_an_error_and_is_not_imported(machine: Machine, version: str, mode: str) -> None:
    machine.install("litellm", version)
    machine.write("litellm", f"open({str(machine.folder / 'imported')!r}, 'w')")
    done = machine.doctor("--mode", mode)
    found = done.one("versions", "error", f"litellm {version} is a malicious release")
    assert found["mend"].startswith(mends(*LITELLM))
    assert "change every key and password" in found["mend"]
    assert not (machine.folder / "imported").exists()
    assert done.report["models"] == []


def test_litellm_with_known_holes(machine: Machine) -> None:
    machine.install("litellm", "1.83.0")
    machine.write("litellm", "raise ImportError('not this one')")
    severities = {"embedded": "error", "auto": "warning", "proxy": "warning"}
    for mode, severity in severities.items():
        done = machine.doctor("--mode", mode)
        found = done.one("versions", severity, "litellm 1.83.0 has known security holes (CVEs")
        assert found["mend"] == mends(*LITELLM)


@pytest.mark.parametrize("version", ["1.106.1", "1.107.0rc2", "1.107.0", "1.109.3"])
def test_litellm_out_of_bounds(machine: Machine, version: str) -> None:
    machine.install("litellm", version)
    machine.write("litellm", "raise ImportError('imported')")
    done = machine.doctor()
    found = done.one("versions", "error", f"litellm {version} is none of the releases")
    assert found["mend"] == mends(*LITELLM)
    assert done.status == 1
    assert machine.doctor("--mode", "proxy").one("versions", "note", f"litellm {version}")


def test_without_litellm_watchfiles_and_the_host(machine: Machine) -> None:
    machine.uninstall("litellm", "watchfiles", "llama-stack", "llama-stack-client")
    for mode, severity, why in (
        ("embedded", "error", "embedded mode needs it."),
        ("auto", "warning", "nothing to fall back on"),
        ("proxy", "note", "proxy mode needs none."),
    ):
        done = machine.doctor("--mode", mode)
        assert why in done.one("versions", severity, "litellm is not installed")["what"]
        found = done.one("versions", "error", "No Llama Stack is installed")
        assert found["mend"] == mends("llama-stack-provider-litellm[distribution]")
        assert done.report["models"] == []
        assert done.of("models", "error") == []
        watchfiles = [one["severity"] for one in done.of("versions") if "watchfiles" in one["what"]]
        assert watchfiles == ([] if mode == "proxy" else [severity])


def test_what_the_run_config_needs(machine: Machine) -> None:
    machine.uninstall("faiss-cpu")
    found = machine.doctor("--mode", "proxy").one("versions", "error", "faiss-cpu is not installed")
    assert "the run config" in found["what"]
    assert found["mend"] == mends("faiss-cpu>=1.10")


def test_a_host_of_another_line(machine: Machine) -> None:
    machine.install("llama-stack", "0.3.5")
    found = machine.doctor("--mode", "proxy").one("versions", "error", "llama-stack 0.3.5")
    assert "serves llama-stack==0.2.24 or llama-stack==0.7.3 or ogx<1.6,>=1.4." in found["what"]
    assert found["mend"] == mends("llama-stack-provider-litellm[distribution]")


@pytest.mark.parametrize(("host", "version"), [("llama-stack", "0.7.3"), ("ogx", "1.4.0"), ("ogx", "1.5.0")])
def test_each_line_is_served(machine: Machine, host: str, version: str) -> None:
    machine.install(host, version)
    done = machine.doctor("--mode", "proxy")
    assert [one for one in done.of("versions", "error") if one["what"].startswith(f"{host} ")] == []
    assert "asks for ==0.2.24" not in done.out


def test_another_patch_of_a_line(machine: Machine) -> None:
    machine.install("llama-stack", "0.7.4")
    done = machine.doctor("--mode", "proxy")
    assert "asks for ==0.7.3." in done.one("versions", "warning", "llama-stack 0.7.4 is installed")["what"]
    assert [one for one in done.of("versions", "error") if one["what"].startswith("llama-stack ")] == []


def test_ogx_beside_another_release_of_its_api(machine: Machine) -> None:
    machine.install("ogx", "1.4.0")
    machine.install("ogx-api", "1.5.0")
    found = machine.doctor("--mode", "proxy").one("versions", "error", "ogx-api 1.5.0 is installed beside ogx 1.4.0")
    assert found["mend"] == f"{sys.executable} -m pip install ogx-api==1.4.0"


def test_no_tokenizer(machine: Machine) -> None:
    machine.uninstall("llama-stack", "litellm")
    machine.install("ogx", "1.5.0")
    assert machine.doctor("--mode", "proxy").one("versions", "note", "brings the tokenizer cl100k_base")
    assert "cl100k_base" not in machine.doctor("--mode", "proxy", TIKTOKEN_CACHE_DIR="/x").out
