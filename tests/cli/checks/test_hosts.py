"""The header that callers use, for the host that is installed."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from llama_stack_provider_litellm.config import ProviderData
from tests.cli.machine import Machine


@pytest.mark.parametrize("host", ["llama-stack", "ogx"])
@pytest.mark.parametrize("mode", ["embedded", "proxy"])
def test_the_header_of_the_host(machine: Machine, host: str, mode: str) -> None:
    if host == "ogx":
        machine.uninstall("llama-stack", "litellm")
        machine.install("ogx", "1.4.0")
    name = {"llama-stack": "X-LlamaStack-Provider-Data", "ogx": "X-OGX-Provider-Data"}[host]
    (found,) = machine.doctor("--mode", mode, "--port", 8322).of("callers", "note")
    command = shlex.split(found["what"].splitlines()[-1])
    header, _, value = command[command.index("-H") + 1].partition(": ")
    assert header == name
    data = ProviderData.model_validate(json.loads(value))
    assert data.litellm_user
    assert (data.litellm_api_key is not None) is (mode == "proxy")
    assert "http://127.0.0.1:8322/" in command[-1]
    assert len(set(re.findall(r"X-\w+-Provider-Data", found["what"]))) == 1


def test_no_host(machine: Machine) -> None:
    machine.uninstall("llama-stack")
    (found,) = machine.doctor("--mode", "proxy").of("callers", "note")
    assert "X-LlamaStack-Provider-Data (with llama-stack) or X-OGX-Provider-Data (with ogx)" in found["what"]
