"""`llama-stack-litellm doctor` as a whole: what it prints, its exit status, that it dies of nothing, and secrets."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from llama_stack_provider_litellm.cli import main
from tests.cli.machine import READY, Machine, served

SUBJECTS = ["versions", "config", "models", "keys", "callers", "port", "storage", "usage"]
CONFIG = """
model_list:
- {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: config-planted-secret}}
- {model_name: sk-planted-12345678, litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/MY_KEY}}
litellm_settings: {cache: true, cache_params: {type: redis, host: 127.0.0.1, port: 9, password: config-planted-secret}}
environment_variables: {MISTRAL_API_KEY: config-planted-secret}
router_settings: {num_retries: config-planted-secret}
"""


def test_a_sound_machine(machine: Machine) -> None:
    done = machine.doctor()
    assert done.status == 0
    assert done.err == ""
    assert list(dict.fromkeys(one["subject"] for one in done.report["findings"])) == SUBJECTS
    assert {one["severity"] for one in done.report["findings"]} <= {"ok", "note"}
    assert all(one.keys() == {"subject", "severity", "what", "mend"} for one in done.report["findings"])
    assert {model["model"]: model["type"] for model in done.report["models"]} == {
        "litellm/demo-chat": "llm",
        "litellm/demo-guard": "llm",
        "litellm/demo-judge": "llm",
        "litellm/demo-embedding": "embedding",
    }


def test_the_words(machine: Machine) -> None:
    with served(READY) as (url, _):
        arguments = ("--mode", "proxy", "--proxy-url", url, "--config", "config.yaml")
        told = machine.doctor(*arguments).report["findings"]
        done = machine.doctor(*arguments, as_json=False)
    lines = done.out.splitlines()
    subjects = ["versions", "config", "proxy", "models", "callers", "port", "storage"]
    assert [line for line in lines if line in subjects] == subjects
    for one in told:
        first, *more = one["what"].splitlines()
        at = lines.index(f"  {one['severity']:<8} {first}")
        below = [*more, *([f"→ {one['mend']}"] if one["mend"] else [])]
        assert lines[at + 1 : at + 1 + len(below)] == [f"           {line}" for line in below]
    (row,) = [line.split() for line in lines if line.startswith("litellm/small")]
    assert row[1:4] == ["embedding", "openai/text-embedding-3-small", "1,536"]
    assert lines[-1] == "0 errors, 2 warnings, 2 notes"
    assert "\x1b" not in done.out


def test_what_is_wrong_is_counted_and_is_the_status(machine: Machine) -> None:
    machine.install("mcp", "2.0.0")
    done = machine.doctor("--mode", "proxy", "--proxy-url", "http://127.0.0.1:9", as_json=False)
    assert done.status == 1
    assert done.out.splitlines()[-1] == "2 errors, 0 warnings, 1 note"
    assert "  error    mcp 2.0.0" in done.out


def test_secrets_are_never_shown(machine: Machine) -> None:
    config = machine.folder / "config.yaml"
    config.write_text(CONFIG)
    secrets = {
        "LITELLM_PROXY_API_KEY": "proxy-planted-secret",
        "MY_KEY": "env-planted-secret",
        "OPENAI_API_KEY": "env-planted-secret-too",
        "LITELLM_CONFIG": str(config),
    }
    echo = json.dumps({"error": {"message": "Invalid key proxy-planted-secret, not sk-planted-12345678"}})
    ready = (200, "application/json", '{"status": "healthy"}')
    with served({"/health/readiness": ready, "/v1/models": (401, "application/json", echo)}) as (url, asked):
        for usable in (False, True):
            config.write_text(CONFIG.replace("router_settings", "#") if usable else CONFIG)
            done = machine.doctor("--mode", "auto", "--proxy-url", url, as_json=usable, **secrets)
            assert "planted" not in done.out + done.err
            assert "refuses the key (HTTP 401): Invalid key [redacted], not [redacted]" in done.out
            assert ("num_retries" in done.out) is not usable
            assert ("litellm/gpt" in done.out) is usable
    assert {one["authorization"] for one in asked if "authorization" in one} == {"Bearer proxy-planted-secret"}


@pytest.mark.parametrize(
    ("module", "mode", "subjects"),
    [
        ("llama_stack", "proxy", []),
        ("mcp", "proxy", []),
        ("watchfiles", "proxy", []),
        ("litellm", "proxy", []),
        ("openai", "proxy", ["models"]),
        ("aiohttp", "proxy", ["proxy"]),
        ("litellm", "embedded", ["models", "keys"]),
    ],
)
def test_it_does_not_die_of_a_broken_package(machine: Machine, module: str, mode: str, subjects: list[str]) -> None:
    machine.write(module, "raise RuntimeError('broken')")
    with served(READY) as (url, _):
        done = machine.doctor("--mode", mode, "--proxy-url", url)
    assert {"versions", "callers", "port", "storage"} <= {one["subject"] for one in done.report["findings"]}
    broken = [one for one in done.report["findings"] if "RuntimeError: broken" in one["what"]]
    assert [one["subject"] for one in broken] == subjects
    assert all(one["severity"] == "error" and one["mend"] for one in broken)
    assert done.status == (1 if subjects else 0)


def test_what_a_handler_prints_stays_out_of_the_report(machine: Machine) -> None:
    machine.write("noisy", "print('to whom it may concern')\nhandler = object()\n")
    config = machine.folder / "config.yaml"
    config.write_text(
        "model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: sk-planted-12345678}}]\n"
        "litellm_settings: {callbacks: noisy.handler}\n"
    )
    done = machine.doctor("--config", config)
    assert done.report["models"]
    assert "concern" not in done.out


def test_options_are_checked() -> None:
    assert CliRunner().invoke(main, ["doctor", "--mode", "other"]).exit_code == 2
    assert CliRunner().invoke(main, ["doctor", "--port", "0"]).exit_code == 2


def test_help() -> None:
    said = " ".join(CliRunner().invoke(main, ["doctor", "--help"]).output.split())
    assert "Usage: " in said
    for variable in (
        "LITELLM_CONFIG",
        "LITELLM_MODE",
        "LITELLM_PROXY_URL",
        "LITELLM_PROXY_API_KEY",
        "LLAMA_STACK_PORT",
    ):
        assert variable in said
    assert "doctor" in CliRunner().invoke(main, ["--help"]).output
