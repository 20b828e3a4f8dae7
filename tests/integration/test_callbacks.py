"""Callbacks of the LiteLLM config are told of every call, as LiteLLM Proxy tells them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import modes
from tests.integration.test_reload import cli, until
from tests.line import HEADER
from tests.stack import Stack, running_stack
from tests.upstream.process import Upstream

pytestmark = pytest.mark.any_host

LOGGER = """
import json, pathlib
from litellm.integrations.custom_logger import CustomLogger

OUT = pathlib.Path(__file__).parent / "told.jsonl"

def tell(kind, kwargs, **more):
    payload = kwargs.get("standard_logging_object")
    row = {"kind": kind, "payload": payload, "cost": kwargs.get("response_cost"), **more}
    with OUT.open("a") as out:
        out.write(json.dumps(row, default=str) + "\\n")

class Logger(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        tell("async success", kwargs, seconds=(end_time - start_time).total_seconds())
    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        tell("async failure", kwargs)

async def successes(kwargs, response_obj, start_time, end_time):
    tell("success_callback", kwargs)

async def failures(kwargs, response_obj, start_time, end_time):
    tell("failure_callback", kwargs)

both = Logger()
"""

SETTINGS = """
litellm_settings:
  callbacks: my_callbacks.both
  success_callback: [my_callbacks.successes]
  failure_callback: [my_callbacks.failures]
"""
WHO = {
    "litellm_user": "ann",
    "litellm_agent": "reviewer",
    "litellm_project": "apollo",
    "litellm_org": "acme",
    "litellm_tags": ["blue"],
    "litellm_metadata": {"ticket": "T-1"},
}


def config(upstream: Upstream, settings: str = SETTINGS) -> str:
    params = f"{{model: openai/gpt-4o-mini, api_key: sk-callback-planted, api_base: '{upstream.url}/v1'}}"
    router = "router_settings: {num_retries: 0, disable_cooldowns: true}"
    return (
        f"model_list: [{{model_name: gpt, model_info: {{id: gpt-1}}, litellm_params: {params}}}]\n{router}\n{settings}"
    )


@pytest.fixture(scope="module")
def logged(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("callbacks")
    (folder / "my_callbacks.py").write_text(LOGGER)
    with running_stack(folder, config(upstream)) as stack:
        yield stack


def ask(stack: Stack, text: str, stream: bool = False) -> httpx.Response:
    body = {"model": "litellm/gpt", "messages": [{"role": "user", "content": text}], "stream": stream}
    header = {HEADER: json.dumps(WHO)}
    return httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=header, timeout=30)


def told(stack: Stack, word: str) -> dict[str, dict[str, Any]]:
    """What the loggers were told of the call whose prompt holds ``word``, by logger."""
    file = stack.folder / "told.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    rows = [json.loads(line) for line in lines if word in line]
    assert len({row["kind"] for row in rows}) == len(rows), "told twice"
    return {row["kind"]: row for row in rows}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_success_with_the_proxys_payload(logged: Stack, word: str, stream: bool) -> None:
    answer = ask(logged, word, stream)
    last = json.loads(answer.text.splitlines()[-2][6:] if stream else answer.text)
    until(lambda: len(told(logged, word)) == 2)
    rows = told(logged, word)
    assert rows.keys() == {"async success", "success_callback"}
    payload = rows["async success"]["payload"]
    assert rows["success_callback"]["payload"]["id"] == payload["id"]
    assert payload["status"] == "success"
    assert (payload["model_group"], payload["model_id"]) == ("gpt", "gpt-1")
    assert payload["stream"] is (True if stream else payload["stream"])
    assert payload["messages"] == [{"role": "user", "content": word}]
    assert payload["total_tokens"] == last["usage"]["total_tokens"]
    assert payload["response_cost"] == pytest.approx(last["litellm"]["cost_usd"], abs=1e-9)
    assert rows["async success"]["cost"] == pytest.approx(payload["response_cost"], abs=1e-9)
    assert "blue" in payload["request_tags"]
    assert payload["end_user"] == "ann"
    about = {"ticket": "T-1", "agent": "reviewer", "project": "apollo", "org": "acme"}
    requester = payload["metadata"]["requester_metadata"]
    # A LiteLLM Proxy has the request's headers there too.
    assert (requester if modes.current == "embedded" else requester["spend_logs_metadata"]) == about
    assert payload["metadata"]["spend_logs_metadata"] == about
    assert (payload["metadata"]["user_api_key_hash"] is None) is (modes.current == "embedded")
    assert payload["call_id"] if "call_id" in payload else payload["litellm_call_id"] == last["litellm"]["call_id"]
    assert "sk-callback-planted" not in json.dumps(rows)
    assert not logged.proxy or logged.proxy.key not in json.dumps(rows)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_failure(logged: Stack, word: str, stream: bool) -> None:
    ask(logged, f"[[error 429]] {word}", stream)
    until(lambda: len(told(logged, word)) == 2)
    rows = told(logged, word)
    assert rows.keys() == {"async failure", "failure_callback"}
    payload = rows["async failure"]["payload"]
    assert payload["status"] == "failure"
    assert payload["error_information"]["error_code"] == "429"
    assert "blue" in payload["request_tags"]
    assert "sk-callback-planted" not in json.dumps(rows)


@pytest.mark.embedded_only("a LiteLLM Proxy reads its own config, and only when it starts")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("callbacks: [no_such_module.logger]", "'no_such_module.logger' cannot be imported"),
        ("callbacks: [langfus]", "Did you mean langfuse?"),
        ("success_callback: [langfuse]", "pip install langfuse"),
        ("failure_callback: [sentry]", "pip install sentry_sdk"),
        ("success_callback: {a: 1}", "must be a list of names"),
        ("success_callback: [datadog]", "'datadog' cannot be used: DD_API_KEY"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(logged: Stack, upstream: Upstream, settings: str, words: str) -> None:
    (logged.folder / "config.yaml").write_text(config(upstream, f"litellm_settings: {{{settings}}}\n"))
    result = cli(logged, "reload")
    assert result.returncode == 1
    assert words in " ".join(result.stderr.split())
    assert "litellm_settings." in result.stderr


@pytest.mark.embedded_only("a LiteLLM Proxy reads its own config, and only when it starts")
def test_a_reload_takes_loggers_out_and_puts_them_in_once(upstream: Upstream, tmp_path: Path, word: str) -> None:
    (tmp_path / "my_callbacks.py").write_text(LOGGER)
    with running_stack(tmp_path, config(upstream)) as stack:
        for _ in range(3):
            assert cli(stack, "reload").returncode == 0
        ask(stack, f"{word}-first")
        until(lambda: len(told(stack, f"{word}-first")) == 2)
        (tmp_path / "config.yaml").write_text(
            config(upstream, "litellm_settings: {success_callback: [my_callbacks.successes]}")
        )
        assert cli(stack, "reload").returncode == 0
        ask(stack, f"{word}-second")
        until(lambda: told(stack, f"{word}-second"))
        ask(stack, f"{word}-third")
        until(lambda: told(stack, f"{word}-third"))
        assert told(stack, f"{word}-second").keys() == {"success_callback"}


@pytest.mark.embedded_only("only a proxy asks guardrails: it does")
def test_guards_that_only_a_proxy_asks_are_named(upstream: Upstream, tmp_path: Path, word: str) -> None:
    with running_stack(tmp_path, config(upstream, "litellm_settings: {callbacks: [presidio]}")) as stack:
        assert ask(stack, word).status_code == 200
        assert "'presidio' is asked by a LiteLLM Proxy alone" in " ".join(stack.log.split())
