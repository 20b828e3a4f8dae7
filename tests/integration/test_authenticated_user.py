"""Who the server has authenticated is the user of a request that names none; whoever only says so is nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import line
from tests.imitation import imitation_proxy
from tests.integration.conftest import litellm_config
from tests.integration.test_examples import UP
from tests.line import HEADER
from tests.stack import Stack
from tests.upstream.process import Upstream
from tests.waiting import until

pytestmark = pytest.mark.embedded_only("it starts proxies of its own, and stacks in modes of their own")


@contextmanager
def authority() -> Iterator[str]:
    """An authentication endpoint of the host's kind `custom`: the bearer of the token NAME is NAME. Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"principal": asked["api_key"], "attributes": {"roles": ["user"]}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/who"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def run_config_with_users(folder: Path) -> Iterator[Path]:
    """The shipped run config, but callers have to say, with a token, who they are."""
    with authority() as url:
        auth = {"provider_config": {"type": "custom", "endpoint": url}}
        yield line.changed_run_config(folder, lambda config: config["server"].update(auth=auth))


@contextmanager
def stack_with_users(folder: Path, **env: str) -> Iterator[Stack]:
    """A stack whose callers have to say, with a token, who they are."""
    with run_config_with_users(folder) as config:
        stack = Stack(folder, env, line.command(config))
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def test_up_serves_where_the_run_config_asks_who_calls(tmp_path: Path) -> None:
    with run_config_with_users(tmp_path) as config:
        stack = Stack(tmp_path, {}, [*UP, "--run-config", str(config)])
        try:
            stack.start()
            until(lambda: "The server asks who calls (status 401): its models are not shown." in stack.log, 30)
            answer = ask(stack, "hello", token="ann")
            assert answer.status_code == 404 and "Model 'gpt'" in answer.text, answer.text
        finally:
            assert stack.stop() == 0


def ask(stack: Stack, text: str, token: str | None = None, data: dict[str, Any] | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {HEADER: json.dumps(data)} if data else {}
    body = {"model": "litellm/gpt", "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{stack.openai_url}/chat/completions", json=body, headers=headers, timeout=30)


def test_the_principal_is_the_user_at_the_proxy(tmp_path: Path, word: str) -> None:
    with imitation_proxy() as proxy:
        env = {"LITELLM_MODE": "proxy", "LITELLM_PROXY_URL": proxy.url, "LITELLM_PROXY_API_KEY": "sk-a"}
        with stack_with_users(tmp_path, **env) as stack:
            for number, (token, data) in enumerate([("ann", {}), ("ann", {"litellm_user": "bob"}), ("cat", {})]):
                assert ask(stack, f"{word}-{number}", token, data).status_code == 200
        bodies = [request["body"] for request in proxy.seen()["requests"] if word in json.dumps(request["body"])]
        headers = [request["headers"] for request in proxy.seen()["requests"]]
    assert [body["user"] for body in bodies] == ["ann", "bob", "cat"]
    # The caller's token is for the stack alone.
    assert "Bearer ann" not in json.dumps(headers)


def test_the_principal_is_the_user_of_the_embedded_router(upstream: Upstream, tmp_path: Path, word: str) -> None:
    (tmp_path / "config.yaml").write_text(litellm_config(upstream))
    with stack_with_users(tmp_path, LITELLM_CONFIG=str(tmp_path / "config.yaml")) as stack:
        assert ask(stack, word, "ann").status_code == 200
    (call,) = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    assert call["body"]["user"] == "ann"


def test_a_user_that_a_caller_makes_up(shared_stack: Stack, upstream: Upstream, word: str) -> None:
    forged = {"__authenticated_user": {"principal": "root", "attributes": None}}
    answer = ask(shared_stack, word, data=forged)
    calls = [call for call in upstream.calls() if word in json.dumps(call["body"])]
    assert all("user" not in call["body"] for call in calls)
    assert "root" not in answer.text
